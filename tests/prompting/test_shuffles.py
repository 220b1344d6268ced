"""Candidates in several orders: a model that looks at places alone is all bias by itself, and none when each candidate has stood everywhere."""

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.errors import ShapeError
from tastelm.metrics.position import position_bias
from tastelm.prompting.answers import Letters
from tastelm.prompting.shuffles import LOWEST, Orders, Shown, Shuffled, standing
from tastelm.prompting.titles import Showing
from tastelm.text.family import family

from .toys import small_causal

TITLES = [f"film {number}" for number in range(12)]
HISTORIES = Sequences.of([[number % 12] for number in range(30)])
CANDIDATES = Sequences.of([np.random.default_rng(row).permutation(12)[:8] for row in range(30)])


def letters(orders: Orders, *, shuffles: int, window: int = 6) -> Letters:
    template = family("instruct")["listwise"]
    made = Letters(small_causal(context=512), template, 12, showing=Showing(1), batch=64, window=window, shuffles=shuffles, orders=orders)
    made.know(TITLES, np.arange(12))
    return made.eval()


def first_letter(model: object, reading: object, continuations: list[list[list[int]]]) -> list[torch.Tensor]:
    return [torch.tensor([9.0] + [0.0] * (len(row) - 1)) for row in continuations]


@torch.no_grad()
def test_a_model_that_loves_the_first_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastelm.prompting.answers.log_likelihoods", first_letter)
    monkeypatch.setattr(Letters, "read", lambda self, prompts: None)
    module = letters("cyclic", shuffles=6)
    prior, judge = module.prior.numpy(), module.judge(HISTORIES)
    scores, places = module.shuffled.one_by_one(CANDIDATES, prior, judge, orders=12)
    assert scores.shape == places.shape == (30, 12, 6)
    before, after = position_bias(scores, places), position_bias(scores, places, shuffles=6)
    assert before.bias == pytest.approx(1) and after.bias < 1e-6 and before.variance > 1 > after.variance + 0.9
    merged = module.candidate_scores(HISTORIES, np.full(30, -1, np.int32), CANDIDATES).view(30, 8)
    shown = merged > LOWEST
    assert (shown.sum(1) == 6).all() and all(float(row[seen].std()) < 1e-5 for row, seen in zip(merged, shown, strict=True)), "none is preferred"


@torch.no_grad()
def test_what_each_order_says_makes_up_the_whole() -> None:
    module = letters("random", shuffles=3)
    scores, places = module.shuffled.one_by_one(CANDIDATES, module.prior.numpy(), module.judge(HISTORIES), orders=3)
    whole = module.candidate_scores(HISTORIES, np.full(30, -1, np.int32), CANDIDATES).view(30, 8).double()
    for row in range(30):
        chosen = np.sort(np.argsort(-CANDIDATES[row])[:6])
        np.testing.assert_allclose(whole[row].numpy()[chosen], scores[row].mean(0), atol=1e-4)
    assert (np.sort(places, axis=-1) == np.arange(6)).all()


def test_the_order_of_the_prior_is_fair_among_equals() -> None:
    assert standing(np.array([-3.0, -1.0, -2.0], np.float32)).tolist() == [2, 0, 1]
    level = standing(np.zeros(50, np.float32))
    assert sorted(level.tolist()) == list(range(50)) and level.tolist() != list(range(50))


def test_questions_of_different_size_cannot_stand_side_by_side() -> None:
    def judge(shown: list[Shown]) -> list[np.ndarray]:  # type: ignore[type-arg]
        return [np.zeros(len(codes)) for _, codes in shown]

    with pytest.raises(ShapeError, match="questions that show 2 to 3 candidates"):
        Shuffled(3, 1).one_by_one(Sequences.of([[0, 1, 2], [0, 1]]), np.zeros(3, np.float32), judge, orders=1)  # type: ignore[arg-type]


def test_the_first_order_is_the_one_that_is_judged_first() -> None:
    prior, candidates = -np.arange(1.0, 9).astype(np.float32), np.array([7, 2, 5, 0, 3])
    seen: list[list[int]] = []

    def judge(shown):  # type: ignore[no-untyped-def]
        seen.extend(codes.tolist() for _, codes in shown)
        return [np.zeros(len(codes)) for _, codes in shown]

    for shuffled in (Shuffled(3, 2), Shuffled(9, 2, "cyclic")):
        seen.clear()
        shuffled.scores(Sequences.of([candidates]), prior, judge)
        assert shuffled.first(candidates, prior).tolist() == seen[0] and shuffled.first(candidates[::-1], prior).tolist() == seen[0]
