"""Attributes to a sequence: a multilayer perceptron reads user, item and stars, an LSTM writes (Dong et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tastelm.nn.decoder import RecurrentDecoder, State
from tastelm.nn.ids import SPREAD, IdTable
from tastelm.nn.ratings import STARS


class Att2Seq(nn.Module):
    """tanh(H [g(user); g(item); g(stars)] + b) starts the LSTM (Dong et al. 2017, attribute encoder).

    attention  at each word look at the three attributes again (their attention layer)
    """

    def __init__(self, users: int, items: int, decoder: RecurrentDecoder, *, dim: int, hidden: int, vocabulary: int, attention: bool) -> None:
        super().__init__()
        self.users, self.items, self.stars = IdTable(users, dim), IdTable(items, dim), nn.Embedding(STARS + 1, dim)
        self.decoder, self.encode = decoder, nn.Linear(3 * dim, decoder.layers * hidden)
        self.weigh = nn.Sequential(nn.Linear(hidden + dim, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False)) if attention else None
        self.join = nn.Linear(hidden + dim, hidden) if attention else None
        self.out = nn.Linear(hidden, vocabulary)
        nn.init.uniform_(self.stars.weight, -SPREAD, SPREAD)

    def begin(self, users: Tensor, items: Tensor, stars: Tensor) -> tuple[Tensor, State]:
        """(B,) rows of users and of items, stars from 0 for unknown to 5 -> what `go_on` goes on from: (B, 3, D) attributes and the first state."""
        attributes = torch.stack([self.users(users), self.items(items), self.stars(stars)], 1)
        return attributes, self.decoder.start(self.encode(attributes.flatten(1)))

    def go_on(self, state: tuple[Tensor, State], ids: Tensor) -> tuple[Tensor, tuple[Tensor, State]]:
        """(B, T) words that follow -> (B, T, V) logits of the words behind each, and what to go on from."""
        attributes, before = state
        states, after = self.decoder(before, ids)
        if self.weigh is not None and self.join is not None:
            shape = (*states.shape[:2], attributes.shape[1], -1)
            seen = attributes[:, None].expand(*shape[:3], -1)
            weights = self.weigh(torch.cat([states[:, :, None].expand(*shape), seen], 3)).softmax(2)
            states = self.join(torch.cat([states, (weights * seen).sum(2)], 2)).tanh()
        return self.out(states), (attributes, after)
