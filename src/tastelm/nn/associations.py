"""Items, sequences and attributes, and how well they go together."""

from __future__ import annotations

from torch import Tensor, nn

from tastelm.nn.items import ItemTable
from tastelm.nn.ragged import CategoryTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer


class Associations(SequenceRecommender):
    """Items and an encoder that looks both ways, their attributes, and a bilinear critic for each kind of pair."""

    def __init__(self, items: ItemTable, backbone: SequenceTransformer, table: CategoryTable | None, critics: list[str]) -> None:
        super().__init__(items, backbone)
        self.table = table
        for name in critics:
            critic = nn.Linear(backbone.shape.dim, backbone.shape.dim, bias=False)
            nn.init.eye_(critic.weight)  # the dot product, to begin with
            self.add_module(name, critic)

    @property
    def attributes(self) -> Tensor:
        """(A, D)."""
        assert self.table is not None
        return self.table.weight

    def attributes_of(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Attributes of the items `codes` (M,), and which of them has each."""
        assert self.table is not None
        return self.table.take(codes)
