"""Texts to read and texts to write, as batches of training: several tasks mixed, each with its templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.objectives.base import Outcome
from tastelm.text.segments import Prompt

# Examples of like length go together, out of this many batches at a time: little is padded, and the order stays nearly random.
POOL = 32


def like_lengths(lengths: NDArray[np.int64], batch: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(E,) lengths of examples -> (E,) the order in which they make up batches of like length, and the turns of these batches."""
    order = rng.permutation(len(lengths))
    order = order[np.lexsort((lengths[order], np.arange(len(order)) // (POOL * batch)))]
    return order, rng.permutation(-(-len(order) // batch))


class Lesson(Protocol):
    """One task as examples: what is read, and what is to be written."""

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """(E,) the examples of an epoch, by numbers of the lesson's own."""

    def lengths(self, examples: NDArray[np.int64]) -> NDArray[np.int64]:
        """(E,) about how many characters of each are read: examples of like length are read together."""

    def render(self, example: int, rng: np.random.Generator) -> tuple[Prompt, Prompt]:
        """Source and target of an example, by a template that is drawn."""


@dataclass(frozen=True)
class Written:
    """A batch: B sources and B targets."""

    sources: list[Prompt]
    targets: list[Prompt]


@dataclass(frozen=True, eq=False)
class Lessons:
    """A view of several lessons: every epoch draws from each, and mixes what it drew into batches of `batch` examples."""

    lessons: Sequence[Lesson]
    batch: int

    def batches(self, epoch: int, seed: int) -> _LessonBatches:
        rng = np.random.default_rng((seed, epoch))
        drawn = [lesson.draw(rng) for lesson in self.lessons]
        examples = np.concatenate([*drawn, np.empty(0, np.int64)])
        owners = np.repeat(np.arange(len(drawn)), [len(one) for one in drawn])
        lengths = np.concatenate([*(lesson.lengths(one) for lesson, one in zip(self.lessons, drawn, strict=True)), np.empty(0, np.int64)])
        # Within a fifth of each other they are alike: a finer order would put texts together by what they say.
        alike = np.round(4 * np.log2(np.maximum(lengths, 1))).astype(np.int64)
        order, turns = like_lengths(alike, self.batch, rng)
        return _LessonBatches(self.lessons, owners[order], examples[order], self.batch, turns, (seed, epoch))


@dataclass(frozen=True, eq=False)
class _LessonBatches:
    lessons: Sequence[Lesson]
    owners: NDArray[np.int64]
    examples: NDArray[np.int64]
    size: int
    turns: NDArray[np.int64]
    key: tuple[int, int]

    def __len__(self) -> int:
        return len(self.turns)

    def __getitem__(self, index: int) -> Written:
        turn = int(self.turns[index])
        part = slice(turn * self.size, (turn + 1) * self.size)
        rng = np.random.default_rng((*self.key, index))
        pairs = [self.lessons[owner].render(int(example), rng) for owner, example in zip(self.owners[part], self.examples[part], strict=True)]
        return Written([source for source, _ in pairs], [target for _, target in pairs])


class Writes(Protocol):
    """A module that can be taught to write."""

    def nll(self, batch: Written) -> Tensor:
        """(B,) the mean negative log-likelihood of the tokens of each target."""


@dataclass(frozen=True)
class WriteTargets:
    """L = 1/B sum_b -1/T_b sum_t log p(y_bt | x_b, y_b,<t) over B examples of T_b tokens to write (Geng et al. 2022, P5, Eq. 1)."""

    def __call__(self, module: nn.Module, batch: Written, rng: np.random.Generator) -> Outcome:
        losses: Tensor = module.nll(batch)  # type: ignore[operator]
        return Outcome(losses.mean(), len(losses))
