"""Full-text search: which texts have the words of a query, rare ones above all (BM25)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of a text: runs of letters, digits and underscores, without regard to case."""
    return WORD.findall(text.casefold())


class BM25:
    """N texts that can be searched.

    s(q, d) = sum over the words w of q, each as often as it stands there, of
        log(1 + (N - n_w + 1/2) / (n_w + 1/2)) f_wd (k1 + 1) / (f_wd + k1 (1 - b + b |d| / mean))
    where n_w texts have w, f_wd is how often d has it, |d| is the words of d and mean is that of all texts.

    k1  >= 0: how much it counts that a word stands in a text again; 0: nothing
    b   0 to 1: how far long texts must have it more often

    Source: Robertson and Zaragoza 2009, The probabilistic relevance framework; the logarithm is kept above 0 by the 1 in it.
    """

    def __init__(self, texts: Iterable[str], *, k1: float = 1.2, b: float = 0.75) -> None:
        counts = [Counter(words_of(text)) for text in texts]
        self._places = {word: place for place, word in enumerate(sorted(set().union(*counts)))}
        times = self._table(counts)
        lengths, having = times.sum(1), np.bincount(times.indices, minlength=len(self._places))
        rarity = np.log1p((len(counts) - having + 0.5) / (having + 0.5))
        owners = np.repeat(np.arange(len(counts)), np.diff(times.indptr))
        norm = k1 * (1 - b + b * lengths / max(lengths.mean(), 1e-12)) if len(counts) else lengths
        times.data = rarity[times.indices] * times.data * (k1 + 1) / (times.data + norm[owners])
        self._weights = times.T.tocsr()

    def __len__(self) -> int:
        """N."""
        return int(self._weights.shape[1])

    def scores(self, queries: Sequence[str]) -> NDArray[np.float64]:
        """(Q, N) how well each text answers each of Q queries; 0 where they share no word."""
        asked = self._table([Counter(words_of(query)) for query in queries])
        found: NDArray[np.float64] = (asked @ self._weights).toarray()
        return found

    def _table(self, counts: Sequence[Counter[str]]) -> sparse.csr_array:
        """(R, W) how often each of R texts has each of the W words that are known."""
        known = [{self._places[word]: times for word, times in count.items() if word in self._places} for count in counts]
        begins = np.cumsum([0, *map(len, known)])
        words = np.fromiter((place for row in known for place in row), np.int64, begins[-1])
        times = np.fromiter((times for row in known for times in row.values()), np.float64, begins[-1])
        table = sparse.csr_array((times, words, begins), shape=(len(counts), len(self._places)))
        table.sort_indices()
        return table
