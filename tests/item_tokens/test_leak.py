"""Tokens that give the answers away are refused, honest ones are not."""

from dataclasses import replace

import numpy as np
import pytest

from tastelm.data import Sequences
from tastelm.errors import DataError, ShapeError
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.collaborative import collaborative_tokens
from tastelm.item_tokens.leak import OrderRule, check_order, order_rule
from tastelm.item_tokens.random import random_tokens
from tastelm.item_tokens.sequential import file_order_tokens, first_met, sequential_tokens

ITEMS, USERS = 950, 600


def walks() -> tuple[Sequences, Sequences, np.ndarray]:
    """Training histories, histories of the questions, and targets: every second user goes on to the next three new items, as in a growing
    catalogue, the others stay with what is known."""
    rng = np.random.default_rng(0)
    names = rng.permutation(ITEMS)
    walked, known = [], ITEMS - 3 * USERS // 2
    for user in range(USERS):
        fresh = np.arange(known, known + 3) if user % 2 else rng.integers(0, known, 3)
        walked.append(names[np.concatenate([rng.integers(0, known, 2), fresh])])
        known += 3 * (user % 2)
    train = Sequences.of(walk[:-1] for walk in walked)
    return train, train, np.array([walk[-1] for walk in walked])


def as_p5_numbers(train: Sequences, targets: np.ndarray) -> ItemTokens:
    whole = Sequences.of([*history, target] for history, target in zip(train, targets, strict=True))
    return file_order_tokens(first_met(whole, ITEMS, seed=0))


def test_the_order_of_the_file_is_refused_whether_it_is_marked_or_not() -> None:
    train, histories, targets = walks()
    leaky = as_p5_numbers(train, targets)
    with pytest.raises(DataError, match="file-order item tokens are marked as leaky: the 10 items next in their order hit 0"):
        check_order(leaky, histories, targets, train=train)
    with pytest.raises(DataError, match=r"file-order item tokens leak: .* that no training history answers; fair is 0\.0.* Number the items from the training"):
        check_order(replace(leaky, leaky=False), histories, targets, train=train)


def test_honest_tokens_pass() -> None:
    train, histories, targets = walks()
    ways = (
        random_tokens(ITEMS, width=2, base=40, seed=0),
        sequential_tokens(train, ITEMS, seed=1),
        collaborative_tokens(train, ITEMS, clusters=4, leaf=30, seed=0),
    )
    for made in ways:
        found = check_order(made, histories, targets, train=train)
        assert found.rate < 0.1 and found.chance < 0.03 and found.questions > USERS / 2


def test_what_users_had_together_is_no_leak() -> None:
    """Pairs that every user buys: the sequential order hits nearly all, and the training part knew."""
    train = Sequences.of([2 * (user % 50), 2 * (user % 50) + 1] for user in range(200))
    histories, targets = Sequences.of([2 * (user % 50)] for user in range(100)), np.array([2 * (user % 50) + 1 for user in range(100)])
    made = sequential_tokens(train, 100, seed=0)
    assert order_rule(made, histories, targets).rate == 1
    with pytest.raises(DataError, match="none of 100 questions is left for the rule"):
        check_order(made, histories, targets, train=train)


def test_a_baseline_may_be_given() -> None:
    train, histories, targets = walks()
    made = replace(as_p5_numbers(train, targets), leaky=False)
    rate = order_rule(made, histories, targets, train=train).rate
    assert check_order(made, histories, targets, train=train, baseline=rate).rate == rate
    with pytest.raises(DataError, match=r"fair is 0\.0100"):
        check_order(made, histories, targets, train=train, baseline=0.01)


def test_the_rule_by_hand() -> None:
    """Thirty items in the order of their codes: the ten behind the last item are hit, on a circle, and not the last item itself."""
    tokens = file_order_tokens(np.arange(30))
    histories = Sequences.of([[3], [7, 3], [3], [], [25], [25], [0]])
    found = order_rule(tokens, histories, np.array([4, 13, 14, 9, 29, 5, 0]))
    assert found == OrderRule(4 / 6, found.low, found.high, found.chance, 6)
    assert found.low < found.rate < found.high and 0 < found.chance < 0.8
    asked = order_rule(tokens, histories, np.array([4, 13, 14, 9, 29, 5, 0]), train=Sequences.of([[4, 3], [13], [25, 1, 5]]))
    assert (asked.rate, asked.questions) == (0.5, 4), "of 3 and 4, and of 25 and 5, the training part tells"


def test_chance_is_ten_of_the_others() -> None:
    rng = np.random.default_rng(0)
    last, shift = rng.integers(0, 200, 20_000), rng.integers(1, 200, 20_000)
    found = order_rule(random_tokens(200, width=2, base=20, seed=0), Sequences.of(last[:, None]), (last + shift) % 200)
    assert found.chance == pytest.approx(10 / 199, abs=2e-3) and found.low < 10 / 199 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.05 * 0.95 / 20_000), rel=0.15)


def test_questions_that_do_not_fit() -> None:
    tokens = file_order_tokens(np.arange(3))
    with pytest.raises(ShapeError, match=r"targets of shape \(1,\): give one item for each of the 2 histories"):
        order_rule(tokens, Sequences.of([[0], [1]]), np.array([2]))
    with pytest.raises(DataError, match="none of 1 questions is left for the rule: their histories are empty"):
        order_rule(tokens, Sequences.of([[]]), np.array([2]))
