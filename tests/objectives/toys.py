"""Small modules for objectives to be tried on."""

import numpy as np
import torch
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.items import ItemTable


class Recorder(nn.Module):
    """States are learned vectors of the places of the batch; remembers what it was shown."""

    def __init__(self, n_items: int = 6, dim: int = 4, *, mask: bool = False, bias: bool = False) -> None:
        super().__init__()
        self.items = ItemTable(n_items, dim, mask=mask, bias=bias)
        self.places = nn.Parameter(torch.randn(200, dim, generator=torch.Generator().manual_seed(1)))
        nn.init.normal_(self.items.weight)
        self.shown: list[list[int]] = []

    def forward(self, sequences: Sequences) -> Tensor:
        self.shown = [row.tolist() for row in sequences]
        return self.places[: len(sequences.values)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)
