"""A sequence recommender with a prompt before its items, made of what is known of the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences, UserWindows
from tastelm.nn.sequence import SequenceRecommender


class PromptGenerator(nn.Module):
    """From the attributes of a user to the vectors of a prompt (Wu et al. 2022, PPR): one vector for each attribute, end to end, through two layers.

    An attribute has a vector for each of its categories and one for `not known`. Without attributes the vectors are free: one soft prompt
    for everybody.
    """

    def __init__(self, categories: Sequence[int], count: int, dim: int, *, width: int) -> None:
        """
        categories  how many each attribute has
        count       vectors of a prompt, P
        dim         their width, D
        width       of the vector of an attribute
        """
        super().__init__()
        self.count, self.dim, self.categories = count, dim, tuple(categories)
        self.tables = nn.ModuleList(nn.Embedding(number + 1, width) for number in categories)
        self.free = None if categories else nn.Parameter(torch.randn(count, dim))
        self.layers = nn.Sequential(nn.Linear(len(categories) * width, dim), nn.GELU(), nn.Linear(dim, count * dim)) if categories else None

    def forward(self, codes: Tensor) -> Tensor:
        """(B, A) codes of categories, -1 for what is not known -> (B, P, D)."""
        if self.layers is None:
            assert self.free is not None
            return self.free.expand(len(codes), -1, -1)
        columns = zip(self.tables, self.categories, codes.unbind(1), strict=True)
        parts = [table(torch.where(code < 0, number, code)) for table, number, code in columns]
        made: Tensor = self.layers(torch.cat(parts, 1))
        return made.view(len(codes), self.count, self.dim)


class PromptedRecommender(SequenceRecommender):
    """[prompt of the user, items] through an encoder. Parameter groups: `items`, `backbone`, `prompt`.

    The encoder takes `prefix` (see `SequenceTransformer`): the items stand at the positions they have without a prompt. Somebody without a
    history is answered by the state behind the prompt. The attributes of the users known at training are stored with the weights; a
    stranger has the prompt of one of whom nothing is known.
    """

    known: Tensor

    def __init__(self, items: Any, backbone: Any, prompt: PromptGenerator, n_users: int) -> None:
        super().__init__(items, backbone)
        self.prompt = prompt
        # A prompt that is the same for everybody asks for nobody.
        self.needs_users = len(prompt.tables) > 0
        self.register_buffer("known", torch.full((n_users if self.needs_users else 0, len(prompt.tables)), -1, dtype=torch.int32))

    def fill(self, known: NDArray[np.integer]) -> None:
        """Take over the codes (U, A) of the users' attributes, -1 for what is not known."""
        self.known.copy_(torch.from_numpy(known.astype(np.int32)))

    def attributes_of(self, users: NDArray[np.integer]) -> Tensor:
        """(B,) codes of users, -1 for strangers -> (B, A) int64 codes of their attributes, -1 for what is not known."""
        rows = torch.from_numpy(users.astype(np.int64)).to(self.known.device)
        found = self.known.new_full((len(rows), self.known.shape[1]), -1)
        if self.needs_users:
            found[rows >= 0] = self.known[rows[rows >= 0]]
        return found.long()

    def bare(self) -> SequenceRecommender:
        """The same items and encoder, shared and not copied, without the prompt: what is pre-trained."""
        plain = SequenceRecommender(self.items, self.backbone)
        plain.prior = self.prior
        return plain

    def states(self, sequences: Sequences, prompts: Tensor) -> Tensor:
        """(T + B, D) states, for each of B sequences the one before its first item, then those at its items; each at most `max_len` long.

        prompts  (B, P, D). A prompt of no vector is a masked one: then (T, D), the states without it.
        """
        vectors, count = self.items(self.codes(sequences)), prompts.shape[1]
        begins = sequences.offsets[:-1] + np.arange(len(sequences)) * count
        front = (begins[:, None] + np.arange(count)).ravel()
        total = len(vectors) + len(front)
        behind = np.delete(np.arange(total), front)
        tokens = vectors.new_empty(total, vectors.shape[1]).index_copy(0, self._places(behind), vectors)
        tokens = tokens.index_copy(0, self._places(front), prompts.flatten(0, 1).type_as(vectors))
        states: Tensor = self.head(self.backbone(tokens, sequences.lengths + count, count))
        wanted = np.delete(np.arange(total), (begins[:, None] + np.arange(count - 1)).ravel())
        return states.index_select(0, self._places(wanted))

    def forward(self, sequences: Sequences) -> Tensor:
        """(T, D) states at every item, behind the prompts of the users. Sequences that do not say whose they are, are strangers'."""
        users = sequences.users if isinstance(sequences, UserWindows) else np.full(len(sequences), -1, np.int64)
        states = self.states(sequences, self.prompt(self.attributes_of(users)))
        return states.index_select(0, self._places(np.arange(len(sequences.values)) + sequences.owners + 1))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item for B histories of any length, also none, and who asks (-1: a stranger)."""
        window = histories.last(self.max_len)
        states = self.states(window, self.prompt(self.attributes_of(users)))
        ends = window.offsets[1:] + np.arange(len(window))
        scores: Tensor = self.items.scores(states.index_select(0, self._places(ends)))
        return scores

    def _places(self, places: NDArray[np.integer]) -> Tensor:
        return torch.from_numpy(places.astype(np.int64)).to(self.prior.device)
