"""A transfer curve on paper."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from tastelm.report.transfer import write_transfer
from tastelm.transfer import Curve, Place, Point

ABOUT = {
    "system": "s3<rec", "data": {"name": "lo&g"}, "users": {"source": 1234, "target": 1200}, "budget": None, "split": "leave-one-out",
    "split_seed": 0, "without_pretraining": {"pretrain_epochs": 0},
}  # fmt: skip


def point(arm: str, share: float, seed: int, hits: int) -> Point:
    values = np.zeros((2, 40))
    values[:, :hits] = [[1.0], [0.5]]
    return Point(Place(arm, share, seed), "k", 1, {"hr@10": hits / 40, "ndcg@10": hits / 80}, values, 1.0, 0.0, [])


HITS = {
    ("zero-shot", 0.0): 4,
    ("scratch", 0.01): 2,
    ("scratch", 0.1): 10,
    ("scratch", 1.0): 30,
    ("pre-trained", 0.01): 20,
    ("pre-trained", 0.1): 11,
    ("pre-trained", 1.0): 15,
}
POINTS = [point(arm, share, seed, hits + seed) for (arm, share), hits in HITS.items() for seed in (0, 1)]
CURVE = Curve(ABOUT, [one.place for one in POINTS], POINTS, {"0.01": 12, "0.1": 120, "1": 1200}, "tastelm transfer s3rec")


def test_the_tables_hold_the_curve_and_say_what_its_intervals_allow(tmp_path: Path) -> None:
    write_transfer(CURVE, tmp_path)
    text = (tmp_path / "transfer.md").read_text()
    assert "Pre-training helps at 1 %, harms at 100 %, cannot be told from none at 10 % of the target users, in ndcg@10." in text
    assert "1,234 source users are pre-trained on. All 1,200 target users" in text and "1 % are 12, 10 % are 120, 100 % are 1,200" in text
    assert "| tuned on | scratch | pre-trained | zero-shot |" in text and "`scratch` and `joint`: pretrain_epochs=0." in text
    assert "| nobody |  |  | 0.1125 [" in text and "0.1000–0.1250] |" in text, "the mean, and the range of the seeds"
    assert "| 1 % | +0.4500 [" in text and "| 100 % | -0.3750 [" in text
    assert "    tastelm transfer s3rec\n" in text


def test_the_drawing_has_a_line_for_each_arm_and_is_whole(tmp_path: Path) -> None:
    write_transfer(CURVE, tmp_path)
    root = ET.parse(tmp_path / "transfer.svg").getroot()
    space = {"s": "http://www.w3.org/2000/svg"}
    assert len(root.findall("s:path[@stroke-dasharray]", space)) == 2 and len(root.findall("s:line[@class]", space)) > 7
    words = [element.text for element in root.findall("s:text", space)]
    assert {"1", "10", "100", "scratch", "pre-trained", "zero-shot", "ndcg@10"} <= set(words)
    assert "ndcg@10 of s3<rec on lo&g over the share that is tuned on" in [element.text for element in root.findall("s:title", space)]
    assert "nan" not in (tmp_path / "transfer.svg").read_text().split("</style>")[1]
