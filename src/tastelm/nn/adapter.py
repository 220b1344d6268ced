"""Small parts grafted into a trained network: they begin as nothing, and leave the rest as it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Adapter(nn.Module):
    """x + U relu(V x), through a bottleneck (Houlsby et al. 2019; PeterRec's model patch, Yuan et al. 2020, Fig. 3).

    U starts at zero, so at first nothing changes.
    """

    def __init__(self, dim: int, bottleneck: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, bottleneck), nn.Linear(bottleneck, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        out: Tensor = x + self.up(F.relu(self.down(x)))
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
