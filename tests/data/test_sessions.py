"""Sessions: cut where nothing happened, nothing lost but repeats and single events, the order kept."""

from itertools import groupby

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastelm.data.dataset import Dataset
from tastelm.data.sessions import duration, sessions
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError

HOUR = 3600.0


def log(rows: list[tuple[object, ...]], columns: tuple[str, ...] = ("user", "item", "time"), **more: object) -> Dataset:
    return Dataset.build(pl.DataFrame(rows, schema=list(columns), orient="row"), name="toy", **more)  # type: ignore[arg-type]


def walks(data: Dataset) -> dict[str, str]:
    """Session -> its items, one letter each."""
    return {str(user): "".join(items) for user, items in data.interactions.group_by("user", maintain_order=True).agg("item").iter_rows()}


def test_by_hand() -> None:
    """ann: x y y z, away for 25 hours, z w; bob: a single event; cid: the same item again and again."""
    ann = [("x", 0), ("y", 1), ("y", 2), ("z", 3), ("z", 28), ("w", 29)]
    rows = [("ann", item, hour * HOUR) for item, hour in ann] + [("bob", "x", 0.0), ("cid", "y", 0.0), ("cid", "y", 5.0)]
    cut = sessions(log(rows))
    assert walks(cut) == {"ann/1": "xyz", "ann/2": "zw"}
    assert cut.interactions["time"].to_list() == [0.0, HOUR, 3 * HOUR, 28 * HOUR, 29 * HOUR]
    assert "2 sessions of 3 users, cut where nothing happened for 1d: 2 repeats, 2 events of single-event sessions and 0 events beyond" in cut.notes[-1]


def test_a_gap_as_long_as_allowed_does_not_cut() -> None:
    rows = [("ann", "x", 0.0), ("ann", "y", HOUR), ("ann", "x", 2 * HOUR + 1), ("ann", "z", 2 * HOUR + 2)]
    assert walks(sessions(log(rows), gap="1h")) == {"ann/1": "xy", "ann/2": "xz"}


def test_repeats_are_of_neighbours_within_a_session_alone() -> None:
    rows = [("ann", item, float(at)) for at, item in enumerate("xyx")] + [("ann", "x", 2 * 86400.0), ("ann", "y", 2 * 86400.0 + 1)]
    assert walks(sessions(log(rows))) == {"ann/1": "xyx", "ann/2": "xy"}


@pytest.mark.parametrize(("keep", "left"), [("first", "abc"), ("last", "cde")])
def test_long_sessions_are_cut_where_asked(keep: str, left: str) -> None:
    data = log([("ann", item, float(at)) for at, item in enumerate("abcde")])
    assert walks(sessions(data, longest=3, keep=keep)) == {"ann/1": left}  # type: ignore[arg-type]
    assert walks(sessions(data)) == {"ann/1": "abcde"}


def test_the_column_of_sessions_cuts_too_and_visits_may_overlap() -> None:
    columns = ("user", "item", "time", "session")
    rows = [("ann", "a", 0.0, "p"), ("ann", "k", 1.0, "q"), ("ann", "b", 2.0, "p"), ("ann", "l", 3.0, "q"), ("ann", "c", 9 * 86400.0, "p"),
            ("ann", "d", 9 * 86400.0 + 1, "p"), ("ann", "m", 9 * 86400.0 + 2, None), ("ann", "n", 9 * 86400.0 + 3, None)]  # fmt: skip
    assert walks(sessions(log(rows, columns))) == {"ann/1": "ab", "ann/2": "kl", "ann/3": "cd", "ann/4": "mn"}


def test_names_are_unique_whatever_users_are_called() -> None:
    rows = [(user, item, at) for user in ("a", "a/1", "a/1/1") for at, item in ((0.0, "x"), (1.0, "y"), (9e5, "y"), (9e5 + 1, "x"))]
    assert len(walks(sessions(log(rows)))) == 6


def test_items_stay_users_go_and_a_split_sees_the_same_order() -> None:
    items, users = pl.DataFrame({"item": ["x", "y", "z"], "genre": ["a", "b", "a"]}), pl.DataFrame({"user": ["ann"], "age": [3]})
    data = log([("ann", item, 7.0) for item in "xyzxyz"], items=items, users=users)
    for seed in range(5):  # every event at the same time: the order is drawn, once
        cut = sessions(data, seed=seed)
        assert cut.items is not None and cut.items["genre"].to_list() == ["a", "b", "a"] and cut.users is None
        parts = split(cut, "all", seed=9)
        assert "".join(parts.items.decode(parts.rows.item)) == walks(cut)["ann/1"]
    assert len({walks(sessions(data, seed=seed))["ann/1"] for seed in range(5)}) > 1


EVENTS = st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from("abc"), st.integers(0, 60)), min_size=1, max_size=60)


@settings(max_examples=25)
@given(EVENTS, st.integers(1, 9), st.integers(2, 6), st.sampled_from(["first", "last"]))
def test_no_event_is_lost_but_repeats_and_short_sessions(events: list[tuple[str, str, int]], gap: int, longest: int, keep: str) -> None:
    """Against a naive cut, on times that differ, as ties have no order to keep."""
    rows = [(user, item, float(time)) for user, item, time in {(user, time): (user, item, time) for user, item, time in events}.values()]
    expected: dict[str, str] = {}
    for user, mine in groupby(sorted(rows, key=lambda row: (row[0], row[2])), key=lambda row: row[0]):
        visits, last = list[list[str]](), float("-inf")
        for _, item, time in mine:
            if time - last > gap:
                visits.append([])
            visits[-1].append(item)
            last = time
        for number, visit in enumerate(visits, 1):
            walk = "".join(item for item, _ in groupby(visit))
            if len(walk) >= 2:
                expected[f"{user}/{number}"] = walk[:longest] if keep == "first" else walk[-longest:]
    if not expected:
        with pytest.raises(DataError, match="toy: no session of two different events is left"):
            sessions(log(rows), gap=f"{gap}s", longest=longest, keep=keep)  # type: ignore[arg-type]
        return
    found = sessions(log(rows), gap=f"{gap}s", longest=longest, keep=keep)  # type: ignore[arg-type]
    assert walks(found) == expected
    known = {(user, item, time) for user, item, time in rows}
    assert all((user.rsplit("/", 1)[0], item, time) in known for user, item, time in found.interactions.iter_rows())


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), (" 12 H ", 43200), ("1.5d", 129600)])
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert duration(text, "gap") == seconds


@pytest.mark.parametrize("text", ["", "soon", "1", "-1d", "0d", "1w", "1d 2h", "1e3s", "nand"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=rf"gap: '{text}' is not a length of time; write it like 30m, 12h or 1d\."):
        sessions(log([("u", "a", 0.0)]), gap=text)


def test_bad_options_and_data_are_refused() -> None:
    data = log([("u", "a", 0.0), ("u", "b", 1.0)])
    with pytest.raises(SettingError, match=r"longest: 1 does not fit; it takes a whole number from 2\."):
        sessions(data, longest=1)
    with pytest.raises(SettingError, match=r"keep: 'middle' is not known; use first or last\."):
        sessions(data, keep="middle")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"toy has no times, which sessions need\. Name the column with --time NAME\."):
        sessions(log([("u", "a"), ("u", "b")], ("user", "item")))
