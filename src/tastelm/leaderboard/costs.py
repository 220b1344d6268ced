"""What 1,000 answers of a system cost, as tables tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What 1,000 questions cost, where a system asks a language model.
TOKENS, SECONDS, MONEY = "tokens/1k", "s/1k", "$/1k"
COSTS_ARE = "tokens/1k and s/1k: read and written by a language model, and seconds, for 1,000 questions."
WRITING_COSTS = "tokens/1k and s/1k: read and written by a language model, and seconds, for 1,000 reasons."
# Tokens, seconds and money of 1,000 questions, by these names.
Cost = Mapping[str, float | None]


def cost_columns(costs: Sequence[Cost | None]) -> list[str]:
    """The columns of costs that a table needs for its rows: none where no system asks a language model, no money where no prices are known."""
    told = [cost for cost in costs if cost]
    return [TOKENS, SECONDS, *([MONEY] if any(cost.get("money") is not None for cost in told) else [])] if told else []


def costs_of(cost: Cost | None, evaluate: float, cases: int) -> dict[str, float | None]:
    """Column -> what 1,000 questions cost, None where that is not known.

    cost      tokens, seconds and money; None of a system that asks no language model, whose seconds follow from
    evaluate  seconds of ranking and counting `cases` questions
    """
    if not cost:
        return {TOKENS: None, SECONDS: 1000 * evaluate / max(1, cases), MONEY: None}
    return {TOKENS: cost.get("tokens"), SECONDS: cost.get("seconds"), MONEY: cost.get("money")}


def cost_text(column: str, value: float) -> str:
    """A cost as it is printed: whole tokens, tenths of seconds, money to the cent or, where it is less than one, to a hundredth of it."""
    return f"{value:,.{0 if column == TOKENS else 1 if column == SECONDS else 2 if value >= 1 else 4}f}"
