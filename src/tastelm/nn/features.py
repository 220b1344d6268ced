"""Items with what is known of them: the vector of an item joined by those of its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.features import Features, Field
from tastelm.nn.items import ItemTable
from tastelm.nn.ragged import CategoryTable, NumberTable

FusionKind = Literal["sum", "concat", "gated", "attention", "product"]


class FeatureTables(nn.Module):
    """A vector of each field for each item, times `scale`. `fields` must not be empty."""

    def __init__(self, fields: Sequence[Field], n_items: int, dim: int, *, scale: float = 1.0) -> None:
        super().__init__()
        self.fields, self.scale = tuple(fields), scale
        self.tables = nn.ModuleList(
            CategoryTable(n_items, field.values, dim) if field.kind == "categories" else NumberTable(n_items, dim) for field in self.fields
        )

    def fill(self, features: Features) -> None:
        """Take over what is known of each item."""
        for field, table in zip(self.fields, self.tables, strict=True):
            feature = features[field.name]
            if isinstance(table, CategoryTable) and feature.codes is not None:
                table.fill(feature.codes)
            elif isinstance(table, NumberTable) and feature.numbers is not None:
                table.fill(feature.numbers)

    def forward(self, codes: Tensor) -> Tensor:
        """(T,) item codes -> (T, F, D), a vector for each of F fields."""
        return torch.stack([table(codes) for table in self.tables], 1) * self.scale

    def whole(self) -> Tensor:
        """(N, F, D) of every item, not scaled."""
        tables: Any = self.tables
        return torch.stack([table.whole() for table in tables], 1)


class Fusion(nn.Module):
    """One vector from that of an item x and those of its F fields y_f.

    sum        x + sum_f y_f
    product    x * (1 + sum_f y_f), the item weighed by its fields (element-wise, de Souza Pereira Moreira et al. 2021; 1 added so that
               an item without fields is itself)
    concat     W [x; y_1; ...; y_F]
    gated      x + sum_f sig(W_f [x; y_f]) * y_f
    attention  x + sum_f a_f y_f, a = softmax_f(w . tanh(W y_f)) (vanilla attention of FDSA, Zhang et al. 2019, Eq. 2)
    """

    def __init__(self, kind: FusionKind, dim: int, fields: int) -> None:
        super().__init__()
        self.kind = kind
        if kind == "concat":
            self.join = nn.Linear(dim * (fields + 1), dim)
            with torch.no_grad():  # it begins as the item itself, and learns what the fields add
                nn.init.normal_(self.join.weight, std=0.02)
                nn.init.zeros_(self.join.bias)
                self.join.weight[:, :dim] += torch.eye(dim)
        elif kind == "gated":
            self.gate = nn.Parameter(torch.zeros(fields, 2 * dim, dim))
        elif kind == "attention":
            self.inner, self.outer = nn.Linear(dim, dim), nn.Linear(dim, 1, bias=False)

    def weights(self, fields: Tensor) -> Tensor:
        """(T, F) how much `attention` makes of each field; sums to 1."""
        weights: Tensor = self.outer(torch.tanh(self.inner(fields)))[..., 0].softmax(1)
        return weights

    def forward(self, item: Tensor, fields: Tensor) -> Tensor:
        """(T, D) and (T, F, D) -> (T, D)."""
        if self.kind == "sum":
            return item + fields.sum(1)
        if self.kind == "product":
            return item * (1 + fields.sum(1))
        if self.kind == "concat":
            joined: Tensor = self.join(torch.cat([item[:, None], fields], 1).flatten(1))
            return joined
        if self.kind == "gated":
            both = torch.cat([item[:, None].expand_as(fields), fields], 2)
            return item + (torch.einsum("tfd,fde->tfe", both, self.gate).sigmoid() * fields).sum(1)
        return item + (self.weights(fields)[..., None] * fields).sum(1)


class FeaturedItems(nn.Module):
    """An item table whose vectors, on their way in, are joined by the items' fields; on their way out items are items, unless they are
    `scored` by the joined vectors too: then what is learnt of an item is shared with those like it, which helps the seldom met.

    A mask hides the whole of an item: its vector stands in the place of the joined one, so no field tells what is hidden.
    """

    def __init__(self, table: ItemTable, fields: Sequence[Field], kind: FusionKind, *, scored: bool = False) -> None:
        super().__init__()
        dim = table.weight.shape[1]
        self.table, self.n_items, self.scored = table, table.n_items, scored
        self.features = FeatureTables(fields, table.n_items, dim, scale=table.scale)
        self.fusion = Fusion(kind, dim, len(fields))

    def fill(self, features: Features) -> None:
        """Take over what is known of each item."""
        self.features.fill(features)

    @property
    def weight(self) -> Tensor:
        return self.table.weight

    @property
    def output(self) -> Tensor:
        """(N, D) the vectors that states are compared with."""
        if not self.scored:
            return self.table.output
        joined: Tensor = self.fusion(self.table.output, self.features.whole())
        return joined

    @property
    def bias(self) -> Tensor | None:
        return self.table.bias

    def scores(self, states: Tensor) -> Tensor:
        """(B, D) -> (B, N)."""
        return states @ self.output.T if self.bias is None else torch.addmm(self.bias, states, self.output.T)

    def forward(self, codes: Tensor) -> Tensor:
        """(T,) codes in 0 .. N-1, or N for the mask -> (T, D)."""
        items = self.table(codes)
        joined: Tensor = self.fusion(items, self.features(codes.clamp(max=self.n_items - 1).long()))
        return joined if self.table.mask is None else torch.where((codes == self.n_items)[:, None], items, joined)


def with_features(table: ItemTable, fields: Sequence[Field], kind: FusionKind, *, scored: bool = False) -> ItemTable | FeaturedItems:
    """The table itself where there is no field."""
    return FeaturedItems(table, fields, kind, scored=scored) if fields else table


class FieldMixer(nn.Module):
    """One vector from the fields of an item alone, weighed by attention: the input of FDSA's second stack (Zhang et al. 2019, Eq. 2 and 3)."""

    def __init__(self, fields: Sequence[Field], n_items: int, dim: int) -> None:
        super().__init__()
        self.tables = FeatureTables(fields, n_items, dim)
        self.inner, self.outer = nn.Linear(dim, dim), nn.Linear(dim, 1, bias=False)

    def forward(self, codes: Tensor) -> Tensor:
        """(T,) -> (T, D). Each category of a field counts on its own, not the mean of the field."""
        total, weight = None, None
        for table in self.tables.tables:
            vectors, owners = self._pieces(table, codes)
            share = self.outer(torch.tanh(self.inner(vectors)))[:, 0].clamp(-20, 20).exp()
            summed = vectors.new_zeros(len(codes), vectors.shape[1]).index_add(0, owners, share[:, None] * vectors)
            shares = share.new_zeros(len(codes)).index_add(0, owners, share)
            total, weight = (summed, shares) if total is None or weight is None else (total + summed, weight + shares)
        assert total is not None and weight is not None
        mixed: Tensor = total / weight.clamp(min=1e-9)[:, None]
        return mixed

    @staticmethod
    def _pieces(table: nn.Module, codes: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(table, CategoryTable):
            pieces, owners = table.take(codes)
            return F.embedding(pieces, table.weight), owners
        return table(codes), torch.arange(len(codes), device=codes.device)
