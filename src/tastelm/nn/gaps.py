"""Encoder and decoder that fill in gaps together."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.nn.convolution import DilatedEncoder
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender


class GapFiller(SequenceRecommender):
    """State of a place = decoder(what stands before it, nothing hidden) + projector(encoder(what stands around it, gaps hidden))."""

    def __init__(self, items: ItemTable, decoder: DilatedEncoder, encoder: DilatedEncoder, dim: int) -> None:
        super().__init__(items, decoder, ask="mask")
        self.encoder, self.widen, self.narrow = encoder, nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, sequences: Sequences, clean: Sequences | None = None) -> Tensor:
        """(T, D). `clean` is `sequences` with nothing hidden; it may be left out where the last place alone is hidden."""
        known = sequences if clean is None else clean
        # Each place of the decoder has seen what stands before it: the items move back by one, and the mask begins each sequence.
        before = np.roll(known.values, 1)
        before[known.offsets[:-1][known.lengths > 0]] = self.items.n_items
        decoded = self.backbone(self.items(self.codes(known.replaced(before))), known.lengths)
        around = self.encoder(self.items(self.codes(sequences)), sequences.lengths)
        states: Tensor = decoded + self.narrow(F.relu(self.widen(around)))
        return states
