"""Small parts grafted into a trained network: they begin as nothing, and leave the rest as it is."""

from __future__ import annotations

import torch
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


class UserGraft(nn.Module):
    """A learned vector of each known user, joined to a state: s + W [s; p_u]. Strangers have the zero vector, and W starts at zero."""

    def __init__(self, n_users: int, dim: int) -> None:
        super().__init__()
        self.users, self.join = nn.Embedding(n_users, dim), nn.Linear(2 * dim, dim, bias=False)
        nn.init.normal_(self.users.weight, std=0.02)
        nn.init.zeros_(self.join.weight)

    def forward(self, states: Tensor, users: Tensor) -> Tensor:
        """(B, D) states and (B,) user codes, -1 for strangers -> (B, D)."""
        known = (users >= 0)[:, None]
        vectors = self.users(users.clamp(min=0)) * known
        out: Tensor = states + self.join(torch.cat([states, vectors], 1))
        return out
