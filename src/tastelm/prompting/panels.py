"""Several items asked about behind one history, yes or no for each: the history is read once for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.objectives.base import Objective, Outcome
from tastelm.prompting.lessons import ItemLesson, never_had
from tastelm.prompting.questions import answered, valid_questions
from tastelm.prompting.teaching import Lessons, WriteTargets
from tastelm.views import View


@dataclass(frozen=True)
class Panel:
    """A batch: B histories, the items that are asked about behind each, and (T,) whether these are liked, end to end."""

    histories: Sequences
    items: Sequences
    liked: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Panels:
    """A view that asks about what came next in a history, and about as many items that its user never had.

    train     U histories of item codes; what is shown are prefixes of them
    catalogue how many items there are
    liked     items that came next, at most: fewer near the end of a history
    batch     prefixes in a batch
    per_user  prefixes of each user in an epoch, drawn with replacement; 0: the whole history alone, whose last item is what came next
    most      prefixes in an epoch at most, drawn; 0: no bound
    """

    train: Sequences
    catalogue: int
    liked: int
    batch: int
    per_user: int = 1
    most: int = 0

    def batches(self, epoch: int, seed: int) -> _PanelBatches:
        rng = np.random.default_rng((seed, epoch))
        begins, lengths = (array[self.train.lengths > 1] for array in (self.train.offsets[:-1], self.train.lengths))
        if self.per_user:
            begins, lengths = np.repeat(begins, self.per_user), np.repeat(lengths, self.per_user)
            places = begins + 1 + np.floor(rng.random(len(begins)) * (lengths - 1)).astype(np.int64)
        else:
            places = begins + lengths - 1
        places = rng.permutation(places)
        return _PanelBatches(self, places[: self.most] if self.most else places, (seed, epoch))

    def of(self, places: NDArray[np.int64], rng: np.random.Generator) -> Panel:
        """What is asked where the items at these places of the training part came next."""
        users = np.searchsorted(self.train.offsets, places, side="right") - 1
        begins, ends = self.train.offsets[users], self.train.offsets[users + 1]
        asked, liked = list[NDArray[np.integer]](), list[NDArray[np.bool_]]()
        for user, place, end in zip(users, places, ends, strict=True):
            right = np.unique(self.train.values[place : min(place + self.liked, end)])
            wrong = never_had(np.unique(self.train[int(user)]), self.catalogue, len(right), rng)
            asked.append(np.concatenate([right, wrong]))
            liked.append(np.arange(len(asked[-1])) < len(right))
        return Panel(self.train.windows(begins, places - begins), Sequences.of(asked), np.concatenate(liked))


def panels(split: Split, liked: int, *, per_user: int, batch: int, most: int = 200) -> tuple[Panels, Panels | None]:
    """The panels of the training part; and of at most so many of the VALID questions, None where there is none with a history."""
    whole = answered(split, Part.VALID)
    judges = Panels(whole, len(split.items), 1, batch, per_user=0, most=most) if (whole.lengths > 1).any() else None
    return Panels(split.train, len(split.items), liked, batch, per_user=per_user), judges


@dataclass(frozen=True, eq=False)
class _PanelBatches:
    view: Panels
    places: NDArray[np.int64]
    key: tuple[int, int]

    def __len__(self) -> int:
        return -(-len(self.places) // self.view.batch)

    def __getitem__(self, index: int) -> Panel:
        part = self.places[index * self.view.batch : (index + 1) * self.view.batch]
        return self.view.of(part, np.random.default_rng((*self.key, index)))


@dataclass(frozen=True)
class SayWhether:
    """L = -1/T sum_t log p(a_t | history, item t) / (p(Yes | ..) + p(No | ..)) over the T items of B panels, a_t the right one of the two words
    (Bao et al. 2023, Eq. 1, where all words compete). Takes a module with an `agreement`, such as YesOrNo.
    """

    def __call__(self, module: nn.Module, batch: Panel, rng: np.random.Generator) -> Outcome:
        found: Tensor = module.agreement(batch)  # type: ignore[operator]
        return Outcome(-found.mean(), len(found))


def taught(split: Split, lesson: ItemLesson, *, liked: int, batch: int) -> tuple[Objective, View, View | None]:
    """What is minimised, over what, and what is held against it of the VALID part: panels of so many liked items, or prompts of the lesson where
    `liked` is 0.
    """
    if liked:
        return SayWhether(), *panels(split, liked, per_user=lesson.per_user, batch=batch)
    return WriteTargets(), Lessons([lesson], batch), valid_questions(split, lesson, batch=batch)
