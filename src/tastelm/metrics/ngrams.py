"""Words of a text and runs of n of them: what the metrics of generated text count."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import numpy as np
from scipy import sparse

from tastelm.errors import DataError, SettingError

Tokens = tuple[Hashable, ...]

_ENDINGS = re.compile("(n't|'(?:s|m|ve|re|d|ll))")
_MARKS = (("[(]", "("), ("[)]", ")"), (",+|:+", ","), (r";+|\.+", "."), ("!+", "!"), (r"\?+", "?"))


def spaced(text: str) -> list[str]:
    """Words as PETER and PEPLER count them: punctuation and English endings ('s, n't, ..) stand alone, then split at blanks.

    Runs of one mark become one; a colon is written as a comma and a semicolon as a full stop. Case is kept.
    """
    text = _ENDINGS.sub(r" \1", text)
    for pattern, mark in _MARKS:
        text = re.sub(pattern, f" {mark} ", text)
    return text.split()


def token_lists(outputs: Sequence[Sequence[Hashable]]) -> list[Tokens]:
    """The outputs as tuples of tokens (words or ids). Raises DataError for a raw string, whose n-grams would be of characters."""
    for place, output in enumerate([outputs] if isinstance(outputs, str) else outputs):
        if isinstance(output, str | bytes):
            raise DataError(f"output {place} is a string, so its n-grams would be of characters: give a list of tokens, for example spaced(text).")
    return [tuple(output) for output in outputs]


def ngrams(tokens: Sequence[Hashable], n: int) -> list[Tokens]:
    """The runs of n tokens in order, none if there are fewer than n. Raises SettingError for n < 1."""
    if n < 1:
        raise SettingError(f"n = {n}: an n-gram has at least 1 token.")
    return list(zip(*(tokens[start:] for start in range(n)), strict=False))


def ngram_table(outputs: Sequence[Sequence[Hashable]], n: int) -> sparse.csr_matrix:
    """(G, N) float64: how often each of the G different n-grams occurs in each of the N outputs.

    Raises DataError for raw strings, SettingError for n < 1.
    """
    found = [ngrams(tokens, n) for tokens in token_lists(outputs)]
    codes: dict[Tokens, int] = {}
    rows = [codes.setdefault(gram, len(codes)) for grams in found for gram in grams]
    columns = np.repeat(np.arange(len(found)), [len(grams) for grams in found])
    return sparse.csr_matrix((np.ones(len(rows)), (np.array(rows, dtype=np.int64), columns)), (len(codes), len(found)))
