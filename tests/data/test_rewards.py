"""Rewards of the training part, by hand, and the reward-to-go by its properties."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.dataset import Dataset
from tastelm.data.rewards import Replay, parse_rewards, reward_to_go, rewards_of, settled_rewards
from tastelm.data.sequences import Sequences
from tastelm.data.split import Split, split
from tastelm.errors import DataError, SettingError

ANN = [("x", "click", 2.0), ("y", "purchase", 5.0), ("z", "click", 3.0), ("w", "click", 1.0), ("v", "purchase", 4.0)]
BOB = [("y", "click", 4.0), ("x", "click", 4.0)]


def log(ann: list[tuple[str, str | None, float]] = ANN, columns: tuple[str, ...] = ("event", "rating")) -> Split:
    """Of ann's five interactions the first three are trained on, of bob both."""
    rows = [(user, item, float(at), event, rating) for user, met in (("ann", ann), ("bob", BOB)) for at, (item, event, rating) in enumerate(met)]
    table = pl.DataFrame(rows, schema={"user": pl.String, "item": pl.String, "time": pl.Float64, "event": pl.String, "rating": pl.Float64}, orient="row")
    # The table is not in the order of the sequences, so that rewards must be found by their rows.
    return split(Dataset.build(table.select("user", "item", "time", *columns).reverse(), name="toy", order="time"))


def test_reward_to_go_by_hand() -> None:
    rewards, offsets = np.array([0.2, 1.0, 0.2, 1.0]), np.array([0, 3, 3, 4])
    np.testing.assert_allclose(reward_to_go(rewards, offsets), [1.4, 1.2, 0.2, 1.0])
    np.testing.assert_allclose(reward_to_go(rewards, offsets, 2), [1.2, 1.2, 0.2, 1.0])
    np.testing.assert_allclose(reward_to_go(rewards, offsets, 1), rewards)
    assert reward_to_go(np.empty(0), np.array([0, 0])).tolist() == []


@given(
    rows=st.lists(st.lists(st.sampled_from([0.0, 0.2, 1.0, 3.5]), max_size=7), max_size=6), horizon=st.integers(0, 9)
)  # fmt: skip
def test_reward_to_go_telescopes_and_ends_with_the_last_reward(rows: list[list[float]], horizon: int) -> None:
    lengths = [len(row) for row in rows]
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    found = reward_to_go(np.array([value for row in rows for value in row]), offsets, horizon)
    for row, begin, end in zip(rows, offsets[:-1], offsets[1:], strict=True):
        own = found[begin:end]
        np.testing.assert_allclose(own, [sum(row[at : at + horizon if horizon else None]) for at in range(len(row))], atol=1e-12)
        if row:
            assert own[-1] == pytest.approx(row[-1])
        if not horizon:
            np.testing.assert_allclose(own[:-1] - own[1:], row[:-1], atol=1e-12)


def test_rewards_stand_with_their_interactions() -> None:
    made = log()
    assert made.items.decode(made.train.values) == ["x", "y", "z", "y", "x"]
    assert rewards_of(made, "click=0.2,purchase=1").tolist() == [0.2, 1, 0.2, 0.2, 0.2]
    assert rewards_of(made, "event").tolist() == rewards_of(made, "auto").tolist() == [0.2, 1, 0.2, 0.2, 0.2]
    assert rewards_of(made, "click=0, purchase=3").tolist() == [0, 3, 0, 0, 0]
    np.testing.assert_allclose(rewards_of(made, "rating"), [0, 1, 1 / 3, 2 / 3, 2 / 3])  # 1 is no rating of the training part
    assert rewards_of(made, "one").tolist() == [1, 1, 1, 1, 1]


def test_auto_takes_events_then_ratings_then_nothing() -> None:
    assert [settled_rewards(log(columns=columns), "auto") for columns in (("event", "rating"), ("event",), ("rating",), ())] == [
        "event",
        "event",
        "rating",
        "one",
    ]
    assert settled_rewards(log(), "rating") == "rating" and rewards_of(log(columns=()), "auto").tolist() == [1] * 5


def test_ratings_that_are_all_alike_are_all_worth_one() -> None:
    assert rewards_of(log([(item, event, 4.0) for item, event, _ in ANN]), "rating").tolist() == [1] * 5


def test_rewards_of_what_is_held_out_are_not_looked_at() -> None:
    other = log([*ANN[:3], ("w", "stolen", 99.0), ("v", None, -99.0)])
    for text in ("rating", "event", "click=0.2,purchase=1"):
        here, there = Replay.of(log(), text), Replay.of(other, text)
        assert here.rewards.tolist() == there.rewards.tolist() and here.returns.tolist() == there.returns.tolist()


def test_a_split_without_its_test_part_has_the_same_rewards() -> None:
    assert rewards_of(log().without_test(), "rating").tolist() == rewards_of(log(), "rating").tolist()


def test_what_is_usual_at_a_step_by_hand() -> None:
    replay = Replay(Sequences.of([[0, 1, 2], [], [5, 4], [3]]), np.array([1.0, 2, 3, 4, 5, 6]))
    assert replay.steps.tolist() == [0, 1, 2, 0, 1, 0] and replay.returns.tolist() == [6, 5, 3, 9, 5, 6]
    mean, deviation = replay.usual(5)
    np.testing.assert_allclose(mean, [7, 5, 3, 3, 3])
    np.testing.assert_allclose(deviation, [np.std([6, 9, 6]), 0, 0, 0, 0])
    np.testing.assert_allclose(replay.usual(2)[0], [7, np.mean([5, 3, 5])], err_msg="later steps belong to the last")
    assert Replay(Sequences.of([[]]), np.empty(0)).usual(2)[0].tolist() == [0, 0]


def test_shuffled_rewards_are_the_same_ones_elsewhere() -> None:
    replay = Replay(Sequences.of([list(range(50))]), np.arange(50.0), horizon=3)
    other = replay.shuffled(1)
    assert sorted(other.rewards) == sorted(replay.rewards) and other.rewards.tolist() != replay.rewards.tolist() and other.horizon == 3
    assert other.rewards.tolist() == replay.shuffled(1).rewards.tolist() != replay.shuffled(2).rewards.tolist()
    np.testing.assert_allclose(other.returns[:-2], other.rewards[:-2] + other.rewards[1:-1] + other.rewards[2:])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clicks", r"rewards: 'clicks' is not known; use auto, event, rating or one, or say what each event is worth, as in click=0\.2,purchase=1\."),
        ("click=0.2,", r"rewards: 'click=0\.2,' is not known; use auto"),
        ("click=0.2,click=1", r"rewards: 'click=0\.2,click=1' names the event 'click' twice\. Keep one\."),
        ("click=much", r"rewards: 'much' is not what 'click' can be worth; give a number from 0, as in click=1\."),
        ("click=-1", r"rewards: '-1' is not what 'click' can be worth"),
        ("click=inf", r"rewards: 'inf' is not what 'click' can be worth"),
        ("click=0,buy=0", r"rewards: every event of 'click=0,buy=0' is worth 0, so there is nothing to ask for\. Give one of them a number above 0\."),
    ],
)
def test_what_says_no_reward_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        parse_rewards(text)


def test_rewards_that_the_data_do_not_have_are_refused() -> None:
    with pytest.raises(
        SettingError, match=r"rewards: toy has no column 'rating', which rewards=rating needs; it has user, item, time, event\. Use rewards=one,"
    ):
        rewards_of(log(columns=("event",)), "rating")
    with pytest.raises(SettingError, match=r"rewards: toy has no column 'event', which rewards=click=1 needs"):
        rewards_of(log(columns=("rating",)), "click=1")
    said = r"rewards: nothing is said of the event 'purchase', which 1 of 5 training interactions have; did you mean 'purchases'\? Say what each event is worth"
    with pytest.raises(SettingError, match=said):
        rewards_of(log(), "click=0.2,purchases=1")
    with pytest.raises(
        SettingError, match=r"event 'cart', which 1 of 5 .*; known are: buy, click, purchase, view\. Say what each event is worth, as in rewards=cl"
    ):
        rewards_of(log([("x", "cart", 1.0), *ANN[1:]]), "auto")
    with pytest.raises(DataError, match=r"toy: 1 of 5 training interactions have no event, and so no reward\. Drop them, or use rewards=one\."):
        rewards_of(log([("x", None, 1.0), *ANN[1:]]), "auto")
