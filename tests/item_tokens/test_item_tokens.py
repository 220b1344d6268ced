"""What all item tokens promise, and the ways to make them."""

import inspect

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data import Dataset, Sequences
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError
from tastelm.item_tokens.base import ItemTokens, numbered
from tastelm.item_tokens.collaborative import collaborative_tokens
from tastelm.item_tokens.random import random_tokens
from tastelm.item_tokens.semantic import semantic_tokens
from tastelm.item_tokens.sequential import file_order_tokens, first_met, sequential_tokens
from tastelm.item_tokens.titles import title_tokens

ITEMS = 60


def histories(seed: int = 0, n_items: int = ITEMS) -> Sequences:
    rng = np.random.default_rng(seed)
    return Sequences.of(rng.integers(0, n_items, rng.integers(0, 9)) for _ in range(40))


def plain(tokens: ItemTokens) -> list[list[int]]:
    return [sequence.tolist() for sequence in tokens.tokens]


MAKERS = {
    "random": lambda seed: random_tokens(ITEMS, width=2, base=9, seed=seed),
    "sequential": lambda seed: sequential_tokens(histories(n_items=ITEMS // 2), ITEMS, base=6, seed=seed),
    "collaborative": lambda seed: collaborative_tokens(histories(), ITEMS, clusters=3, leaf=4, seed=seed),
    "semantic": lambda seed: semantic_tokens(np.random.default_rng(5).normal(size=(ITEMS, 4)).astype(np.float32), levels=2, codes=4, seed=seed),
    "titles": lambda seed: title_tokens([[item % 7 + 1, 8] for item in range(ITEMS)], end=0, vocabulary=90, number_equal=lambda n: [9 + n], seed=seed),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_index_is_steady_and_can_be_read_back(kind: str, seed: int) -> None:
    made = MAKERS[kind](seed)
    assert made.kind == kind and len(made) == ITEMS and not made.leaky
    assert plain(made) == plain(MAKERS[kind](seed)) and made.notes == MAKERS[kind](seed).notes
    assert plain(made) != plain(MAKERS[kind](seed + 2)), "the seed decides something"
    assert [made.code_of(sequence) for sequence in made.tokens] == list(range(ITEMS))
    written = [tuple(sequence) for sequence in plain(made)]
    assert not any(a == b[: len(a)] for i, a in enumerate(written) for j, b in enumerate(written) if i != j)
    assert made.code_of(written[0][:-1]) == made.code_of([*written[0], 0]) == made.code_of([]) == -1
    assert [written[item] for item in made.order] == sorted(written)
    assert 0 < made.share_used() <= 1 and made.share_used() == len({token for sequence in written for token in sequence}) / made.vocabulary


@given(st.lists(st.lists(st.integers(0, 2), max_size=4), max_size=9))
def test_tokens_are_refused_where_somebody_could_misread_them(lists: list[list[int]]) -> None:
    clear = all(lists) and not any(a == b[: len(a)] for i, a in enumerate(lists) for j, b in enumerate(lists) if i != j)
    if clear:
        assert len(ItemTokens("own", Sequences.of(lists), 3, None)) == len(lists)
    else:
        with pytest.raises(DataError):
            ItemTokens("own", Sequences.of(lists), 3, None)


@pytest.mark.parametrize(("lists", "levels", "message"), [
    ([[0], [1, 2], [1, 2]], None, r"own item tokens: item 2, \[1, 2\], has the same tokens as item 1, \[1, 2\], so a generator cannot tell them apart\. Put a"),
    ([[1, 2], [0], [1]], None, r"item 0, \[1, 2\], begins like item 2, \[1\], so"),
    ([[0], []], None, r"item 1 has none\. Give each item at least one token\."),
    ([[0], [1, 3]], None, r"item 1 has token 3; tokens are 0\.\.2\. Correct it"),
    ([[0], [1, -1]], None, r"item 1 has token -1"),
    ([[0], [1]], (2, 2), r"levels of \(2, 2\) codes do not add up to a vocabulary of 3\."),
    ([[0, 2], [1, 0]], (2, 1), r"the levels of item 1, \[1, 0\], do not rise\."),
])  # fmt: skip
def test_the_refusals_name_the_items(lists: list[list[int]], levels: tuple[int, ...] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ItemTokens("own", Sequences.of(lists), 3, levels)


def test_numbers_within_groups_are_complete_and_shuffled() -> None:
    groups = np.random.default_rng(0).integers(0, 5, 200)
    numbers = numbered(groups, np.random.default_rng(1))
    for group in range(5):
        inside = numbers[groups == group]
        assert sorted(inside) == list(range(len(inside))) and inside.tolist() != sorted(inside)


def test_random_tokens_take_every_level_and_fill_the_space_to_the_last_sequence() -> None:
    made = random_tokens(81, width=4, base=3, seed=0)
    assert made.levels == (3, 3, 3, 3) and made.vocabulary == 12 and made.share_used() == 1
    assert all([token // 3 for token in sequence] == [0, 1, 2, 3] for sequence in plain(made))
    with pytest.raises(SettingError, match=r"base 3, width 4: that makes 81 sequences, for 82 items\."):
        random_tokens(82, width=4, base=3, seed=0)
    with pytest.raises(SettingError, match=r"from 5 to 2 \*\* 62"):
        random_tokens(5, width=8, base=256, seed=0)


def test_sequential_tokens_are_the_digits_of_the_order_of_the_walk() -> None:
    made = sequential_tokens(Sequences.of([[4, 2], [], [2, 0, 4], [1]]), 6, base=3, seed=0)
    assert made.tokens[4].tolist() == [0, 3] and made.tokens[2].tolist() == [0, 4] and made.tokens[0].tolist() == [0, 5] and made.tokens[1].tolist() == [1, 3]
    assert sorted(made.tokens[item].tolist() for item in (3, 5)) == [[1, 4], [1, 5]], "what was never met comes last"
    assert made.levels == (3, 3) and made.notes == ("2 of 6 items are not in the training histories and stand last, shuffled.",)
    assert {sequential_tokens(Sequences.of([]), 6, seed=seed).code_of([0]) for seed in range(9)} != {0}, "the rest is shuffled"
    with pytest.raises(SettingError, match="base: 1 does not fit"):
        sequential_tokens(histories(), ITEMS, base=1, seed=0)


def test_the_file_order_says_that_it_leaks() -> None:
    order = first_met(Sequences.of([[2, 0], [1]]), 3, seed=0)
    made = file_order_tokens(order)
    assert order.tolist() == [2, 0, 1] and plain(made) == [[1], [2], [0]]
    assert made.leaky and made.notes[0].startswith("Leaky: ")
    with pytest.raises(DataError, match="order: it must hold each of the 3 items once"):
        file_order_tokens(np.array([0, 2, 2]))


@pytest.mark.parametrize("make", [sequential_tokens, collaborative_tokens])
def test_an_index_is_given_the_training_part_and_nothing_else(make: object) -> None:
    """What came later in the histories is not there to be read, and the vocabulary of items stays whole."""
    names = list(inspect.signature(make).parameters)  # type: ignore[arg-type]
    assert names[:2] == ["train", "n_items"] and set(names[2:]) <= {"base", "clusters", "leaf", "seed"}


@pytest.mark.parametrize("kind", ["sequential", "collaborative"])
def test_another_future_of_the_users_changes_no_token(kind: str) -> None:
    rng = np.random.default_rng(0)
    past = [(f"u{user:02}", str(item)) for user in range(20) for item in rng.choice(30, 5, replace=False)]
    everything = [("all", str(item)) for item in range(30)]

    def tokens(last: list[int]) -> list[list[int]]:
        rows = [*everything, *past]
        for user, item in enumerate(last):
            rows += [(f"u{user:02}", str(item)), (f"u{user:02}", str((item + 7) % 30))]
        made = split(Dataset.build(pl.DataFrame(rows, schema=["user", "item"], orient="row"), name="toy", order="file"))
        if kind == "sequential":
            return plain(sequential_tokens(made.train, len(made.items), seed=0))
        return plain(collaborative_tokens(made.train, len(made.items), clusters=2, leaf=4, seed=0))

    assert tokens(list(range(20))) == tokens(list(range(20, 0, -1)))


def test_histories_of_another_catalogue() -> None:
    strange = Sequences.of([[1], [0, 5]])
    for make in (lambda: sequential_tokens(strange, 3, seed=0), lambda: collaborative_tokens(strange, 3, clusters=2, leaf=2, seed=0)):
        with pytest.raises(DataError, match=r"history 1: 5 is no item of a catalogue of 3; codes are 0\.\.2\."):
            make()
