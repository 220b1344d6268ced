"""Ratings are held against those that were given, for every run that predicts them and gives no reasons."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from cli.running import done
from numpy.typing import NDArray
from torch import nn

import tastelm as tl
from tastelm.api import evaluate
from tastelm.data.dataset import Dataset
from tastelm.data.reviews import reviews
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split, split
from tastelm.rated import errors, judge_ratings
from tastelm.recommender import Recommender
from tastelm.systems.catalogue import system
from tastelm.testing import circle


def data() -> Split:
    rows = [(f"u{user:02}", f"i{item:02}", float(1 + (user + item) % 5)) for user in range(12) for item in range(12)]
    return split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "rating"], orient="row"), name="rated"), "random:0.5,0.2")


class Oracle(nn.Module):
    """Says what was given, and `off` more."""

    needs_users = True

    def __init__(self, off: float) -> None:
        super().__init__()
        self.off = off

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> torch.Tensor:
        return torch.zeros(len(histories), 12)

    def ratings(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> torch.Tensor:
        return torch.from_numpy(1.0 + (users + items) % 5) + self.off


def oracle(parts: Split, off: float) -> Recommender:
    return Recommender(system("popularity").create(), Oracle(off), parts.items, parts.users)


def test_who_knows_is_right_and_who_is_one_off_is_wrong_by_it_but_at_the_end_of_the_scale() -> None:
    parts = data()
    right, off = (judge_ratings(oracle(parts, by), parts) for by in (0, 1))
    given = reviews(parts, Part.TEST).ratings
    assert right["metrics"] == {"rmse": 0, "mae": 0} and right["cases"] == right["of"] == len(given)
    assert off["metrics"]["mae"] == pytest.approx(np.mean(given < 5)), "5 is the most that can be given"
    assert off["metrics"]["rmse"] == pytest.approx(np.sqrt(np.mean(given < 5)))
    low, high = off["ci95"]["mae"]
    assert low < off["metrics"]["mae"] < high


def test_some_of_them_are_the_same_for_everybody() -> None:
    parts = data()
    some, again = (judge_ratings(oracle(parts, 1), parts, cases=7) for _ in range(2))
    assert some.pop("seconds") > 0 < again.pop("seconds") and some == again and (some["cases"], some["of"]) == (7, len(reviews(parts, Part.TEST).ratings))
    assert evaluate(oracle(parts, 1), parts.dataset, cases=7)["rating"]["cases"] == 7


def test_without_ratings_or_a_system_that_predicts_them_nothing_is_told() -> None:
    parts, bare = data(), split(circle(20))
    assert judge_ratings(oracle(bare, 0), bare) == {}
    assert judge_ratings(Recommender(system("popularity").create(), system("popularity").create().build(parts.sizes), parts.items, parts.users), parts) == {}
    assert errors(np.ones(2), np.full(2, np.nan), parts) == {}


@pytest.mark.slow
def test_p5_that_only_rates_is_judged_by_its_ratings(tmp_path: Path) -> None:
    parts = data()
    log, run = tmp_path / "log.csv", tmp_path / "run"
    parts.dataset.interactions.select("user", "item", "rating").write_csv(log)
    small = [f"--set={name}={value}" for name, value in {"dim": 16, "heads": 2, "layers": 1, "families": "sequential,rating", "ids": "random"}.items()]
    said = done("fit", "p5", "--data", log, "--split", "random:0.5,0.2", "--budget", "3steps", "--out", run, *small)
    assert "Ratings for" in said.out and "rmse" in said.out
    told = tl.load(run).about["metrics"]["rating"]["test"]
    assert 0 < told["metrics"]["rmse"] < 4
    assert "Ratings for 5 of" in done("evaluate", run, "--data", log, "--cases", 5).out
