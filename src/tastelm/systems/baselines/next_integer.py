"""Next integer: a probe that learns nothing, and finds how far the order of a file leaks through its item ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import DataError
from tastelm.nn.linear import Successor
from tastelm.systems.base import System
from tastelm.train.stage import Stage


class NextInteger(System["NextInteger.Config"]):
    """Recommends the ids +1, +2, ... after the last item's. What it scores above chance is leaked by the numbering, not learnt:
    a system that is given these ids as text or tokens can score it too."""

    card = Card(
        name="next-integer",
        paper="-",
        summary="Leak probe, not a recommender: the item ids that follow the last one. Needs integer ids.",
        paradigm=Paradigm.PROBE,
        objectives=(Target.NONE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config:
        """Nothing to set."""

    def build(self, sizes: Sizes) -> Successor:
        return Successor(sizes.items)

    def stages(self, split: Split) -> Iterator[Stage]:
        module = self.build(split.sizes)
        yield Stage("read the ids", module, solve=lambda: module.numbers.copy_(_numbers(split)))


def _numbers(split: Split) -> torch.Tensor:
    try:
        numbers = [int(name) for name in split.items.ids]
    except ValueError:
        wrong = next(name for name in split.items.ids if not name.lstrip("-").isdigit())
        raise DataError(f"{split.dataset.name}, column 'item': {wrong!r} is not a whole number, so next-integer has nothing to probe. Leave it out.") from None
    smallest = min(numbers)
    if max(numbers) - smallest >= 2**53:
        raise DataError(f"{split.dataset.name}, column 'item': the ids span more than 2**53, so they are no running numbers. Leave next-integer out.")
    return torch.tensor([number - smallest for number in numbers])
