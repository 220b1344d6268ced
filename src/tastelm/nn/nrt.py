"""Neural rating and tips: latent factors predict a rating, and start a GRU that writes (Li et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.nn.decoder import RecurrentDecoder, State
from tastelm.nn.ids import IdTable
from tastelm.nn.ratings import STARS, MLPRating


class NRT(nn.Module):
    """h_0 = tanh(W [u; v; r] + b), u and v the latent factors and r the predicted stars as one of five (Li et al. 2017, tips generation)."""

    def __init__(self, users: int, items: int, decoder: RecurrentDecoder, *, dim: int, hidden: int, vocabulary: int, rating_layers: int) -> None:
        super().__init__()
        self.users, self.items = IdTable(users, dim), IdTable(items, dim)
        self.rater = MLPRating(2 * dim, hidden, layers=rating_layers)
        self.decoder, self.encode = decoder, nn.Linear(2 * dim + STARS + 1, decoder.layers * hidden)
        self.out = nn.Linear(hidden, vocabulary)

    def rating(self, users: Tensor, items: Tensor) -> Tensor:
        """(B,) rows of users and of items -> (B,) predictions."""
        found: Tensor = self.rater(self.users(users), self.items(items))
        return found

    def begin(self, users: Tensor, items: Tensor, stars: Tensor) -> State:
        """(B,) rows of users and of items, and stars -> the state to write from."""
        told = F.one_hot(stars, STARS + 1).to(self.out.weight.dtype)
        return self.decoder.start(self.encode(torch.cat([self.users(users), self.items(items), told], 1)))

    def go_on(self, state: State, ids: Tensor) -> tuple[Tensor, State]:
        """(B, T) words that follow -> (B, T, V) logits of the words behind each, and the state to go on from."""
        states, after = self.decoder(state, ids)
        return self.out(states), after
