"""The item table: items on the way in and out, a mask on the way in alone."""

import pytest
import torch

from tastelm.nn.items import ItemTable


def test_tied_and_separate_tables() -> None:
    tied, separate, states = ItemTable(5, 4), ItemTable(5, 4, tied=False), torch.randn(3, 4)
    assert tied.output is tied.weight and separate.output is not separate.weight
    torch.testing.assert_close(tied.scores(states), states @ tied.weight.T)
    torch.testing.assert_close(separate.scores(states), states @ separate.separate.T)  # type: ignore[union-attr]
    assert {name for name, _ in separate.named_parameters()} == {"weight", "separate"}


def test_a_bias_is_added_to_every_score() -> None:
    table, states = ItemTable(5, 4, bias=True), torch.randn(3, 4)
    assert table.bias is not None and table.bias.tolist() == [0.0] * 5
    with torch.no_grad():
        table.bias.copy_(torch.arange(5.0))
    torch.testing.assert_close(table.scores(states), states @ table.weight.T + torch.arange(5.0))


@pytest.mark.parametrize("mask", [False, True])
def test_vectors_are_scaled_on_the_way_in_alone(mask: bool) -> None:
    table, states = ItemTable(5, 4, scale=2.0, mask=mask), torch.randn(3, 4)
    torch.testing.assert_close(table(torch.tensor([4, 0, 4])), table.weight[[4, 0, 4]] * 2)
    torch.testing.assert_close(table.scores(states), states @ table.weight.T)


def test_the_mask_is_a_vector_of_its_own_and_no_row_of_the_table() -> None:
    table = ItemTable(5, 4, mask=True, scale=3.0)
    assert table.mask is not None and table.weight.shape == (5, 4) and table.scores(torch.randn(2, 4)).shape == (2, 5)
    found = table(torch.tensor([5, 2]))
    torch.testing.assert_close(found, torch.stack([table.mask, table.weight[2]]) * 3)
    found[0].sum().backward()
    assert table.weight.grad is None or (table.weight.grad == 0).all(), "the mask teaches no item"
    assert table.mask.grad is not None and (table.mask.grad == 3).all()


@pytest.mark.parametrize(("mask", "code"), [(False, 5), (False, -1), (True, -1)])
def test_other_codes_are_no_items(mask: bool, code: int) -> None:
    with pytest.raises((IndexError, RuntimeError)):
        ItemTable(5, 4, mask=mask)(torch.tensor([code]))
