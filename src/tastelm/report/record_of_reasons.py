"""What a leaderboard holds of the reasons that systems give, read and checked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tastelm.report.kinds import Amount, Count, Kind, Number, Pair


class Judged(Kind):
    """How good the reasons of a system are; counted: the interactions that each measure could use; empty: how often nothing was written; given: what of
    the true reasons it was told; seconds: that writing took; cost: tokens, seconds and money of 1,000 reasons, where a language model writes."""

    system: str
    metrics: dict[str, Number]
    ci95: dict[str, Pair | None]
    counted: dict[str, Count]
    variants: dict[str, str]
    cases: Count
    of: Count
    empty: Count
    given: str | None = None
    seconds: Amount | None = None
    cost: dict[str, Amount | None] | None = None


class ReasonTest(Kind):
    """A paired difference a - b of two systems in a measure."""

    measure: str
    system_a: str
    system_b: str
    difference: Number
    low: Number
    high: Number


class Example(Kind):
    """An interaction: what was really said, and what each system said."""

    user: str
    item: str
    title: str | None
    true: str
    said: dict[str, str]


class Reasoned(Kind):
    """Reasons, as `tastelm.contest` compares them."""

    part: str
    main: str
    rows: Annotated[list[Judged], Field(min_length=1)]
    best: dict[str, str]
    tests: list[ReasonTest]
    examples: list[Example]
