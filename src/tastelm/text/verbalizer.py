"""Verbalizers: which words stand for which label, and what the logits of the words say about the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import DataError, SettingError, ShapeError, nearest


@dataclass(frozen=True, eq=False)
class Verbalizer:
    """Labels in order, each with one word or several.

    table  label -> its words

    Raises SettingError for no labels, a label without words, an empty word, and a word given twice, whether for one label or for
    two; of two labels no words may differ only by case or outer blanks, since `label_of` overlooks both.

    >>> answer = Verbalizer({"yes": ["yes", "Yes"], "no": ["no", "No"]})
    >>> answer.label_of(" YES "), answer.columns
    ('yes', ('yes', 'Yes', 'no', 'No'))
    """

    table: Mapping[str, str | Sequence[str]]

    def __post_init__(self) -> None:
        words = {label: (given,) if isinstance(given, str) else tuple(given) for label, given in self.table.items()}
        if not words:
            raise SettingError("a verbalizer without labels: give at least one label with its words.")
        _check(words)
        object.__setattr__(self, "table", words)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.table)

    @property
    def columns(self) -> tuple[str, ...]:
        """(W,) the words of all labels, in the order in which `score` takes their logits."""
        return tuple(word for words in self.table.values() for word in words)

    def words(self, label: str) -> tuple[str, ...]:
        """The words of a label. Raises SettingError for a label that is not known."""
        if label not in self.table:
            raise SettingError(f"the verbalizer has no label '{label}'; {nearest(label, self.table)}")
        return tuple(self.table[label])

    def label_of(self, text: str) -> str | None:
        """The label with exactly this word, case and outer blanks aside; None if there is none."""
        wanted = _folded(text)
        return next((label for label, words in self.table.items() if wanted in map(_folded, words)), None)

    def score(self, logits_by_word: NDArray[np.floating]) -> NDArray[np.float64]:
        """Log-probabilities of the labels, which are all there is to choose from.

        logits_by_word  (B, W) logits of the `columns`, -inf for what cannot be said

        A label gets the log of the mean of exp(logit) over its words, so that it gains nothing by having many of them.
        Returns (B, labels). Raises ShapeError for another number of words, DataError where no word has a finite logit.
        """
        logits = np.asarray(logits_by_word, dtype=np.float64)
        if logits.ndim != 2 or logits.shape[1] != len(self.columns):
            raise ShapeError(f"the verbalizer scores logits of (batch, {len(self.columns)} words), not {logits.shape}.")
        counts = np.array([len(words) for words in self.table.values()])
        starts = np.cumsum(counts) - counts
        with np.errstate(invalid="ignore"):  # NaN is refused below
            scores = np.logaddexp.reduceat(logits, starts, axis=1) - np.log(counts)
            total = np.logaddexp.reduce(scores, axis=1, keepdims=True)
        if not np.isfinite(total).all():
            row = int(np.flatnonzero(~np.isfinite(total[:, 0]))[0])
            raise DataError(f"row {row} of the logits cannot be compared: {logits[row].tolist()}; at least one must be finite, and none NaN or +inf.")
        scored: NDArray[np.float64] = scores - total
        return scored


def stars(low: int, high: int) -> Verbalizer:
    """Ratings from `low` to `high` as whole numbers. Raises SettingError if that is not a scale."""
    if not low < high:
        raise SettingError(f"stars({low}, {high}): the first number must be the smaller one.")
    return Verbalizer({str(star): str(star) for star in range(low, high + 1)})


def letters(count: int) -> Verbalizer:
    """A, B, C, .. for `count` options. Raises SettingError for a count outside 1..26."""
    if not 1 <= count <= len(ascii_uppercase):
        raise SettingError(f"letters({count}): there are letters for 1 to {len(ascii_uppercase)} options.")
    return Verbalizer({letter: letter for letter in ascii_uppercase[:count]})


def yes_no() -> Verbalizer:
    return Verbalizer({"yes": "yes", "no": "no"})


def like_dislike() -> Verbalizer:
    return Verbalizer({"like": "like", "dislike": "dislike"})


def pairs(positive: str | Sequence[str], negative: str | Sequence[str]) -> Verbalizer:
    """Labels `positive` and `negative`, each with a word or several, such as 'good' and 'bad' (Zhang and Wang 2023, Prompt4NR)."""
    return Verbalizer({"positive": positive, "negative": negative})


def _check(table: Mapping[str, tuple[str, ...]]) -> None:
    owners: dict[str, str] = {}
    for label, word in _all(table):
        if not isinstance(word, str) or not word.strip():
            raise SettingError(f"label '{label}' of the verbalizer has the word {word!r}: give each label one word or several, none of them empty.")
        owner = owners.setdefault(_folded(word), label)
        if owner != label:
            raise SettingError(f"the word '{word}' of the verbalizer belongs to '{owner}' and to '{label}': leave it to one of them.")
    for label, words in table.items():
        if len(set(words)) < max(1, len(words)):
            raise SettingError(f"label '{label}' of the verbalizer has the words {list(words)}: give at least one, each of them once.")


def _all(table: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    return ((label, word) for label, words in table.items() for word in words)


def _folded(word: str) -> str:
    return word.strip().casefold()
