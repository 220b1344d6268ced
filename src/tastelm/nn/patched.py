"""A trained network with small patches in it."""

from __future__ import annotations

from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.adapter import Adapter
from tastelm.nn.convolution import DilatedEncoder
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender


class PatchedRecommender(SequenceRecommender):
    """A dilated network with a patch behind each convolution. Parameter groups: `items`, `backbone`, `patches`."""

    def __init__(self, items: ItemTable, backbone: DilatedEncoder, bottleneck: int) -> None:
        super().__init__(items, backbone)
        self.patches = nn.ModuleList(Adapter(items.weight.shape[1], bottleneck) for _ in range(2 * len(backbone.blocks)))

    def encode(self, tokens: Tensor, sequences: Sequences) -> Tensor:
        states: Tensor = self.backbone(tokens, sequences.lengths, self.patches)
        return states
