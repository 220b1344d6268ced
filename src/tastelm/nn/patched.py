"""A trained network with small patches in it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.adapter import Adapter
from tastelm.nn.convolution import DilatedEncoder
from tastelm.nn.items import ItemTable
from tastelm.nn.profile import ProfileHead
from tastelm.nn.sequence import SequenceRecommender


class PatchedRecommender(SequenceRecommender):
    """A dilated network with a patch at each convolution. Parameter groups: `items`, `backbone`, `patches`.

    beside  patches stand beside the convolutions and not behind them
    """

    def __init__(self, items: ItemTable, backbone: DilatedEncoder, bottleneck: int, *, beside: bool = False, ask: Literal["last", "mask"] = "last") -> None:
        super().__init__(items, backbone, ask=ask)
        self.patches = nn.ModuleList(Adapter(items.weight.shape[1], bottleneck, beside=beside) for _ in range(2 * len(backbone.blocks)))

    def encode(self, tokens: Tensor, sequences: Sequences) -> Tensor:
        states: Tensor = self.backbone(tokens, sequences.lengths, self.patches)
        return states


class ProfilingRecommender(PatchedRecommender):
    """One network for two tasks: with its patches it tells what a user is, without them which item is next (Yuan et al. 2020, Fig. 1).

    Parameter groups: those of `PatchedRecommender`, and `profile`.
    """

    def __init__(
        self, items: ItemTable, backbone: DilatedEncoder, bottleneck: int, profile: ProfileHead, *, beside: bool = False, ask: Literal["last", "mask"] = "last"
    ) -> None:
        super().__init__(items, backbone, bottleneck, beside=beside, ask=ask)
        self.profile = profile

    def answers(self, sequences: Sequences) -> Tensor:
        states: Tensor = self.backbone(self.items(self.codes(sequences)), sequences.lengths)
        return states

    def profiles(self, histories: Sequences) -> dict[str, Tensor]:
        """Attribute -> (B, categories) probabilities for B histories of any length."""
        window = histories.last(self.max_len)
        return self.profile.probabilities(self(window), window)
