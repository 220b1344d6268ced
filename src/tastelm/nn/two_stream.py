"""A recommender whose answer knows its place and what was told before it, but never its own item."""

from __future__ import annotations

import torch
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.nn.sequence import SequenceRecommender


class TwoStreamRecommender(SequenceRecommender):
    """Two-stream attention over items (XLNet, Yang et al. 2019). The items' mask is where every question starts."""

    def forward(self, sequences: Sequences, turns: Tensor | None = None) -> Tensor:
        """(T, D) states of the query stream. `turns` (T,) as in `SequenceTransformer.streams`; by default the last item of each
        sequence, a mask, is asked for and everything before it is known."""
        codes = self.codes(sequences)
        if turns is None:
            turns = torch.zeros(len(codes), dtype=torch.int64)
            turns[torch.from_numpy(sequences.offsets[1:][sequences.lengths > 0] - 1)] = 1
        questions = self.items(codes.new_full((1,), self.items.n_items)).expand(len(codes), -1)
        states: Tensor = self.head(self.backbone.streams(self.items(codes), questions, sequences.lengths, turns))
        return states
