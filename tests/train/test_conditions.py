"""Sums that repeat to the bit, whatever the threads do."""

import warnings

import pytest
import torch
from torch import Tensor

from tastelm.train.conditions import repeatable


def summed() -> Tensor:
    """The gradient of rows that are picked very often: each is a sum of thousands of numbers, made by two threads."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(3, (200_000,), generator=generator)
    table = torch.zeros(3, 8, requires_grad=True)
    (table[codes] * torch.randn(200_000, 8, generator=generator)).sum().backward()
    assert table.grad is not None
    return table.grad


def test_several_threads_add_up_to_the_same_bits() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with repeatable():
            first = summed()
            assert all(torch.equal(first, summed()) for _ in range(5))
    finally:
        torch.set_num_threads(threads)


def test_what_was_set_before_is_set_again() -> None:
    with repeatable():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_torch_says_of_attention_is_not_repeated_and_all_else_is() -> None:
    with pytest.warns(UserWarning) as told, repeatable():
        warnings.warn("cuDNN Attention defaults to a non-deterministic algorithm. To explicitly enable determinism ..", stacklevel=1)
        warnings.warn("Memory Efficient attention defaults to a non-deterministic algorithm.", stacklevel=1)
        warnings.warn("cumsum_cuda_kernel does not have a deterministic implementation", stacklevel=1)
    assert [str(one.message)[:6] for one in told] == ["cumsum"]
