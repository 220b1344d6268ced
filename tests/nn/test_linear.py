"""Modules without descent, by hand."""

import numpy as np
import torch

from tastelm.data.sequences import Sequences
from tastelm.nn.linear import ItemPrior, ItemToItem, Neighbours, Successor, distinct

HISTORIES = Sequences.of([[0, 2], [], [3, 3, 1], [2]])
NOBODY = np.full(4, -1, np.int32)


def test_everybody_gets_the_prior() -> None:
    module = ItemPrior(4)
    module.scores.copy_(torch.tensor([3.0, 1.0, 2.0, 0.0]))
    found = module.item_scores(HISTORIES, NOBODY)
    assert found.tolist() == [[3.0, 1.0, 2.0, 0.0]] * 4
    found[0, 0] = -torch.inf  # the caller sets items aside in what it gets
    assert module.scores.tolist() == [3.0, 1.0, 2.0, 0.0] and found[1, 0] == 3


def test_the_successor_counts_forward_on_a_circle() -> None:
    module = Successor(4)
    module.numbers.copy_(torch.tensor([10, 11, 13, 0]))  # numbers 0 .. 13
    found = module.item_scores(HISTORIES, NOBODY)
    assert found[0].tolist() == [-10.0, -11.0, -13.0, 0.0], "after 13 comes 0, then 10, 11, and 13 itself at the very end"
    assert found[1].tolist() == [0.0] * 4, "nothing to count from"
    assert found[2].tolist() == [-12.0, -13.0, -1.0, -2.0], "after 11: 13, 0, 10, 11"


def test_item_to_item_adds_up_the_rows_of_the_distinct_items() -> None:
    module = ItemToItem(4)
    module.weight.copy_(torch.arange(16.0).view(4, 4))
    found = module.item_scores(HISTORIES, NOBODY)
    rows = torch.arange(16.0).view(4, 4)
    assert torch.equal(found, torch.stack([rows[0] + rows[2], torch.zeros(4), rows[1] + rows[3], rows[2]]))


def test_neighbours_add_up_what_is_similar_to_the_history() -> None:
    module = Neighbours(4, 2)
    module.codes.copy_(torch.tensor([[1, 2], [0, 3], [0, 1], [2, 0]]))
    module.weights.copy_(torch.tensor([[0.5, 0.25], [0.5, 0.125], [0.25, 1.0], [2.0, 0.0]]))
    found = module.item_scores(HISTORIES, NOBODY)
    expected = [[0.25, 1.5, 0.25, 0.0], [0.0] * 4, [0.5, 0.0, 2.0, 0.125], [0.25, 1.0, 0.0, 0.0]]
    assert found.tolist() == expected
    module.recent = 1
    assert module.item_scores(HISTORIES, NOBODY).tolist() == [expected[3], expected[1], [0.5, 0.0, 0.0, 0.125], expected[3]]


def test_distinct_items() -> None:
    found = distinct(Sequences.of([[5, 1, 5], [], [2, 2], []]))
    assert [row.tolist() for row in found] == [[1, 5], [], [2], []]
    assert len(distinct(Sequences.of([[], []]))) == 2
