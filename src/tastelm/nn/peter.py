"""A small transformer over a user, an item and the words of an explanation (Li et al. 2021, PETER)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tastelm.nn.attention import TransformerBlock
from tastelm.nn.ids import IdTable
from tastelm.nn.ratings import MLPRating

# The places before the words: the user's and the item's.
PROMPT = 2


def prompt_mask(width: int, device: torch.device | None = None) -> Tensor:
    """(W, W) bool, who sees whom: a place sees itself and what stands before it, and the user's place sees the item's too (Li et al. 2021, PETER masking)."""
    mask = torch.ones(width, width, dtype=torch.bool, device=device).tril()
    mask[0, 1:PROMPT] = True
    return mask


def waves(places: int, dim: int) -> Tensor:
    """(P, D) sines and cosines of the places (Vaswani et al. 2017, section 3.5). `dim` is even."""
    angle = torch.arange(places)[:, None] / 10_000 ** (torch.arange(0, dim, 2) / dim)
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)


class Peter(nn.Module):
    """[user, item, words] through L blocks. The place of the user tells the rating, that of the item the words in any order, the others the next word.
    A feature that the sentence is about may stand between item and words (PETER+), where the places of user and item do not see it.

    places  words that it can read, the one that begins a sentence and a feature among them
    """

    positions: Tensor

    def __init__(self, users: int, items: int, *, vocabulary: int, dim: int, layers: int, heads: int, hidden: int, dropout: float, places: int) -> None:
        super().__init__()
        self.users, self.items, self.words = IdTable(users, dim), IdTable(items, dim), nn.Embedding(vocabulary, dim)
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, heads, hidden=hidden, dropout=dropout, attention_dropout=dropout, norm="post", activation="relu") for _ in range(layers)
        )
        self.dropout, self.out, self.rater = nn.Dropout(dropout), nn.Linear(dim, vocabulary), MLPRating(dim, dim, layers=1)
        self.register_buffer("positions", waves(PROMPT + places, dim), persistent=False)
        nn.init.uniform_(self.words.weight, -0.1, 0.1)

    def begin(self, users: Tensor, items: Tensor, stars: Tensor | None = None, about: Tensor | None = None) -> Tensor:
        """(B,) rows of users and of items -> (B, 2, D), what `go_on` goes on from; stars are predicted, not read.

        about  (B, F) the words of a feature, negative where there is none: their mean is a third place
        """
        pair = [self.users(users), self.items(items)]
        if about is None:
            return torch.stack(pair, 1)
        said = about >= 0
        words = self.words(about.clamp(min=0)) * said[..., None]
        return torch.stack([*pair, words.sum(1) / said.sum(1, keepdim=True).clamp(min=1)], 1)

    def go_on(self, state: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) words that follow -> (B, T, V) logits of the words behind each, and what to go on from: all vectors so far, which are read anew."""
        whole = torch.cat([state, self.words(ids)], 1)
        return self.out(self.states(whole)[:, -ids.shape[1] :]), whole

    def states(self, vectors: Tensor) -> Tensor:
        """(B, W, D) vectors of the first W places -> (B, W, D)."""
        width, dim = vectors.shape[1:]
        x: Tensor = self.dropout(vectors * dim**0.5 + self.positions[:width])
        mask = prompt_mask(width, x.device)[None, None]
        for block in self.blocks:
            x = block(x, mask)
        return x

    def rating(self, users: Tensor, items: Tensor) -> Tensor:
        """(B,) predictions, from the place of the user; words change nothing of it, since it does not see them."""
        found: Tensor = self.rater(self.states(self.begin(users, items))[:, 0])
        return found

    def context(self, users: Tensor, items: Tensor) -> Tensor:
        """(B, V) logits of the words of the explanation in any order, from the place of the item."""
        found: Tensor = self.out(self.states(self.begin(users, items))[:, 1])
        return found
