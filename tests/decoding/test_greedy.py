"""Greedy writing takes the most probable token, and stops where each row ends."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tastelm.decoding.greedy import greedy

END = 9


def counting(asked: list[list[int]]) -> object:
    """Behind each token the next number is the most probable."""

    def step(tokens: Tensor) -> Tensor:
        asked.append(tokens.tolist())
        return F.one_hot((tokens + 1).clamp(max=END), END + 1).float()

    return step


def test_each_row_goes_on_to_its_end_or_as_far_as_it_may() -> None:
    asked: list[list[int]] = []
    first = F.one_hot(torch.tensor([7, 9, 0]), END + 1).float()
    assert greedy(first, counting(asked), end=END, longest=4) == [[7, 8], [], [0, 1, 2, 3]]
    assert asked[0] == [7, 9, 0] and len(asked) == 3


def test_nothing_is_asked_once_all_rows_have_ended() -> None:
    asked: list[list[int]] = []
    assert greedy(F.one_hot(torch.tensor([END, END]), END + 1).float(), counting(asked), end=END, longest=5) == [[], []]
    assert not asked
    assert greedy(torch.zeros(0, END + 1), counting(asked), end=END, longest=5) == []
