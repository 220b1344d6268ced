"""Items joined by what is known of them."""

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from tastelm.data.features import Features, Field
from tastelm.data.sequences import Sequences
from tastelm.data.vocabulary import Vocabulary
from tastelm.nn.features import FeaturedItems, FeatureTables, FieldMixer, Fusion, with_features
from tastelm.nn.items import ItemTable
from tastelm.nn.ragged import CategoryTable, NumberTable, Ragged

TABLE = pl.DataFrame({"item": ["a", "b", "c"], "kind": [["x", "y"], ["y"], []], "year": [1.0, 3.0, None]})
KNOWN = Features.of(TABLE, "item", Vocabulary(["a", "b", "c"]))
KINDS = ("sum", "concat", "gated", "attention", "product")


def test_a_ragged_table_takes_the_size_of_what_is_loaded() -> None:
    full, empty = Ragged(), Ragged()
    full.fill(Sequences.of([[3, 1], [], [2]]))
    empty.load_state_dict(full.state_dict())
    assert [row.tolist() for row in empty.sequences()] == [[3, 1], [], [2]]
    values, owners = empty.take(torch.tensor([2, 1, 0, 0]))
    assert values.tolist() == [2, 3, 1, 3, 1] and owners.tolist() == [0, 2, 2, 3, 3]
    with pytest.raises(RuntimeError):
        Ragged().load_state_dict({"values": full.values})


def test_categories_are_averaged_and_nothing_is_zero() -> None:
    table = CategoryTable(3, 4, 2)
    table.fill(Sequences.of([[0, 2], [3], []]))
    rows = table(torch.tensor([0, 2, 1]))
    torch.testing.assert_close(rows, torch.stack([table.weight[[0, 2]].mean(0), torch.zeros(2), table.weight[3]]))


def test_numbers_are_a_mixture_that_moves_without_jumps() -> None:
    table = NumberTable(101, 3, bins=8)
    table.fill(np.linspace(-2, 2, 101, dtype=np.float32))
    rows = table(torch.arange(101))
    shares = table.assign(table.numbers[:, None]).softmax(1)
    torch.testing.assert_close(shares.sum(1), torch.ones(101))
    assert (rows[1:] - rows[:-1]).abs().max() < 0.2 * rows.abs().max()
    table.fill(np.array([np.nan], np.float32))
    torch.testing.assert_close(table(torch.tensor([0]))[0], table.unknown)


def test_a_whole_table_is_its_rows() -> None:
    categories, numbers = CategoryTable(3, 4, 2), NumberTable(3, 2)
    categories.fill(Sequences.of([[0, 2], [], [3]]))
    numbers.fill(np.array([0.5, np.nan, -1.0], np.float32))
    for table in (categories, numbers):
        torch.testing.assert_close(table.whole(), table(torch.arange(3)))


@pytest.mark.parametrize("kind", KINDS)
def test_items_are_scored_by_themselves_or_with_their_fields(kind: str) -> None:
    for scored in (False, True):
        items = with_features(ItemTable(3, 4, scale=2.0, bias=True), KNOWN.fields, kind, scored=scored)  # type: ignore[arg-type]
        assert isinstance(items, FeaturedItems)
        items.fill(KNOWN)
        states = torch.randn(5, 4)
        torch.testing.assert_close(items.scores(states), states @ items.output.T)
        if scored and kind == "sum":  # otherwise what is read is a function of the scaled vectors
            torch.testing.assert_close(items.output, items(torch.arange(3)) / 2)
        learnt = torch.autograd.grad(items.scores(states).sum(), items.features.tables[0].weight, allow_unused=True)[0]
        assert (learnt is not None) == scored, "what an answer teaches reaches the fields only where they are scored"


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_without_fields_is_itself(kind: str) -> None:
    torch.manual_seed(0)
    fusion, item = Fusion(kind, 4, 2), torch.randn(3, 4)  # type: ignore[arg-type]
    joined = fusion(item, torch.zeros(3, 2, 4))
    torch.testing.assert_close(joined, item, atol=0.3 if kind == "concat" else 1e-6, rtol=0)
    assert not torch.allclose(fusion(item, torch.randn(3, 2, 4)), joined)


def test_attention_over_fields_sums_to_one() -> None:
    torch.testing.assert_close(Fusion("attention", 4, 3).weights(torch.randn(5, 3, 4)).sum(1), torch.ones(5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_hides_the_item_and_its_fields(kind: str) -> None:
    torch.manual_seed(0)
    items = with_features(ItemTable(3, 4, mask=True, scale=2.0), KNOWN.fields, kind)  # type: ignore[arg-type]
    assert isinstance(items, FeaturedItems)
    items.fill(KNOWN)
    vectors = items(torch.tensor([0, 3, 1]))
    torch.testing.assert_close(vectors[1], items.table.mask * 2)  # type: ignore[operator]
    before = items(torch.tensor([3]))
    for table in items.features.tables:
        nn.init.normal_(table.weight)
    torch.testing.assert_close(items(torch.tensor([3])), before)
    assert not torch.allclose(items(torch.tensor([0]))[0], vectors[0]), "fields count where nothing is hidden"
    assert items.output is items.table.weight and items.weight is items.table.weight and items.bias is None
    torch.testing.assert_close(items.scores(vectors), vectors @ items.output.T)


def test_without_fields_the_table_is_itself() -> None:
    table = ItemTable(3, 4)
    assert with_features(table, (), "sum") is table


def test_the_mixer_weighs_every_category_on_its_own() -> None:
    torch.manual_seed(0)
    mixer = FieldMixer(KNOWN.fields, 3, 4)
    mixer.tables.fill(KNOWN)
    kinds, years = mixer.tables.tables[0], mixer.tables.tables[1]
    rows = mixer(torch.tensor([0, 2]))
    pieces = torch.cat([kinds.weight, years(torch.tensor([0]))])
    share = mixer.outer(torch.tanh(mixer.inner(pieces)))[:, 0].softmax(0)
    torch.testing.assert_close(rows[0], share @ pieces)
    torch.testing.assert_close(rows[1], years(torch.tensor([2]))[0], msg="of item c only that its year is unknown")


def test_tables_follow_the_fields() -> None:
    tables = FeatureTables((Field("kind", "categories", 2), Field("year", "number")), 3, 4, scale=3.0)
    tables.fill(KNOWN)
    both = tables(torch.tensor([0, 1, 2]))
    assert both.shape == (3, 2, 4)
    torch.testing.assert_close(both[1, 0], tables.tables[0].weight[1] * 3)
    assert (both[2, 0] == 0).all()
