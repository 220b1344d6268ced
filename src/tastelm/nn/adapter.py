"""A small part that is put into a trained network: it begins as nothing, and leaves the rest as it is."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Adapter(nn.Module):
    """y + U relu(V y), through a bottleneck (Houlsby et al. 2019; PeterRec's model patch, Yuan et al. 2020, Fig. 3).

    beside  read what went into the layer instead of what came out, y + U relu(V x): a parallel patch in place of a serial one

    U starts at zero, so at first nothing changes.
    """

    def __init__(self, dim: int, bottleneck: int, *, beside: bool = False) -> None:
        super().__init__()
        self.beside = beside
        self.down, self.up = nn.Linear(dim, bottleneck), nn.Linear(bottleneck, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(..., D) what went into a layer and (..., D) what came out of it -> (..., D)."""
        out: Tensor = y + self.up(F.relu(self.down(x if self.beside else y)))
        return out
