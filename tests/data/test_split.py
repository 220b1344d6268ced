"""Splits: nothing lost, nothing leaked, whatever the data and the protocol."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tastelm.data.dataset import Dataset
from tastelm.data.protocols import PROTOCOLS
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError, SettingError

Event = tuple[int, int, int]
EVENTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 12)), min_size=15, max_size=60)
ORDERS = st.sampled_from(["time", "file", "none"])
NAMES = [
    "leave-one-out", "global-time", "global-time:0.5,0.75", "ratio", "ratio:0.5,0.25", "random", "random:0.5,0.3", "cold-users", "cold-users:0.3",
    "cold-items", "cold-items:0.3", "few-shot:1", "few-shot:3", "all",
]  # fmt: skip
SEEDS = st.integers(0, 3)
# Many random data are too small for a protocol; the refusals have a test of their own.
many = settings(max_examples=12, suppress_health_check=[HealthCheck.filter_too_much])


def dataset(events: list[Event], order: str = "time") -> Dataset:
    columns = ["user", "item", "time"] if order == "time" else ["user", "item"]
    frame = pl.DataFrame([(f"u{user}", f"i{item}", float(time)) for user, item, time in events], schema=["user", "item", "time"], orient="row")
    return Dataset.build(frame.select(columns), name="toy", order=order)  # type: ignore[arg-type]


def cut(events: list[Event], order: str, name: str, seed: int = 0) -> Split:
    """The split, where the data are large enough for one."""
    try:
        return split(dataset(events, order), name, seed=seed)
    except DataError as error:
        assert str(error).startswith("toy")
        assume(False)
        raise


def rows_of(made: Split) -> list[tuple[int, int, float, int]]:
    """(user, item, time, part) of every row, in order."""
    times = made.rows.time if made.rows.time is not None else np.zeros(len(made.part))
    return list(zip(made.rows.user.tolist(), made.rows.item.tolist(), times.tolist(), made.part.tolist(), strict=True))


def test_every_protocol_is_tried() -> None:
    assert {name.split(":")[0] for name in NAMES} == set(PROTOCOLS)


@pytest.mark.parametrize("name", NAMES)
@many
@given(events=EVENTS, order=ORDERS, seed=SEEDS)
def test_every_row_is_in_one_part_and_none_is_lost(name: str, events: list[Event], order: str, seed: int) -> None:
    made = cut(events, order, name, seed)
    found = Counter((made.users.ids[user], made.items.ids[item], time if order == "time" else 0.0) for user, item, time, _ in rows_of(made))
    assert found == Counter((f"u{user}", f"i{item}", float(time) if order == "time" else 0.0) for user, item, time in events)
    assert len(made.part) == len(events) and set(made.part.tolist()) <= set(Part)
    assert (np.diff(made.rows.user) >= 0).all(), "users stand together"
    if order == "time":
        assert (np.diff(made.rows.time)[np.diff(made.rows.user) == 0] >= 0).all(), "and within a user time does not fall"


@pytest.mark.parametrize("name", NAMES)
@many
@given(events=EVENTS, order=ORDERS, seed=SEEDS)
def test_training_holds_the_training_rows_and_no_others(name: str, events: list[Event], order: str, seed: int) -> None:
    made = cut(events, order, name, seed)
    rows = rows_of(made)
    expected = [[item for user, item, _, part in rows if user == who and part == Part.TRAIN] for who in range(len(made.users))]
    assert [sequence.tolist() for sequence in made.train] == expected
    assert made.popularity.tolist() == [sum(sequence.count(code) for sequence in expected) for code in range(len(made.items))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [Part.VALID, Part.TEST])
@many
@given(events=EVENTS, order=ORDERS, seed=SEEDS)
def test_questions_are_answered_from_the_past(name: str, part: Part, events: list[Event], order: str, seed: int) -> None:
    made = cut(events, order, name, seed)
    rows, cases = list(enumerate(rows_of(made))), made.cases(part)
    allowed = (Part.TRAIN, Part.INPUT) if part == Part.VALID else (Part.TRAIN, Part.INPUT, Part.VALID)
    asked = [who for who in range(len(made.users)) if any(row[0] == who and row[3] == part for _, row in rows)]
    assert cases.users.tolist() == asked
    for index, who in enumerate(asked):
        own = [(at, row) for at, row in rows if row[0] == who]
        targets = [(at, row) for at, row in own if row[3] == part]
        history = [(at, row) for at, row in own if row[3] in allowed and at < targets[0][0]]
        assert cases.targets[index].tolist() == list(dict.fromkeys(row[1] for _, row in targets)), "each once, in the order in which they came"
        assert cases.histories[index].tolist() == [row[1] for _, row in history]
        if order == "time" and history:
            assert max(row[2] for _, row in history) <= targets[0][1][2]


@pytest.mark.parametrize("share", ["0.1", "0.4"])
@many
@given(events=EVENTS, order=ORDERS, seed=SEEDS)
def test_cold_users_and_cold_items_are_never_trained_on(share: str, events: list[Event], order: str, seed: int) -> None:
    made = cut(events, order, f"cold-users:{share}", seed)
    asked = set(made.cases(Part.VALID).users.tolist()) | set(made.cases(Part.TEST).users.tolist())
    assert asked and all(len(made.train[user]) == 0 for user in asked)
    assert not set(made.cases(Part.VALID).users.tolist()) & set(made.cases(Part.TEST).users.tolist())
    made = cut(events, order, f"cold-items:{share}", seed)
    asked_for = [set(made.cases(part).targets.values.tolist()) for part in (Part.VALID, Part.TEST)]
    assert not set(made.train.values.tolist()) & (asked_for[0] | asked_for[1]) and not asked_for[0] & asked_for[1]


@pytest.mark.parametrize("train", [0.8, 0.5])
@many
@given(events=EVENTS, order=ORDERS, seed=SEEDS)
def test_rows_at_random_leave_every_user_and_item_one_to_be_trained_on(train: float, events: list[Event], order: str, seed: int) -> None:
    made = cut(events, order, f"random:{train},0.1", seed)
    trained = made.part == Part.TRAIN
    assert set(made.rows.user[trained].tolist()) == set(made.rows.user.tolist())
    assert set(made.rows.item[trained].tolist()) == set(made.rows.item.tolist())
    assert trained.sum() >= int(train * len(events))


def test_rows_at_random_come_in_the_shares_asked_for_and_anew_with_each_seed() -> None:
    data = dataset([(user, item, item) for user in range(40) for item in range(30)])
    parts = [split(data, "random:0.7,0.1", seed=seed).part for seed in (0, 1)]
    assert [np.bincount(part).tolist() for part in parts] == [[840, 120, 240]] * 2 and (parts[0] != parts[1]).any()


@pytest.mark.parametrize("name", ["global-time", "global-time:0.3,0.6", "global-time:0.5,0.9"])
@many
@given(events=EVENTS)
def test_global_time_trains_on_nothing_that_happened_later(name: str, events: list[Event]) -> None:
    made = cut(events, "time", name)
    assert made.rows.time is not None
    train, valid, test = (made.rows.time[made.part == part] for part in (Part.TRAIN, Part.VALID, Part.TEST))
    assert train.max() < valid.min() <= valid.max() < test.min()


@pytest.mark.parametrize("name", NAMES)
@many
@given(events=EVENTS, seed=SEEDS, shuffle=st.randoms())
def test_the_order_of_the_rows_of_a_timed_file_changes_nothing(name: str, events: list[Event], seed: int, shuffle: object) -> None:
    made = cut(events, "time", name, seed)
    mixed = list(events)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    again = cut(mixed, "time", name, seed)
    assert rows_of(again) == rows_of(made) and again.fingerprint == made.fingerprint


@pytest.mark.parametrize("order", ["time", "none"])
def test_ties_are_broken_by_the_seed_and_not_by_the_item_id(order: str) -> None:
    events = [(user, item, 0) for user in range(40) for item in (3, 7, 5)]
    last = [[made.items.ids[row] for row in made.cases(Part.TEST).targets.values] for made in (split(dataset(events, order), seed=seed) for seed in range(6))]
    for ids in last:  # within one seed, the users' ties fall differently
        assert all(4 <= count <= 24 for count in Counter(ids).values()) and len(set(ids)) == 3
    assert len({tuple(ids) for ids in last}) == 6, "and every seed is another draw"
    for user in range(40):
        assert len({ids[user] for ids in last}) > 1, "over the seeds every user's tie falls differently"


@pytest.mark.parametrize("order", ["time", "none"])
def test_copies_of_an_item_do_not_stick_together(order: str) -> None:
    """Where nothing tells the order, an item met twice must not stand beside its copy: the answer would stand right before the question."""
    made = split(dataset([(user, item, 0) for user in range(300) for item in (3, 3, 5, 5, 7, 7)], order))
    assert np.mean(made.cases(Part.VALID).targets.values == made.cases(Part.TEST).targets.values) == pytest.approx(1 / 5, abs=0.07)


@many
@given(events=EVENTS)
def test_a_file_that_is_its_own_order_keeps_it(events: list[Event]) -> None:
    made = cut(events, "file", "leave-one-out")
    for code, user in enumerate(made.users.ids):
        expected = [f"i{item}" for who, item, _ in events if f"u{who}" == user]
        assert made.items.decode(made.rows.item[made.rows.user == code]) == expected


@pytest.mark.parametrize("shots", [1, 2, 5])
@many
@given(events=EVENTS, order=ORDERS)
def test_few_shot_trains_on_the_last_few_of_what_leave_one_out_trains_on(shots: int, events: list[Event], order: str) -> None:
    whole, few = cut(events, order, "leave-one-out"), cut(events, order, f"few-shot:{shots}")
    assert [sequence.tolist() for sequence in few.train] == [sequence[-shots:].tolist() for sequence in whole.train]
    for part, beside in ((Part.VALID, 0), (Part.TEST, 1)):  # the valid item stands in the test history too
        assert few.cases(part).targets.values.tolist() == whole.cases(part).targets.values.tolist()
        assert few.cases(part).histories.lengths.max() <= shots + beside


@many
@given(events=EVENTS, order=ORDERS, seed=SEEDS)
def test_all_trains_on_everything_but_a_few_last_items(events: list[Event], order: str, seed: int) -> None:
    made = cut(events, order, "all", seed)
    able = sum(count >= 3 for count in Counter(user for user, _, _ in events).values())
    assert (made.part == Part.VALID).sum() == (1 if able else 0)
    assert (made.part == Part.TRAIN).sum() == len(events) - (1 if able else 0) and len(made.cases(Part.TEST)) == 0


def test_all_asks_one_user_in_twenty() -> None:
    made = split(dataset([(user, item, item) for user in range(60) for item in range(3)]), "all")
    assert (made.part == Part.VALID).sum() == 4 and made.rows.place[made.part == Part.VALID].tolist() == [2] * 4


def test_by_hand() -> None:
    events = [(0, 4, 5), (0, 2, 1), (0, 9, 3), (0, 1, 9), (1, 3, 1), (1, 4, 2)]
    made = split(dataset(events))  # items 1 2 3 4 9 have the codes 0 .. 4
    assert [sequence.tolist() for sequence in made.train] == [[1, 4], [2, 3]]
    assert made.cases(Part.VALID).histories[0].tolist() == [1, 4] and made.cases(Part.VALID).targets[0].tolist() == [3]
    assert made.cases(Part.TEST).histories[0].tolist() == [1, 4, 3] and made.cases(Part.TEST).targets[0].tolist() == [0]
    part = split(dataset([(0, item, item) for item in range(10)]), "ratio:0.6,0.2").part.tolist()
    assert part == [Part.TRAIN] * 6 + [Part.VALID] * 2 + [Part.TEST] * 2


def test_a_seed_draws_the_same_cold_users_and_another_seed_others() -> None:
    data = dataset([(user, item, item) for user in range(50) for item in range(3)])
    drawn = [tuple(split(data, "cold-users", seed=seed).cases(Part.TEST).users.tolist()) for seed in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1] and len(set(drawn)) == 3 and len(drawn[0]) == 5


def test_the_fingerprint_tells_protocol_seed_and_data_apart() -> None:
    events = [(user, item, item) for user in range(8) for item in range(6)]
    base, data = split(dataset(events)), dataset(events)
    assert split(data).fingerprint == base.fingerprint
    others = [split(data, seed=1), split(data, "ratio"), split(dataset([*events, (0, 8, 9)]))]
    assert len({made.fingerprint for made in others} | {base.fingerprint}) == 4


def test_a_sample_of_the_questions() -> None:
    cases = split(dataset([(user, item, item) for user in range(30) for item in range(user % 6, 9)])).cases(Part.TEST)
    few = cases.sample(7, seed=3)
    assert len(few) == 7 and few.users.tolist() == cases.sample(7, seed=3).users.tolist() != cases.sample(7, seed=4).users.tolist()
    whole = {user: (cases.histories[at].tolist(), cases.targets[at].tolist()) for at, user in enumerate(cases.users.tolist())}
    assert all(whole[user] == (few.histories[at].tolist(), few.targets[at].tolist()) for at, user in enumerate(few.users.tolist()))
    assert cases.sample(30, seed=0) is cases


def test_only_two_parts_hold_questions() -> None:
    with pytest.raises(ValueError, match="only VALID and TEST hold questions, not TRAIN"):
        split(dataset([(0, item, item) for item in range(3)])).cases(Part.TRAIN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leave-one-ot", "split: 'leave-one-ot' is not known; did you mean 'leave-one-out'?"),
        ("", "split: '' is not known; known are: all, cold-items"),
        ("ratio:0.8;0.1", "split: '0.8;0.1' after 'ratio:' is not a list of numbers; write it like ratio:0.8,0.1."),
        ("ratio:0.8", "split: 'ratio:0.8' does not fit; write it like ratio:0.8,0.1."),
        ("ratio:0.8,0.2", "does not fit"),
        ("ratio:0.8,0.1,0.1", "does not fit"),
        ("ratio:-0.1,0.5", "does not fit"),
        ("ratio:nan,0.1", "does not fit"),
        ("global-time:0.9,0.8", "does not fit; write it like global-time:0.8,0.9."),
        ("global-time:0.8,0.8", "does not fit"),
        ("global-time:0.8,inf", "does not fit"),
        ("cold-users:0", "does not fit; write it like cold-users:0.1."),
        ("cold-items:1", "does not fit"),
        ("few-shot:0", "does not fit; write it like few-shot:3."),
        ("few-shot:1.5", "does not fit"),
        ("few-shot:inf", "does not fit"),
        ("few-shot:nan", "does not fit"),
        ("few-shot:1e300", "does not fit"),
        ("leave-one-out:3", "does not fit; write it like leave-one-out."),
        ("all:0.1", "does not fit; write it like all."),
    ],
)
def test_unknown_protocols_are_refused(text: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        split(dataset([(0, item, item) for item in range(9)]), text)
    assert message in str(error.value)


@given(text=st.one_of(st.text(max_size=12), st.builds("{}:{}".format, st.sampled_from(sorted(PROTOCOLS)), st.text("0123456789.,-+einfa ", max_size=10))))
def test_any_text_is_a_protocol_or_refused(text: str) -> None:
    try:
        split(dataset([(user, item, item) for user in range(4) for item in range(5)]), text)
    except (SettingError, DataError) as error:
        assert str(error).startswith(("split: ", "toy"))


@pytest.mark.parametrize(
    ("name", "events", "order", "message"),
    [
        ("leave-one-out", [(0, 0, 0), (0, 1, 1), (1, 1, 1)], "time", "toy: no user has 3 interactions, so none can be trained on, validated and tested"),
        ("few-shot:3", [(0, 0, 0)], "time", "toy: no user has 3 interactions"),
        ("global-time", [(0, item, item) for item in range(9)], "none", "toy has no times, which the split global-time needs. Name the column with --time"),
        ("global-time", [(0, item, item) for item in range(9)], "file", "toy has no times"),
        ("global-time", [(0, item, 7) for item in range(9)], "time", "toy: the split global-time leaves nothing to train: the times are too much alike"),
        ("ratio", [(user, 0, 0) for user in range(9)], "time", "toy: the split ratio leaves nothing to valid: the histories are too short to be cut so"),
        ("cold-users", [(0, item, item) for item in range(9)], "time", "leaves nothing to train: too few users have 2 interactions"),
        ("cold-users", [(user, 0, 0) for user in range(9)], "time", "leaves nothing to valid: too few users have 2 interactions"),
        ("cold-items", [(user, 0, 0) for user in range(9)], "time", "the split cold-items leaves nothing to train: there are too few items. Use other numbers"),
    ],
)
def test_data_too_small_for_a_protocol_are_refused(name: str, events: list[Event], order: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        split(dataset(events, order), name)
    assert message in str(error.value)
