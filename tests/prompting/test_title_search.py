"""Recommending by search: one total order of the catalogue, that of the paper's merge or that of the sum."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sequences import Sequences
from tastelm.prompting.title_search import Merge, Searching, TitleSearch, merged
from tastelm.text.bm25 import BM25

TITLES = ["red box", "blue box", "red hat", "red box", "green lamp", "blue lamp", "chair"]
POPULARITY = np.array([1, 5, 2, 4, 9, 0, 7])
NOBODY = np.full(1, -1, np.int32)


class Asked(TitleSearch):
    """Searches for what it is told."""

    told: list[str]

    def queries(self, histories: Sequences) -> list[list[str]]:
        return [self.told for _ in histories]


def order(told: list[str], *, results: int = 4, merge: Merge = "paper") -> list[int]:
    module = Asked(len(TITLES), Searching(1.2, 0.75, results, merge, batch=2))
    module.told = told
    module.know(TITLES, POPULARITY)
    scores = module.item_scores(Sequences.of([[0]]), NOBODY)
    assert sorted(scores[0].tolist()) == list(range(1, len(TITLES) + 1))
    return [int(code) for code in scores[0].argsort(descending=True)]


def test_better_queries_come_first_then_their_own_order_then_what_else_is_like_them() -> None:
    # "red hat" finds 2, then of the two red boxes the more popular; "blue box" finds 1, then a box as good as the other blue thing.
    found = order(["red hat", "blue box"])
    assert found[:3] == [2, 3, 1]
    assert set(found[4:]) >= {4, 6} and found[-2:] == [4, 6], "what shares no word stands last, by popularity"
    other = order(["blue box", "red hat"])
    assert other[0] == 1 and other.index(2) == 2


def test_an_item_that_several_queries_find_stands_where_it_was_found_first() -> None:
    assert order(["lamp", "green lamp", "chair"], results=6)[:3] == [4, 5, 6]


def test_the_sum_puts_first_what_all_queries_want() -> None:
    told = ["red", "box"]
    assert order(told, merge="sum")[:2] == [3, 0] and order(told, results=2)[:2] == [3, 1], "by the paper, the best of each"


def test_equal_titles_stand_by_popularity_and_strangers_get_what_is_popular() -> None:
    module = TitleSearch(len(TITLES), Searching(1.2, 0.75, 4, "paper", batch=8))
    module.know(TITLES, POPULARITY)
    scores = module.item_scores(Sequences.of([[2, 0], []]), np.full(2, -1, np.int32))
    assert scores[0].topk(3).indices.tolist()[:2] == [3, 0]
    assert scores[1].argsort(descending=True).tolist() == [4, 6, 1, 3, 2, 0, 5]


def test_the_newest_title_is_the_query() -> None:
    module = TitleSearch(len(TITLES), Searching(1.2, 0.75, 4, "paper", batch=8))
    module.know(TITLES, POPULARITY)
    assert module.queries(Sequences.of([[2, 0], [], [6]])) == [["red box"], [], ["chair"]]
    again = TitleSearch(len(TITLES), module.searching)
    again.load_state_dict(module.state_dict())
    asked = Sequences.of([[4], [1, 2]]), np.full(2, -1, np.int32)
    assert torch.equal(again.item_scores(*asked), module.item_scores(*asked))


@given(st.lists(st.lists(st.sampled_from(["red", "blue", "box", "hat"]), max_size=3).map(" ".join), max_size=5), st.integers(1, 12))
def test_merging_by_hand(queries: list[str], results: int) -> None:
    found = BM25(TITLES).scores(queries)
    each, expected = -(-results // max(1, len(queries))), list[int]()
    for row in found:
        best = sorted((code for code in range(len(TITLES)) if row[code] > 0), key=lambda code: (-row[code], code))
        expected += [code for code in best[:each] if code not in expected]
    assert merged(found, results).tolist() == expected[:results]


@pytest.mark.parametrize("merge", ["paper", "sum"])
def test_a_batch_changes_nothing(merge: Merge) -> None:
    module = TitleSearch(len(TITLES), Searching(1.2, 0.75, 3, merge, batch=2))
    module.know(TITLES, POPULARITY)
    histories = Sequences.of([[code] for code in range(len(TITLES))])
    together = module.item_scores(histories, np.full(len(TITLES), -1, np.int32))
    for row in range(len(TITLES)):
        assert torch.equal(module.item_scores(histories.take(np.array([row])), NOBODY)[0], together[row])
