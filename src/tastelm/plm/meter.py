"""What it costs to ask language models: the tokens that they read and write, and the seconds and money of those behind an endpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from tastelm.plm.endpoint_meter import PerThousand


@dataclass(frozen=True)
class Spent:
    """What was spent until now.

    tokens   read and written; what a model keeps of a text that it has read is not read again
    seconds  that an endpoint took for its answers, one by one; None for a model in this process, whose seconds are those of who asks it
    money    None where no prices are known
    """

    tokens: int = 0
    seconds: float | None = None
    money: float | None = None

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, _sum(self.seconds, other.seconds), _sum(self.money, other.money))


@runtime_checkable
class Metered(Protocol):
    """Whatever knows what the language models in it have cost."""

    def spent(self) -> Spent | None:
        """What was spent until now; None if there is no language model in it."""


class TokenMeter:
    """Counts the tokens of one model. It is no part of the model's state: no checkpoint and no run folder holds it.

    tokens  read and written to answer; passes with gradients, which are there to learn, are not counted
    """

    def __init__(self) -> None:
        self.tokens = 0

    def add(self, tokens: int | Tensor) -> None:
        """Count so many tokens, or the places of a mask that hold one."""
        if not torch.is_grad_enabled():
            self.tokens += tokens if isinstance(tokens, int) else int(tokens.sum())


def spent_by(scorer: object) -> Spent | None:
    """What the language models of a scorer have cost until now; None if it asks none."""
    if isinstance(scorer, Metered):
        return scorer.spent()
    parts = scorer.modules() if isinstance(scorer, nn.Module) else ()
    found = [told for part in parts if isinstance(part, Metered) and (told := part.spent()) is not None]
    return sum(found[1:], found[0]) if found else None


def per_thousand(before: Spent, after: Spent, *, seconds: float, questions: int) -> PerThousand:
    """What 1,000 questions cost, from what was spent before and after `questions` of them took `seconds`.

    The seconds are those of the endpoint where there is one: an answer on disk counts for what it took when it was written.
    """
    each = 1000 / questions
    if after.seconds is not None:
        seconds = after.seconds - (before.seconds or 0.0)
    money = None if after.money is None else (after.money - (before.money or 0.0)) * each
    return PerThousand((after.tokens - before.tokens) * each, seconds * each, money)


class Took(NamedTuple):
    """What answers took: seconds of them all, and what 1,000 cost of a scorer that asks a language model, None of others."""

    seconds: float
    cost: PerThousand | None

    def plain(self) -> dict[str, Any]:
        """`seconds`, and `cost` where there is one."""
        return {"seconds": self.seconds} | ({} if self.cost is None else {"cost": self.cost._asdict()})


class Bill:
    """What answers of a scorer take, from when the bill is made."""

    def __init__(self, scorer: object) -> None:
        self._scorer, self._before, self._began = scorer, spent_by(scorer), time.perf_counter()

    def settle(self, answers: int) -> Took:
        """What the `answers` until now took, at least one of them."""
        seconds, after = time.perf_counter() - self._began, spent_by(self._scorer)
        cost = None if self._before is None or after is None else per_thousand(self._before, after, seconds=seconds, questions=answers)
        return Took(seconds, cost)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)
