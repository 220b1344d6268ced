"""What all modules that explain share: sentences as tokens, asking in batches, and items by ratings or by how popular they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.explanations import Explanations
from tastelm.data.sequences import Sequences
from tastelm.memory import HEAP
from tastelm.nn.ratings import RatingScale
from tastelm.plm.tokens import Tokens
from tastelm.prompting.catalogue import everything, log_popularity
from tastelm.prompting.reasons import Reasoned

# Pairs that are rated together, while a whole catalogue is.
PAIRS = 16_384
# Sentences whose likelihood is told together.
TOLD_AT_ONCE = 64


@dataclass(frozen=True)
class Writing:
    """How sentences are written.

    longest  tokens of a sentence; longer ones are cut
    batch    sentences that are written together
    """

    longest: int
    batch: int


class Explains(nn.Module):
    """A module that writes a sentence for a user and an item.

    prior  (N,) what is recommended: the log of how often an item was met in training
    ranks  whether its ranking is an answer of its own: what is popular is none
    learnt_from  what its tokenizer was learnt from, where it comes with no model
    """

    needs_users = True
    ranks = False
    learnt_from = "the training sentences"
    prior: Tensor

    def __init__(self, items: int, writing: Writing) -> None:
        super().__init__()
        self.writing, self.scale = writing, RatingScale()
        self.register_buffer("prior", torch.zeros(items))

    @property
    def tokens(self) -> Tokens:
        """Its tokenizer."""
        raise NotImplementedError

    def nll(self, batch: Reasoned) -> Tensor:
        """(B,) the mean negative log-likelihood of the tokens of each sentence, the one that ends it among them."""
        raise NotImplementedError

    def write(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[list[int]]:
        """The tokens of a sentence for each of B pairs that fit into one batch; -1 stands for strangers."""
        raise NotImplementedError

    def know(self, told: Explanations, popularity: NDArray[np.int64]) -> None:
        """Take over what the training explanations tell, and how often each item was met in training. Raises DataError if they tell too little."""
        self.prior.copy_(torch.from_numpy(log_popularity(popularity)))
        self.scale.fill(told.ratings)

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(B,) tokens of each of B sentences over which `nll` is a mean."""
        raise NotImplementedError

    @torch.no_grad()
    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[str]:
        """A reason for each of B pairs of codes, written greedily; users and items may be -1: strangers."""
        return self.in_batches(len(users), lambda part: self.write(users[part], items[part]))

    def in_batches(self, count: int, write: Callable[[slice], list[list[int]]]) -> list[str]:
        """The texts of so many pairs, by what writes the tokens of a part of them."""
        found = list[str]()
        for at in range(0, count, self.writing.batch):
            found += [self.tokens.decode(ids).strip() for ids in write(slice(at, at + self.writing.batch))]
            HEAP.tidy()
        return found

    @torch.no_grad()
    def foresee(
        self, users: NDArray[np.int32], items: NDArray[np.int32], texts: Sequence[str], about: Sequence[str] = ()
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Of each of B sentences its negative log-likelihood in nats, the token that ends it counted, NaN where it is longer than is read; and its tokens.

        about  B features that they are about, "" for what is not told, heard by a module that is given features
        """
        features = tuple(about) or ("",) * len(texts)
        lengths, found = self.lengths(texts), [np.empty(0)]
        for at in range(0, len(texts), TOLD_AT_ONCE):
            part = slice(at, at + TOLD_AT_ONCE)
            count = len(texts[part])
            batch = Reasoned(users[part], items[part], np.full(count, np.nan), tuple(texts[part]), ("",) * count, features[part])
            found.append(self.nll(batch).double().cpu().numpy() * lengths[part])
        return np.where(lengths <= self.writing.longest, np.concatenate(found), np.nan), lengths

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) the same for everybody: what is popular."""
        return self.prior.repeat(len(histories), 1)

    def rows(self, codes: NDArray[np.integer]) -> Tensor:
        """(B,) codes -> rows of an `IdTable`."""
        return torch.from_numpy(codes.astype(np.int64) + 1).to(self.prior.device)


class Rates(Explains):
    """One that predicts ratings too, and recommends by them."""

    ranks = True

    def rated(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Tensor:
        """(B,) predictions for pairs of codes on the scale within, with their gradient."""
        raise NotImplementedError

    @torch.no_grad()
    def ratings(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Tensor:
        """(B,) the rating that each user would give, on the scale of the data; -1 stands for strangers."""
        return self.scale.rating(self._rated_in_blocks(users, items))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) predicted ratings; of a user the history tells nothing."""
        items = len(self.prior)
        return self.candidate_scores(histories, users, everything(len(histories), items)).view(len(histories), items)

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) predicted ratings of the candidates of each user, end to end."""
        return self._rated_in_blocks(users[candidates.owners], candidates.values.astype(np.int32))

    def _rated_in_blocks(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Tensor:
        blocks = [self.rated(users[at : at + PAIRS], items[at : at + PAIRS]) for at in range(0, len(users), PAIRS)]
        return torch.cat([*blocks, self.prior.new_empty(0)])
