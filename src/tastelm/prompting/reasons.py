"""Explanations as batches of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.data.explanations import Explanations
from tastelm.prompting.teaching import like_lengths


@dataclass(frozen=True, eq=False)
class Reasoned:
    """A batch: B pairs, and what was said.

    users, items  (B,) int32 codes
    ratings       (B,) float64, NaN where unknown
    texts         B sentences
    own           B features that these very sentences have added to what is known of their users and items; "" for none. A prompt of
                  features leaves them out, or it would hold the answer in training and nowhere else
    features      B features that the sentences are about, "" where none is known: the answer in part, for those alone that are given it
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    ratings: NDArray[np.float64]
    texts: tuple[str, ...]
    own: tuple[str, ...]
    features: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, eq=False)
class Reasons:
    """A view of explanations: each once in an epoch, those of like length together.

    told     R explanations
    batch    of them in a step
    counted  whether they are the ones that features were counted in
    """

    told: Explanations
    batch: int
    counted: bool

    def batches(self, epoch: int, seed: int) -> _ReasonBatches:
        lengths = np.array([len(text) for text in self.told.texts], np.int64)
        order, turns = like_lengths(lengths, self.batch, np.random.default_rng((seed, epoch)))
        return _ReasonBatches(self, order, turns)


@dataclass(frozen=True, eq=False)
class _ReasonBatches:
    view: Reasons
    order: NDArray[np.int64]
    turns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.turns)

    def __getitem__(self, index: int) -> Reasoned:
        turn, size = int(self.turns[index]), self.view.batch
        return reasoned(self.view.told.take(self.order[turn * size : (turn + 1) * size]), counted=self.view.counted)


def reasoned(told: Explanations, *, counted: bool = False) -> Reasoned:
    """All explanations as one batch; `counted` as for `Reasons`."""
    return Reasoned(told.users, told.items, told.ratings, told.texts, told.features if counted else ("",) * len(told), told.features)


def unsaid(users: NDArray[np.int32], items: NDArray[np.int32], features: Sequence[str] = ()) -> Reasoned:
    """B pairs of which nothing is said yet; `features` are what it is to be about, where that is given."""
    nothing = ("",) * len(users)
    return Reasoned(users, items, np.full(len(users), np.nan), nothing, nothing, tuple(features) or nothing)
