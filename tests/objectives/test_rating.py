"""Errors of ratings and the words of a sentence as a set, on numbers worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tastelm.nn.ratings import RatingScale
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.context_words import ContextWords
from tastelm.objectives.rating import RatingError

RNG = np.random.default_rng(0)


class Fixed(nn.Module):
    """Predicts what it is told to."""

    def __init__(self, predictions: list[float]) -> None:
        super().__init__()
        self.predictions, self.scale = nn.Parameter(torch.tensor(predictions)), RatingScale()

    def rated(self, users: object, items: object) -> torch.Tensor:
        return self.predictions

    def context_nll(self, batch: object) -> torch.Tensor:
        return self.predictions


def batch(*ratings: float) -> SimpleNamespace:
    return SimpleNamespace(users=None, items=None, ratings=np.array(ratings))


def test_the_error_is_the_mean_square_over_the_known_ratings_on_the_scale_within() -> None:
    module = Fixed([0.0, 1.0, 5.0])
    module.scale.fill(np.array([1.0, 5.0]))  # mean 3, deviation 2
    outcome = RatingError()(module, batch(5.0, 1.0, np.nan), RNG)  # 1 and -1 within
    assert float(outcome.loss.detach()) == pytest.approx((1 + 4) / 2)
    outcome.loss.backward()
    assert module.predictions.grad is not None and module.predictions.grad.tolist() == pytest.approx([-1.0, 2.0, 0.0])


def test_a_batch_without_ratings_has_no_error_and_no_gradient() -> None:
    module = Fixed([0.5, 1.0])
    outcome = RatingError()(module, batch(np.nan, np.nan), RNG)
    outcome.loss.backward()
    assert float(outcome.loss.detach()) == 0 and module.predictions.grad is not None and not module.predictions.grad.any()


def test_losses_of_the_words_are_averaged_and_add_up() -> None:
    module = Fixed([1.0, 2.0])
    both = WeightedSum([(0.5, "context", ContextWords()), (0.25, "rating", RatingError())])(module, batch(1.0, 0.0), RNG)
    assert float(both.loss.detach()) == pytest.approx(0.5 * 1.5 + 0.25 * 2.0) and both.parts == {"context": 1.5, "rating": 2.0}
