"""One word decides what is asked: the next item under a ranking, or a task of its own; the two are never mixed."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.errors import DataError, SettingError
from tastelm.leaderboard import to_markdown
from tastelm.tasks.asked import is_task, question
from tastelm.testing import SMALL, circle

NAME = "liked:users=8,shown=3,disliked=2,others=6,likes=5,dislikes=2"


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(0)
    rows = [(f"u{user}", str(item), float(rng.integers(1, 6)), float(place)) for user in range(20) for place, item in enumerate(rng.permutation(30)[:25])]
    items = pl.DataFrame({"item": [str(item) for item in range(30)], "title": [f"Film {item}" for item in range(30)]})
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item", "rating", "time"], orient="row"), name="rated", items=items)


def test_the_next_item_is_asked_for_as_before(data: Dataset) -> None:
    assert not is_task("full") and not is_task("uniform-3") and is_task("liked") and is_task(NAME)
    found = question(data, "uniform-3", split="ratio:0.7,0.1", metrics="hr@3", cases=5)
    assert found.describe()["ranking"] == "uniform-3" and "task" not in found.describe() and len(found.cases) == 5 and found.split.protocol == "ratio:0.7,0.1"


def test_some_of_the_questions_of_a_task_keep_their_candidates(data: Dataset) -> None:
    whole, some = question(data, NAME), question(data, NAME, cases=3, metrics="hr@1")
    assert whole.negatives is not None and some.negatives is not None and len(some.cases) == 3 and some.describe()["cases_drawn_of"] == 8
    assert whole.split.fingerprint == some.split.fingerprint and [str(metric) for metric in some.metrics] == ["hr@1"]
    for row, user in enumerate(some.cases.users):
        (there,) = np.flatnonzero(whole.cases.users == user)
        assert (whole.negatives[there] == some.negatives[row]).all() and whole.cases.targets[int(there)].tolist() == some.cases.targets[row].tolist()


def test_every_row_of_a_comparison_says_so_and_no_number_is_that_of_a_full_ranking(data: Dataset, tmp_path: Path) -> None:
    board = tl.compare(data, "popularity,lm-zeroshot", set={"lm-zeroshot.model": SMALL["model"]}, protocol=NAME, out=tmp_path)
    assert board.protocol == board.evaluation["task"] == NAME and board.evaluation["main"] == "hr@1"
    for row in board.rows:
        assert row["protocol"]["task"] == NAME and row["protocol"]["ranking"] == "disliked-2" and row["metrics"]["hr@3"] == 1, "there are three candidates"
    said = to_markdown(board)
    assert f"TASK {NAME}, a liked item" in said and "comparable with no other ranking" in said and "| hr@1 |" in said and "all items ranked" not in said
    assert f"TASK {NAME}" in (tmp_path / "report.html").read_text()
    with pytest.raises(KeyError):
        tl.load(next((tmp_path / "runs").glob("lm-zeroshot-*"))).about["metrics"]["valid"]


def test_a_run_that_was_fitted_under_it_is_asked_it_again(data: Dataset, tmp_path: Path) -> None:
    fitted = tl.fit("popularity", data, protocol=NAME, out=tmp_path / "run").about["metrics"]
    assert set(fitted) == {"test", "fit"} and fitted["test"]["protocol"]["task"] == NAME
    for protocol in (None, NAME):
        found = tl.evaluate(tmp_path / "run", data, protocol=protocol)
        assert found["metrics"] == fitted["test"]["metrics"] and found["protocol"] == fitted["test"]["protocol"] and found["remarks"] == []
    with pytest.raises(SettingError, match=r"the run was fitted under liked:users=8.*, whose split has no questions for full. Leave --protocol out"):
        tl.evaluate(tmp_path / "run", data, protocol="full")
    (remark,) = tl.evaluate(tmp_path / "run", data, protocol=NAME.replace("others=6", "others=all"))["remarks"]
    assert "not fitted under liked" in remark


def test_a_run_of_another_split_is_asked_with_a_remark(data: Dataset) -> None:
    model = tl.fit("popularity", data)
    found = tl.evaluate(model, data, protocol=NAME, cases=4)
    assert found["protocol"]["task"] == NAME and found["protocol"]["cases"] == 4 and "may have been trained on what is asked" in " ".join(found["remarks"])


def test_another_task_is_another_job(data: Dataset, tmp_path: Path) -> None:
    tl.fit("popularity", data, protocol=NAME, out=tmp_path)
    with pytest.raises(tl.TasteLMError, match="holds a run of popularity on rated with other settings, seed or data"):
        tl.fit("popularity", data, protocol=NAME.replace("shown=3", "shown=2"), out=tmp_path)


def test_what_a_task_leaves_no_room_for_is_refused(data: Dataset, tmp_path: Path) -> None:
    bare = circle(12)
    for refused, message in (
        (lambda: question(data, NAME, split="ratio:0.8,0.1"), "liked divides the data itself, by what was liked, so it takes no split ratio"),
        (lambda: question(data, NAME, seen="keep"), "liked ranks its candidates alone"),
        (lambda: question(data, NAME, cases=0), "cases: 0 does not fit"),
        (lambda: question(data, "like"), "protocol: 'like' is not known; .* Or liked, which of a few items somebody liked"),
        (lambda: tl.compare(data, "sasrec", protocol=NAME.replace("others=6", "others=0"), tune=2, out=tmp_path / "out"), "--tune chooses .* has no others"),
        (lambda: tl.fit("popularity", data, protocol=NAME, all=True), "--all trains on everything, so it takes no --protocol"),
        (lambda: tl.fit("popularity", data, protocol="uniform-9"), "fit judges a system as suits it, or by liked; 'uniform-9' is for compare and evaluate"),
    ):
        with pytest.raises(SettingError, match=message):
            refused()
    for asked in (lambda: tl.fit("popularity", bare, protocol="liked"), lambda: tl.compare(bare, "popularity", protocol="liked", out=tmp_path / "out")):
        with pytest.raises(DataError, match=r"has no ratings, so nobody knows what was liked. Name the column with --rating NAME"):
            asked()
    assert not (tmp_path / "out").exists()
