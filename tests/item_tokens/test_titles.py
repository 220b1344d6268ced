"""Titles as item tokens."""

import pytest

from tastelm.errors import DataError
from tastelm.item_tokens.titles import title_tokens

END = 9


def test_titles_end_so_that_none_begins_another() -> None:
    made = title_tokens([[1, 2], [1], [1, 2, 3]], end=END, vocabulary=10)
    assert [sequence.tolist() for sequence in made.tokens] == [[1, 2, END], [1, END], [1, 2, 3, END]]
    assert made.levels is None and made.collisions == 0 and made.code_of([1, END]) == 1 and made.code_of([1, 2]) == -1


def test_equal_titles_are_numbered_if_somebody_says_how() -> None:
    titles = [[1, 2], [3], [1, 2], [1, 2]]
    with pytest.raises(DataError, match=r"item 2, \[1, 2, 9\], has the same tokens as item 0, \[1, 2, 9\], so"):
        title_tokens(titles, end=END, vocabulary=10)
    made = [title_tokens(titles, end=END, vocabulary=10, number_equal=lambda number: [5, number], seed=seed) for seed in range(6)]
    for one in made:
        assert sorted(one.tokens[item].tolist() for item in (0, 2, 3)) == [[1, 2, 5, 2, END], [1, 2, 5, 3, END], [1, 2, END]]
        assert one.tokens[1].tolist() == [3, END] and one.collisions == 3
    assert len({one.code_of([1, 2, END]) for one in made}) > 1, "which item keeps the plain title is drawn"


def test_a_number_that_makes_the_title_of_another_item() -> None:
    with pytest.raises(DataError, match="has the same tokens as"):
        title_tokens([[1], [1], [1, 2]], end=END, vocabulary=10, number_equal=lambda number: [number])


@pytest.mark.parametrize(("title", "message"), [
    ([], "titles, item 1: the title is empty"),
    ([2, END], "titles, item 1: the title holds token 9, which ends a title"),
    ([2, 12], "item 1 has token 12"),
])  # fmt: skip
def test_titles_that_cannot_be_used(title: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        title_tokens([[1], title], end=END, vocabulary=10)
