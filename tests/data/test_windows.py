"""Rolling windows: nothing of a later window is trained on, every session of a window is asked about once."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tastelm.data.dataset import Dataset
from tastelm.data.split import Part, Split
from tastelm.data.windows import Window, rolling
from tastelm.errors import DataError, SettingError
from tastelm.evaluation import protocol

DAY = 86400.0


def dataset(sessions: list[tuple[float, int]], *, gap: float = 60.0) -> Dataset:
    """A session for each (begin, length), its items a, b, ... from a place that differs from session to session."""
    rows = [
        (f"s{number}", "abcdefghij"[(number + at) % 10], begin + at * gap) for number, (begin, length) in enumerate(sessions) for at in range(length)
    ]  # fmt: skip
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="toy")


def begins(made: Split, part: Part) -> dict[str, float]:
    """Session -> its first time, for the sessions that have rows in the part."""
    assert made.rows.time is not None
    chosen = made.rows.user[made.part == part]
    return {made.users.ids[user]: float(made.rows.time[made.rows.user == user].min()) for user in np.unique(chosen)}


def test_by_hand() -> None:
    """Days 0, 1, 2 hold 2, 3, 4 sessions; the last two are asked about."""
    data = dataset([(day * DAY + number, 3) for day, count in enumerate((2, 3, 4)) for number in range(count)])
    first, second = rolling(data, 2, every="1d")
    assert [(window.label, window.begin, window.end, window.sessions) for window in (first, second)] == [
        ("1970-01-02", DAY, 2 * DAY, 3), ("1970-01-03", 2 * DAY, 3 * DAY, 4),
    ]  # fmt: skip
    made = first.split()
    assert set(begins(made, Part.TRAIN)) == {"s0", "s1"}
    assert set(begins(made, Part.VALID)) | set(begins(made, Part.TEST)) == {"s2", "s3", "s4"}
    assert (len(made.cases(Part.VALID)), len(made.cases(Part.TEST))) == (1, 2)
    assert made.dataset.n_users == 5 and len(made.users) == 9, "later sessions are not in its Dataset; the codes are those of the whole"
    assert set(begins(second.split(), Part.TRAIN)) == {"s0", "s1", "s2", "s3", "s4"}
    assert set(begins(second.split(newest=True), Part.TRAIN)) == {"s2", "s3", "s4"}
    assert set(begins(first.split(newest=True), Part.TRAIN)) == {"s0", "s1"}


def test_the_last_item_is_asked_for_and_those_before_it_are_given() -> None:
    made = rolling(dataset([(0, 2), (DAY, 4), (DAY + 1, 3)]), 1, every="1d")[0].split()
    asked = {made.users.ids[user]: (history, target) for part in (Part.VALID, Part.TEST) for user, history, target in questions(made, part)}
    assert asked == {"s1": ("bcd", "e"), "s2": ("cd", "e")}


def questions(made: Split, part: Part) -> Iterator[tuple[int, str, str]]:
    cases = made.cases(part)
    for user, history, target in zip(cases.users, cases.histories, cases.targets, strict=True):
        yield int(user), "".join(made.items.decode(history)), "".join(made.items.decode(target))


def test_items_of_the_session_stay_candidates_and_unmet_ones_are_there() -> None:
    made = rolling(dataset([(0, 2), (DAY, 4), (DAY + 1, 3)]), 1, every="1d")[0].split()
    assert not made.dataset.repeats_items, "by what users do in these data, they would be set aside"
    assert not made.mask_seen and not protocol(made).mask_seen
    assert protocol(made).describe()["seen_items"] == "ranked too"
    assert set(made.items.ids) == set("abcde") and made.popularity.sum() == 2


def test_thin_windows_are_passed_over_and_trained_on_later() -> None:
    """Day 2 has one session and day 3 none."""
    data = dataset([(0, 3), (1, 3), (DAY, 3), (DAY + 1, 3), (2 * DAY, 3), (4 * DAY, 3), (4 * DAY + 1, 3)])
    first, second = rolling(data, 2, every="1d")
    assert (first.label, second.label) == ("1970-01-02", "1970-01-05")
    assert set(begins(second.split(newest=True), Part.TRAIN)) == {"s2", "s3", "s4"}
    with pytest.raises(DataError, match=r"toy: only 2 windows of 1d hold 2 sessions or more and have sessions before them, not 3\. Ask for fewer --windows"):
        rolling(data, 3, every="1d")


def test_months_are_those_of_the_calendar() -> None:
    moments = [np.datetime64(text).astype("datetime64[s]").astype(float) for text in ("2016-01-31", "2016-02-01", "2016-02-29", "2016-03-01", "2016-03-02")]
    february, march = rolling(dataset([(moment, 3) for moment in moments]), 2, every="month")
    assert (february.label, march.label, february.sessions, march.sessions) == ("2016-02", "2016-03", 2, 2)
    assert march.begin - february.begin == 29 * DAY == february.end - february.begin
    assert february.protocol == "windows:month"


def test_windows_of_equally_many_sessions() -> None:
    made = rolling(dataset([(float(number**3), 2) for number in range(20)]), 4)
    assert [window.sessions for window in made] == [4, 4, 4, 4]
    assert [len(begins(window.split(), Part.TRAIN)) for window in made] == [4, 8, 12, 16]


def test_sessions_of_one_event_are_not_asked_about_but_trained_on_later() -> None:
    first, second = rolling(dataset([(0, 2), (DAY, 2), (DAY + 1, 2), (DAY + 2, 1), (2 * DAY, 2), (2 * DAY + 1, 2)]), 2, every="1d")
    assert first.sessions == 2
    assert "s3" in begins(first.split(), Part.UNUSED) and "s3" in begins(second.split(), Part.TRAIN)


SESSIONS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5)), min_size=6, max_size=40)


def cut(sessions: list[tuple[int, int]], windows: int, every: str | None, seed: int) -> tuple[Dataset, list[Window]]:
    """Windows of random sessions, whose events may reach into the windows behind, where the data are large enough for them."""
    data = dataset([(float(begin), length) for begin, length in sessions], gap=2.0)
    try:
        return data, rolling(data, windows, every=every, seed=seed)
    except DataError as error:
        assert str(error).startswith("toy: only ")
        assume(False)
        raise


@settings(max_examples=25)
@given(SESSIONS, st.integers(1, 4), st.sampled_from(["5s", "10s", None]), st.integers(0, 3), st.booleans())
def test_nothing_leaks_and_nothing_is_lost(sessions: list[tuple[int, int]], windows: int, every: str | None, seed: int, newest: bool) -> None:
    data, made = cut(sessions, windows, every, seed)
    begin = {f"s{number}": float(moment) for number, (moment, _) in enumerate(sessions)}
    last = -np.inf
    for window in made:
        found = window.split(newest=newest)
        train, valid, test = (begins(found, part) for part in (Part.TRAIN, Part.VALID, Part.TEST))
        assert all(moment < window.begin for moment in train.values()), "a session of a later window is trained on"
        assert not set(valid) & set(test)
        assert set(valid) | set(test) == {name for name, moment in begin.items() if window.begin <= moment < window.end and sessions[int(name[1:])][1] >= 2}
        assert len(test) - len(valid) in (0, 1)
        assert set(begins(found, Part.INPUT)) == set(valid) | set(test)
        wanted = {name for name, moment in begin.items() if moment < window.begin and (not newest or last == -np.inf or moment >= last)}
        assert set(train) == wanted
        assert found.dataset.interactions["user"].is_in([name for name, moment in begin.items() if moment < window.end]).all()
        assert len(found.dataset) == len(found.part) == len(found.rows.user)
        assert (len(found.users), len(found.items)) == (data.n_users, data.n_items)
        again = window.split(newest=newest)
        assert again.fingerprint == found.fingerprint and (again.part == found.part).all()
        last = window.begin


def test_halves_follow_the_seed() -> None:
    data = dataset([(0, 2)] + [(DAY + number, 3) for number in range(12)])
    halves = {seed: frozenset(begins(rolling(data, 1, every="1d", seed=seed)[0].split(), Part.VALID)) for seed in range(4)}
    assert len(set(halves.values())) > 1


@pytest.mark.parametrize(("options", "message"), [
    ({"windows": 0}, r"windows: 0 does not fit; it takes a whole number from 1\."),
    ({"least": 1}, r"least: 1 does not fit; it takes a whole number from 2\."),
    ({"seed": -1}, r"split_seed: -1 does not fit"),
    ({"every": "weekly"}, r"every: 'weekly' is not a length of time; write it like"),
])  # fmt: skip
def test_options_that_do_not_fit_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        rolling(dataset([(0, 2), (DAY, 2)]), **options)  # type: ignore[arg-type]


def test_data_without_times_or_with_too_few_sessions_are_refused() -> None:
    untimed = Dataset.build(pl.DataFrame({"user": ["a", "a"], "item": ["x", "y"]}), name="toy")
    with pytest.raises(DataError, match=r"toy has no times, which windows of time need\. Name the column with --time NAME\."):
        rolling(untimed)
    with pytest.raises(DataError, match="toy: only 0 windows of equally many sessions hold 2 sessions or more"):
        rolling(dataset([(0, 2), (1, 2), (2, 2)]), 6)
    with pytest.raises(DataError, match="only 0 windows of 1d"):
        rolling(dataset([(0, 2), (1, 2), (2, 2)]), 1, every="1d")
