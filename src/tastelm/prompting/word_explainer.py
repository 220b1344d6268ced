"""Explanations by a network from scratch that learns its words from the training sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from tastelm.data.explanations import Explanations
from tastelm.decoding.greedy import greedy
from tastelm.errors import ShapeError
from tastelm.nn.ratings import Leanings
from tastelm.nn.texts import Texts
from tastelm.plm.tokens import Tokens, from_json
from tastelm.prompting.explainer import Explains, Rates, Writing
from tastelm.prompting.feature_words import FeatureWords
from tastelm.prompting.layout import UNLEARNT
from tastelm.prompting.reasons import Reasoned, unsaid


class SentenceNet(Protocol):
    """A network that writes. Rows are those of an `IdTable`, stars run from 0 for unknown to 5."""

    def begin(self, users: Tensor, items: Tensor, stars: Tensor) -> Any:
        """Three (B,) -> whatever `go_on` goes on from."""

    def go_on(self, state: Any, ids: Tensor) -> tuple[Tensor, Any]:
        """(B, T) words that follow -> (B, T, V) logits of the words behind each, and what to go on from."""


class WordExplainer(Explains):
    """A `SentenceNet` with its tokenizer, which is kept among the weights.

    vocabulary  tokens that the network has vectors of
    """

    def __init__(self, net: nn.Module, items: int, writing: Writing, *, vocabulary: int) -> None:
        super().__init__(items, writing)
        self.net, self.spelling, self.vocabulary = net, Texts(), vocabulary
        self._tokens: Tokens | None = None

    @property
    def tokens(self) -> Tokens:
        if self._tokens is None:
            self._tokens = from_json(self.spelling.texts()[0])
        return self._tokens

    def write_with(self, tokens: Tokens) -> None:
        """Take over a tokenizer. Raises ShapeError if it has more tokens than the network has vectors."""
        if tokens.size > self.vocabulary:
            raise ShapeError(f"a tokenizer of {tokens.size} tokens does not fit a network that has vectors of {self.vocabulary}. Train it with fewer.")
        self.spelling.write([tokens.to_json()])
        self._tokens = tokens

    def cut(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of B sentences, none longer than may be."""
        return [ids[: self.writing.longest] for ids in self.tokens.encode_all(texts)]

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.array([len(ids) + 1 for ids in self.cut(texts)], np.int64)

    def nll(self, batch: Reasoned) -> Tensor:
        ids, start, end = self.cut(batch.texts), self.tokens.start, self.tokens.end
        before, labels = self._padded([[start, *row] for row in ids], end), self._padded([[*row, end] for row in ids], UNLEARNT)
        logits, _ = self.net.go_on(self._begin(batch), before)  # type: ignore[operator]
        losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=UNLEARNT, reduction="none").view(labels.shape)
        return losses.sum(1) / (labels != UNLEARNT).sum(1)

    def write(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[list[int]]:
        return self.written(unsaid(users, items))

    def written(self, batch: Reasoned) -> list[list[int]]:
        """The tokens of a sentence for each pair of a batch in which nothing is said yet."""
        state = self._begin(batch)

        def step(token: Tensor) -> Tensor:
            nonlocal state
            logits, state = self.net.go_on(state, token[:, None])  # type: ignore[operator]
            return logits[:, -1]  # type: ignore[no-any-return]

        first = torch.full((len(batch),), self.tokens.start, device=self.prior.device)
        return greedy(step(first), step, end=self.tokens.end, longest=self.writing.longest)

    def stars(self, users: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
        """(B,) the stars that the sentence of each pair of rows is written by; `ratings` (B,) are those given, on the scale within."""
        raise NotImplementedError

    def _begin(self, batch: Reasoned) -> Any:
        who, what = self.rows(batch.users), self.rows(batch.items)
        return self.net.begin(who, what, self.stars(who, what, self.scale.standard(batch.ratings)))  # type: ignore[operator]

    def _padded(self, ids: Sequence[Sequence[int]], filler: int) -> Tensor:
        return pad_sequence([torch.tensor(row) for row in ids], batch_first=True, padding_value=filler).to(self.prior.device)


class AttributeExplainer(WordExplainer):
    """Writes by stars as an attribute: in training those that were given, otherwise those that user and item lean to, since nobody has rated yet."""

    def __init__(self, net: nn.Module, users: int, items: int, writing: Writing, *, vocabulary: int) -> None:
        super().__init__(net, items, writing, vocabulary=vocabulary)
        self.leanings = Leanings(users, items)

    def know(self, told: Explanations, popularity: NDArray[np.int64]) -> None:
        super().know(told, popularity)
        self.leanings.fill(self.rows(told.users), self.rows(told.items), self.scale.standard(told.ratings))

    def stars(self, users: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
        return self.scale.stars(ratings if self.training else self.leanings(users, items))


class RatingExplainer(Rates, WordExplainer):
    """Writes by the stars that it predicts."""

    def rated(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Tensor:
        predicted: Tensor = self.net.rating(self.rows(users), self.rows(items))  # type: ignore[operator]
        return predicted

    def stars(self, users: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
        with torch.no_grad():
            return self.scale.stars(self.net.rating(users, items))  # type: ignore[operator]

    def context_nll(self, batch: Reasoned) -> Tensor:
        """(B,) the mean negative log-likelihood of the tokens of each sentence as a set, without the one that ends it, from a net with `context`."""
        labels = self._padded(self.cut(batch.texts), UNLEARNT)
        told = labels != UNLEARNT
        likely = self.net.context(self.rows(batch.users), self.rows(batch.items)).log_softmax(1)  # type: ignore[operator]
        losses: Tensor = -(likely.gather(1, labels.clamp(min=0)) * told).sum(1) / told.sum(1).clamp(min=1)
        return losses


class FeatureExplainer(RatingExplainer):
    """Writes about a feature (Li et al. 2021, PETER+), which a net with `begin(users, items, about=words)` reads before the sentence.

    given  the feature is that of the true sentence, which whoever asks must tell. Where it is not told, or not given, it is the one that training
           explanations of the user and of the item are about most, those of both first; of a pair that is learnt, without its own sentence
    """

    def __init__(self, net: nn.Module, users: int, items: int, writing: Writing, *, vocabulary: int, given: bool) -> None:
        super().__init__(net, items, writing, vocabulary=vocabulary)
        self.features, self.given, self._users = FeatureWords(), given, users

    def know(self, told: Explanations, popularity: NDArray[np.int64]) -> None:
        super().know(told, popularity)
        self.features.know(told, self._users, len(self.prior), instead="feature=none")

    @torch.no_grad()
    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32], about: Sequence[str] = ()) -> list[str]:
        """As `Explains.explain`; `about` are B features that sentences are to be about, "" for what is known, heard where features are given."""
        told = tuple(about) or ("",) * len(users)
        return self.in_batches(len(users), lambda part: self.written(unsaid(users[part], items[part], told[part])))

    def _begin(self, batch: Reasoned) -> Any:
        told = batch.features if self.given else ("",) * len(batch)
        pairs = zip(batch.users.tolist(), batch.items.tolist(), batch.own, told, strict=True)
        names = [name or self.features.chosen(user, item, own)[0] for user, item, own, name in pairs]
        words = self._padded(self.tokens.encode_all([f" {name}" for name in names]), UNLEARNT)
        return self.net.begin(self.rows(batch.users), self.rows(batch.items), about=words)  # type: ignore[operator]
