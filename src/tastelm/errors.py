"""Everything a user can do wrong, as one tree. The command line prints such an error as one sentence and exits with code 2.

    TasteLMError
    ├── DataError        a file, table, row or column that cannot be used
    ├── SettingError     an option, setting, metric, protocol or system name that is unknown or out of range
    ├── RunError         a run folder that is missing, damaged or of another format
    ├── OutputError      a place that cannot be written
    ├── StrategyError    a stage that would train nothing, or parameters that moved against its strategy
    ├── ShapeError       tensors whose shapes do not fit
    └── MissingExtra     an optional package that is not installed

A message says what is wrong, where (file, row, column), the value seen, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TasteLMError(Exception):
    """Base of every error that a user can mend."""


class DataError(TasteLMError, ValueError):
    """Input data cannot be used."""


class SettingError(TasteLMError, ValueError):
    """A name or value given by the user is unknown, of the wrong type or out of range."""


class RunError(TasteLMError, ValueError):
    """A run folder cannot be loaded or continued."""


class OutputError(TasteLMError, OSError):
    """A result cannot be written."""


class StrategyError(TasteLMError, RuntimeError):
    """A stage trains other parameters than its strategy says."""


class ShapeError(TasteLMError, ValueError):
    """Tensors whose shapes do not fit."""


class MissingExtra(TasteLMError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package '{package}'. Install it with: pip install 'tastelm[{extra}]'")


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` if something known is close to `word`, else the list of what is known."""
    names = sorted(known)
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known are: {', '.join(names)}."
