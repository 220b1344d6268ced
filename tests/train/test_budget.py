"""Budgets: how long somebody is willing to wait."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tastelm.errors import SettingError
from tastelm.train.budget import Budget

INF = math.inf


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("90s", Budget(seconds=90)),
        ("90sec", Budget(seconds=90)),
        ("10m", Budget(seconds=600)),
        ("10 min", Budget(seconds=600)),
        ("1.5h", Budget(seconds=5400)),
        (" 2000steps ", Budget(steps=2000)),
        ("1 step", Budget(steps=1)),
        ("8epochs", Budget(epochs=8)),
        ("1EPOCH", Budget(epochs=1)),
    ],
)
def test_lengths_of_training(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget


@pytest.mark.parametrize(
    "text", ["", "10", "m", "-5m", "0s", "0.0h", "5 fortnights", "1.5steps", "1e3steps", "10m 5s", "infs", "nans", "9" * 400 + "steps", "9" * 400 + "s"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingError) as error:
        Budget.parse(text)
    assert str(error.value) == f"budget: '{text}' is not a length of training; write it like 90s, 10m, 1.5h, 2000steps or 8epochs."


@given(
    text=st.one_of(
        st.text(), st.from_regex(r"[0-9.]{1,400} ?[a-z]{1,7}", fullmatch=True), st.builds("{}{}".format, st.floats(), st.sampled_from(["s", "h", "steps"]))
    )
)
@example("١٢m")
@example("9" * 5000 + "epochs")
def test_any_text_is_a_budget_or_refused(text: str) -> None:
    try:
        budget = Budget.parse(text)
    except SettingError:
        return
    limits = [limit for limit in (budget.seconds, budget.steps, budget.epochs) if limit != INF]
    assert len(limits) == 1 and limits[0] > 0


def test_the_tighter_of_two() -> None:
    assert Budget(seconds=5, epochs=3).within(Budget(seconds=9, steps=7)) == Budget(5, 7, 3)


def test_shares_for_stages() -> None:
    assert Budget(seconds=60, steps=100, epochs=4).share(0.25) == Budget(15, 25, 1)
    assert Budget().share(0.5) == Budget() and Budget(steps=3).share(0.1).steps == 1, "a stage takes one step at least"


def test_how_much_is_gone() -> None:
    budget = Budget(seconds=10, steps=100, epochs=4)
    assert budget.used(5, 10, 1) == 0.5 and budget.used(0, 90, 1) == 0.9 and budget.used(0, 0, 4) == 1
    assert Budget().used(1e9, 10**9, 1e9) == 0
