"""An index that has seen the answers is refused on the questions of a split; one that knows likeness, or the order of training, is not."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.leak import check_order, check_split, order_rule, remarked
from tastelm.item_tokens.sequential import file_order_tokens, first_met, sequential_tokens
from tastelm.systems.tuning_free.openp5 import OpenP5
from tastelm.systems.written import Indexing, spell
from tastelm.testing import circle

USERS, TASTES, EACH = 400, 40, 20


def shop() -> Split:
    """Each user is of one of 40 tastes, with 20 items each, and finds another two among hundreds that are new: the first goes to training, and
    the second is what comes next. Items are called by numbers in no order."""
    rng = np.random.default_rng(0)
    names = rng.permutation(TASTES * EACH + 2 * USERS)
    rows = []
    for user in range(USERS):
        liked = names[user % TASTES * EACH + rng.choice(EACH, 5, replace=False)]
        fresh = names[TASTES * EACH + 2 * user :][:2]
        walk = [*liked[:3], *(fresh if user % 2 else liked[3:]), int(names[user % TASTES * EACH])]
        # Users come one after the other, three at a time.
        rows += [(f"u{user}", str(item), 10.0 * (user // 3) + at + user % 3 / 4) for at, item in enumerate(walk)]
    return split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="shop"))


SHOP = shop()


def in_time(made: Split, *, known: bool) -> ItemTokens:
    """Items numbered by when they were first met, in all data or in the training part, where the others come last."""
    rows = made.rows
    assert rows.time is not None
    chosen = np.flatnonzero(made.part == Part.TRAIN) if known else np.arange(len(rows.item))
    order = chosen[np.argsort(rows.time[chosen], kind="stable")]
    return replace(file_order_tokens(first_met(Sequences.of([rows.item[order]]), len(made.items), seed=0)), leaky=False)


def whole(made: Split) -> Sequences:
    cases = made.cases(Part.TEST)
    return Sequences.of([*history, *target] for history, target in zip(cases.histories, cases.targets, strict=True))


def test_the_order_of_the_file_and_of_time_over_all_data_are_refused() -> None:
    walked = replace(file_order_tokens(first_met(whole(SHOP), len(SHOP.items), seed=0)), leaky=False)
    for leaky in (walked, in_time(SHOP, known=False)):
        with pytest.raises(DataError, match=r"file-order item tokens leak: the 10 items next in their order hit 0\.[2-9]"):
            check_split(leaky, SHOP)


def test_the_order_of_time_in_the_training_part_passes() -> None:
    assert check_split(in_time(SHOP, known=True), SHOP) is not None


@pytest.mark.parametrize("kind", ["random", "sequential", "collaborative", "hybrid"])
def test_every_index_of_the_training_part_passes(kind: str) -> None:
    found = check_split(Indexing(kind, 2, 64, "").tokens(SHOP), SHOP)  # type: ignore[arg-type]
    assert found is not None and found.questions > 100


def test_likeness_is_no_leak_however_well_it_guesses() -> None:
    """Whoever knows the tastes hits ten times as often as a walk along the histories, before an item as behind it."""
    rng = np.random.default_rng(1)
    train = Sequences.of([2 * rng.choice(10, 2, replace=False) + 20 * (user % 10) for user in range(100)])
    cases = [(2 * rng.integers(10) + 20 * taste, 2 * rng.integers(10) + 20 * taste) for taste in rng.integers(0, 10, 3000)]
    histories, targets = Sequences.of([[last] for last, _ in cases]), np.array([target for _, target in cases])
    keep = histories.values != targets
    histories, targets = histories.take(np.flatnonzero(keep)), targets[keep]
    # Of each taste in a place of its own, shuffled; what is odd was never met.
    order = np.concatenate([*(rng.permutation(10) * 2 + 20 * taste for taste in rng.permutation(10)), rng.permutation(100) * 2 + 1])
    alike = replace(file_order_tokens(order), leaky=False)
    found = check_order(alike, histories, targets, train=train)
    assert found.rate > 2 * order_rule(sequential_tokens(train, 200, seed=0), histories, targets, train=train).rate and found.rate > 5 * found.chance


def test_systems_refuse_what_leaks_before_they_train() -> None:
    leaky = file_order_tokens(first_met(whole(SHOP), len(SHOP.items), seed=0))
    small = {"ids": "random", "levels": 2, "codes": 64, "dim": 16, "layers": 1, "heads": 2}
    module = OpenP5.create(small).settle(SHOP).build(SHOP.sizes)
    with pytest.raises(DataError, match="file-order item tokens are marked as leaky"):
        spell(module, leaky, SHOP, ["some words"], 300)


def test_nothing_to_ask_is_no_leak_but_a_mark_is() -> None:
    tiny = split(circle(1))
    honest = sequential_tokens(tiny.train, len(tiny.items), seed=0)
    assert check_split(honest, tiny) is None
    with pytest.raises(DataError, match="are marked as leaky: they show a leak"):
        check_split(replace(honest, leaky=True), tiny)


def test_sequential_ids_go_with_a_remark() -> None:
    made = split(circle(60))
    tokens = Indexing("sequential", 2, 8, "").tokens(made)
    assert not tokens.leaky and tokens.notes[-1].startswith("The 10 items next in their order hit ") and "of 60 valid questions" in tokens.notes[-1]
    assert remarked(tokens, made.only(made.part == Part.TRAIN)) is tokens, "nobody is asked"
