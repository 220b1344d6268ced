"""A tuning sees the validation part and never the test part."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tastelm.data.dataset import Dataset
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError
from tastelm.fitting import Fitted, fit_system
from tastelm.systems.baselines.itemknn import ItemKNN
from tastelm.systems.baselines.sasrec import SASRec
from tastelm.testing import circle
from tastelm.tuning import Effort, Tuning, search, tune

DATA = circle(40)
PROTOCOLS = ["leave-one-out", "global-time", "ratio", "cold-users", "cold-items", "few-shot:1"]
TINY = {"dim": 8, "layers": 1, "heads": 1, "max_len": 6, "dropout": 0.1}


def altered(part: Part) -> Dataset:
    """DATA with other items at every row of one part of its split."""
    made = split(DATA)
    chosen = made.rows.index[made.part == part]
    items = DATA.interactions["item"].to_numpy().copy()
    items[chosen] = np.array([str((int(item) + 7) % 20) for item in items[chosen]])
    return Dataset.build(DATA.interactions.with_columns(pl.Series("item", items.astype(str))), name="circle")


@pytest.mark.parametrize("system", [ItemKNN, SASRec], ids=["itemknn", "sasrec"])
def test_the_test_part_cannot_influence_a_study(system: Any) -> None:
    fixed = TINY if system is SASRec else {}

    def trials(data: Dataset) -> list[tuple[object, ...]]:
        study = tune(Tuning(system, fixed, split(data), Effort(4, None, "80steps")))
        return [(trial.settings, trial.state, trial.value, trial.looks) for trial in study.trials]

    assert split(altered(Part.TEST)).fingerprint != split(DATA).fingerprint
    assert trials(altered(Part.TEST)) == trials(DATA), "not one bit differs"
    assert trials(altered(Part.VALID)) != trials(DATA), "what is looked at does make a difference"


def test_whoever_trains_in_a_trial_gets_no_test_part(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Split] = []

    def spy(system: Any, split: Split, **more: Any) -> Fitted:
        given.append(split)
        return fit_system(system, split, **more)

    monkeypatch.setattr(search, "fit_system", spy)
    tune(Tuning(ItemKNN, {}, split(DATA), Effort(2)))
    tests = int((split(DATA).part == Part.TEST).sum())
    for seen in given:
        assert len(seen.cases(Part.TEST)) == 0 and not (seen.part == Part.TEST).any()
        assert len(seen.dataset.interactions) == len(seen.rows.item) == len(DATA) - tests
    assert len(given) == 2


@pytest.mark.parametrize("name", PROTOCOLS)
@given(seed=st.integers(0, 5))
def test_taking_the_test_part_out_changes_nothing_else(name: str, seed: int) -> None:
    try:
        whole = split(circle(30, seed=seed), name, seed=seed)
    except DataError:
        assume(False)
        raise
    blind = whole.without_test()
    assert blind.users == whole.users and blind.items == whole.items, "codes mean what they meant"
    for ours, theirs in ((blind.train, whole.train), (blind.cases(Part.VALID).histories, whole.cases(Part.VALID).histories)):
        np.testing.assert_array_equal(ours.values, theirs.values)
        np.testing.assert_array_equal(ours.offsets, theirs.offsets)
    np.testing.assert_array_equal(blind.cases(Part.VALID).targets.values, whole.cases(Part.VALID).targets.values)
    table, rows = blind.dataset.interactions, blind.rows
    assert table["user"].gather(rows.index.tolist()).to_list() == list(blind.users.decode(rows.user))
    assert table["item"].gather(rows.index.tolist()).to_list() == list(blind.items.decode(rows.item))
    assert rows.time is not None and (np.diff(rows.time)[rows.place[1:] > 0] >= 0).all()
    np.testing.assert_array_equal(rows.length, np.bincount(rows.user)[rows.user])
    assert ((rows.place >= 0) & (rows.place < rows.length)).all()
