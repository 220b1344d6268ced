"""The search probe: does a frozen model find the item that a text is about, by its title alone (Penha and Hauff 2020)?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import DataError, SettingError
from tastelm.metrics.ranking import recall, reciprocal_rank
from tastelm.metrics.ranks import Ranks
from tastelm.plm.pairs import NextSentenceLM
from tastelm.plm.vectors import Pooling, text_vectors

# A text and a title beside it, each -> how well they go together, (P,).
Judge = Callable[[Sequence[str], Sequence[str]], NDArray[np.float64]]
Probe = Literal["mean-sim", "cls-sim", "nsp"]
POOLING: dict[Probe, Pooling] = {"mean-sim": "mean", "cls-sim": "cls"}
BLOCK = 256


@dataclass(frozen=True, eq=False)
class SearchRanking:
    """How C texts had their items ranked.

    scores  (C, 1 + K) of the right title and of the K others
    recall  (C,) whether it is among the first k, ties at their expected value
    mrr     (C,) 1 / its place
    """

    scores: NDArray[np.float64]
    recall: NDArray[np.float64]
    mrr: NDArray[np.float64]


def by_vectors(encoder: str, pooling: Pooling, *, batch: int = 64) -> Judge:
    """Texts and titles by the cosine of their vectors."""

    def judged(texts: Sequence[str], titles: Sequence[str]) -> NDArray[np.float64]:
        known, places = np.unique(np.array([*texts, *titles], object).astype(str), return_inverse=True)
        vectors = text_vectors(encoder, known.tolist(), pooling=pooling, batch=batch)
        firsts, seconds = vectors[places[: len(texts)]], vectors[places[len(texts) :]]
        found: NDArray[np.float64] = np.einsum("pd,pd->p", firsts, seconds).astype(np.float64)
        return found

    return judged


def by_following(model: NextSentenceLM, *, batch: int = 64) -> Judge:
    """Texts and titles by how likely the title follows the text, which is cut at its end where the model cannot read it whole."""

    def judged(texts: Sequence[str], titles: Sequence[str]) -> NDArray[np.float64]:
        room = model.context - 3 - max(map(len, model.tokens.encode_all(list(titles))))
        if room < 1:
            raise DataError(f"the longest title leaves no room for a text, as the model reads {model.context} tokens. Take a model with a longer context.")
        read = [text if len(ids) <= room else model.tokens.decode(ids[:room]) for text, ids in zip(texts, model.tokens.encode_all(list(texts)), strict=True)]
        pairs = list(zip(read, titles, strict=True))
        parts = [model.follows(pairs[at : at + batch]).double().cpu().numpy() for at in range(0, len(pairs), batch)]
        return np.concatenate(parts)

    return judged


def popular_others(items: NDArray[np.integer], titles: Sequence[str], popularity: NDArray[np.int64], count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """(C, count) other items for each of C, in proportion to popularity and without replacement; none has the title of the item.

    Raises SettingError for a count below 1, DataError where there are not so many.
    """
    if count < 1:
        raise SettingError(f"negatives: {count} does not fit; it takes a whole number from 1.")
    named, rng = np.unique(np.array(titles, object).astype(str), return_inverse=True)[1], np.random.default_rng(seed)
    drawn = np.empty((len(items), count), np.int64)
    for at in range(0, len(items), BLOCK):
        own = named[items[at : at + BLOCK], None]
        # The largest of log(weight) + Gumbel noise are a weighted draw without replacement.
        keys = np.where(named == own, -np.inf, np.log(popularity + 1e-6) + rng.gumbel(size=(len(own), len(titles))))
        if np.isfinite(keys).sum(1).min() < count:
            raise DataError(f"{count} other titles are asked for, but there are only {len(titles)} items, some of one title. Ask for fewer negatives.")
        drawn[at : at + BLOCK] = np.argpartition(-keys, count - 1, axis=1)[:, :count]
    return drawn


def search_probe(
    judge: Judge, texts: Sequence[str], items: NDArray[np.integer], titles: Sequence[str], others: NDArray[np.integer], *, k: int = 1
) -> dict[str, SearchRanking]:
    """Rank the title of the item that each of C texts is about among those of K others.

    items   (C,) places in `titles` of what the texts are about
    others  (C, K) of the other candidates
    k       of the recall

    Returns `text`, and the control `another's text`: each text is about another item, so nothing but the titles themselves can tell.
    Raises DataError where all texts are about one item.
    """
    if len(np.unique(items)) < 2:
        raise DataError("all texts are about one item, so nothing can be searched for. Give texts about several.")
    places = np.column_stack([items, others])
    return {"text": _ranked(judge, texts, places, titles, k), "another's text": _ranked(judge, _exchanged(texts, items), places, titles, k)}


def _exchanged(texts: Sequence[str], items: NDArray[np.integer]) -> list[str]:
    """The texts in other hands: as few as can be, and none where no item has half of them, stay with their item."""
    order = np.argsort(items, kind="stable")
    given = np.empty(len(texts), np.int64)
    given[order] = np.roll(order, int(np.unique(items, return_counts=True)[1].max()))
    return [texts[place] for place in given.tolist()]


def _ranked(judge: Judge, texts: Sequence[str], places: NDArray[np.integer], titles: Sequence[str], k: int) -> SearchRanking:
    rows, width = places.shape
    flat = judge([text for text in texts for _ in range(width)], [titles[place] for place in places.ravel().tolist()])
    scores = flat.reshape(rows, width)
    above, tied = ((scores[:, 1:] > scores[:, :1]).sum(1), (scores[:, 1:] == scores[:, :1]).sum(1))
    ranks = Ranks(above, tied, np.arange(rows + 1), np.full(rows, width))
    return SearchRanking(scores, recall(ranks, k), reciprocal_rank(ranks, None))
