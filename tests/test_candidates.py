"""Candidates: all items, or a drawn few that are the same for everybody."""

import numpy as np
import polars as pl
import pytest

from tastelm.candidates import Ranking, allowed, draw_negatives, fingerprint
from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Cases, Part, Split, split
from tastelm.errors import DataError, SettingError


@pytest.fixture(scope="module")
def toy() -> Split:
    """300 users over 60 items, the later ones met more often."""
    rng, weight = np.random.default_rng(0), np.arange(6, 66) / np.arange(6, 66).sum()
    rows = [(f"u{user}", f"i{item:02}", float(at)) for user in range(300) for at, item in enumerate(rng.choice(60, size=6, replace=False, p=weight))]
    return split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="toy"))


@pytest.mark.parametrize(("text", "ranking"), [("full", Ranking()), ("uniform-99", Ranking("uniform", 99)), ("popularity-100", Ranking("popularity", 100))])
def test_protocols_by_name(text: str, ranking: Ranking) -> None:
    assert Ranking.parse(text) == ranking and str(ranking) == text


@pytest.mark.parametrize(
    "text", ["", "Full", "uniform", "uniform-", "uniform-0", "uniform--1", "uniform-1.5", "random-99", "uniform-99 ", "popularity-9999999"]
)
def test_other_protocols_are_refused(text: str) -> None:
    with pytest.raises(SettingError) as error:
        Ranking.parse(text)
    assert str(error.value) == f"protocol: '{text}' is not known; use full, or a sampled one by name: uniform-99, popularity-100."


@pytest.mark.parametrize("text", ["uniform-30", "popularity-30", "uniform-54"])
def test_negatives_are_neither_met_nor_asked_for_nor_drawn_twice(toy: Split, text: str) -> None:
    ranking, cases = Ranking.parse(text), toy.cases(Part.TEST)
    drawn = draw_negatives(ranking, cases, toy, 0)
    assert drawn.shape == (len(cases), ranking.count) and drawn.min() >= 0 and drawn.max() < 60
    for row, history, targets in zip(drawn, cases.histories, cases.targets, strict=True):
        assert len(set(row.tolist())) == ranking.count and not set(row.tolist()) & {*history.tolist(), *targets.tolist()}


@pytest.mark.parametrize("text", ["uniform-10", "popularity-10"])
def test_the_seed_decides_and_the_block_does_not(toy: Split, text: str) -> None:
    ranking, cases = Ranking.parse(text), toy.cases(Part.TEST)
    first = draw_negatives(ranking, cases, toy, 0)
    assert fingerprint(first) == fingerprint(draw_negatives(ranking, cases, toy, 0)) != fingerprint(draw_negatives(ranking, cases, toy, 1))
    assert (draw_negatives(ranking, cases, toy, 0, block=7) == first).all()
    assert fingerprint(None) == "full"


def test_uniform_negatives_are_uniform_and_popular_ones_follow_the_training_part(toy: Split) -> None:
    some = toy.cases(Part.TEST).sample(1, 0)
    owners = np.zeros(4000, np.int64)
    cases = Cases(np.zeros(4000, np.int32), some.histories.take(owners), some.targets.take(owners))
    own = [*some.histories[0].tolist(), *some.targets[0].tolist()]
    left = np.setdiff1d(np.arange(60), own)
    uniform = np.bincount(draw_negatives(Ranking("uniform", 1), cases, toy, 0)[:, 0], minlength=60) / 4000
    np.testing.assert_allclose(uniform[left], 1 / len(left), atol=0.012)
    popular = np.bincount(draw_negatives(Ranking("popularity", 1), cases, toy, 0)[:, 0], minlength=60) / 4000
    np.testing.assert_allclose(popular[left], toy.popularity[left] / toy.popularity[left].sum(), atol=0.015)
    assert uniform[own].sum() == popular[own].sum() == 0


def test_popularity_is_counted_in_the_training_part_alone() -> None:
    rows = [(f"u{user}", item, float(at)) for user in range(20) for at, item in enumerate(["a", "b", "c", "hit"])] + [("v", item, 0.0) for item in "defgh"]
    made = split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")), "leave-one-out")
    assert made.popularity[made.items.encode(["hit"])[0]] == 0


def test_a_catalogue_too_small_for_the_draw(toy: Split) -> None:
    with pytest.raises(DataError, match=r"toy: uniform-55 needs 55 items beside a user's own, but the catalogue holds 60\. Use full\."):
        draw_negatives(Ranking("uniform", 55), toy.cases(Part.TEST), toy, 0)


def test_what_may_be_ranked() -> None:
    mask = allowed(np.array([[0, 2], [1, 2]], np.int32), Sequences.of([[4], [0, 3]]), 6)
    assert [np.flatnonzero(row).tolist() for row in mask] == [[0, 2, 4], [0, 1, 2, 3]]
