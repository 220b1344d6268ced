"""Rolling windows over time: train on what was before a window, ask about the sessions in it, and go on to the next.

A session belongs to the window of its first event. What is trained on before a window is therefore all sessions that began earlier;
the last of them may have ended within it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tastelm.data.dataset import Dataset
from tastelm.data.protocols import Part, Rows, mixed
from tastelm.data.sessions import duration, need_times
from tastelm.data.split import Split
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import DataError, SettingError

_DAY = 86400.0


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of time whose sessions are asked about.

    label       when it begins, in UTC, for a person
    begin, end  seconds; the end is not part of it
    sessions    how many are asked about
    """

    label: str
    begin: float
    end: float
    sessions: int
    _whole: Split
    _bins: NDArray[np.int64]
    _at: int
    _since: int

    @property
    def data(self) -> Dataset:
        """The whole of what the windows were cut from."""
        return self._whole.dataset

    @property
    def protocol(self) -> str:
        """How all windows were cut, as `windows:month`."""
        return self._whole.protocol

    def split(self, *, newest: bool = False) -> Split:
        """Training: the sessions of all windows before this one; or, `newest`, of the window before alone, and of windows passed over
        between it and this one, which is all that came since the window that was evaluated before (for the first: everything).

        The sessions of the window itself are valid and test, half each, drawn by a hash under the seed. Of each the last item is asked
        for, and the items before it are the history. Later sessions are in no part, nor in the Dataset of the split. The vocabularies
        are those of the whole data, so that codes mean the same in every window: an item that is first met in the window, or after it, is
        in the catalogue and ranked like any other (the paper does not say how it treats such items). The items of a history stay
        candidates, as in the paper.
        """
        whole, rows, window = self._whole, self._whole.rows, self._bins[self._whole.rows.user]
        part = np.full(len(rows.user), Part.UNUSED)
        part[(window < self._at) & (window >= (self._since if newest else 0))] = Part.TRAIN
        asked = (window == self._at) & (rows.length >= 2)
        last = rows.place == rows.length - 1
        part[asked] = np.where(last, np.where(_first_half(rows.user, asked, whole.seed), Part.VALID, Part.TEST), Part.INPUT)[asked]
        known = window <= self._at
        made = replace(whole, protocol=f"{whole.protocol}@{self.label}{' newest' if newest else ''}", part=part.astype(np.int8))
        return made.only(known)


def rolling(data: Dataset, windows: int = 6, *, every: str | None = None, least: int = 2, seed: int = 0) -> list[Window]:
    """The last `windows` windows of `data`, whose users are sessions (`tastelm.data.sessions`), oldest first.

    every  length of a window: `1d`, `7d`, `12h`, counted from the midnight (or the full hour) before the first session, or `month` of the
           calendar. None, for data that are spread thinly: windows + 1 windows of equally many sessions, the first for training alone
    least  a window with fewer sessions of two events or more is passed over; its sessions are trained on later all the same
    seed   decides ties in time, and which half of a window a session is in

    Raises DataError without times or where too few windows are left, SettingError for an option that does not fit.
    Source: de Souza Pereira Moreira et al. 2021 (Transformers4Rec), section 4.2.
    """
    for name, value, floor in (("windows", windows, 1), ("least", least, 2), ("split_seed", seed, 0)):
        if value < floor:
            raise SettingError(f"{name}: {value} does not fit; it takes a whole number from {floor}.")
    need_times(data, "windows of time")
    users, items = Vocabulary(data.interactions["user"].unique()), Vocabulary(data.interactions["item"].unique())
    rows = Rows.of(data, users, items, seed)
    assert rows.time is not None
    first = rows.place == 0
    bins, begins, ends = _by_count(rows.time[first], windows) if every is None else _by_time(rows.time[first], every)
    counts = np.bincount(bins[rows.length[first] >= 2], minlength=len(begins))
    enough = np.flatnonzero((counts >= least) & (np.arange(len(counts)) > 0))
    if len(enough) < windows:
        what = "windows of equally many sessions" if every is None else f"windows of {every}"
        raise DataError(
            f"{data.name}: only {len(enough)} {what} hold {least} sessions or more and have sessions before them, not {windows}. "
            "Ask for fewer --windows, a smaller --least, or longer ones with --every."
        )
    protocol = f"windows:{windows + 1}" if every is None else f"windows:{every}"
    whole = Split(data, protocol, seed, users, items, rows, np.full(len(rows.user), Part.UNUSED, np.int8), keeps_seen=True)
    chosen = enough[-windows:]
    return [
        Window(label, float(begins[at]), float(ends[at]), int(counts[at]), whole, bins, int(at), int(since))
        for label, at, since in zip(_labels(begins[chosen], every), chosen, [0, *chosen[:-1]], strict=True)
    ]


Bins = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


def _by_count(begin: NDArray[np.float64], windows: int) -> Bins:
    """The window of each session, and where windows begin and end. Sessions that begin at the same moment share a window."""
    ordered = np.sort(begin)
    cuts = ordered[np.arange(1, windows + 1) * len(ordered) // (windows + 1)]
    return np.searchsorted(cuts, begin, side="right"), np.append(ordered[:1], cuts), np.append(cuts, np.inf)


def _by_time(begin: NDArray[np.float64], every: str) -> Bins:
    """The same for windows of a length; those in which no session begins are no windows."""
    if every == "month":
        month = begin.astype("datetime64[s]").astype("datetime64[M]")
        known, bins = np.unique(month, return_inverse=True)
        starts, ends = (edge.astype("datetime64[s]").astype(np.float64) for edge in (known, known + 1))
    else:
        length = duration(every, "every")
        origin = np.floor(begin.min() / min(_DAY, length)) * min(_DAY, length)
        known, bins = np.unique(np.floor((begin - origin) / length), return_inverse=True)
        starts, ends = origin + known * length, origin + (known + 1) * length
    return bins.astype(np.int64), starts, ends


def _labels(begins: NDArray[np.float64], every: str | None) -> list[str]:
    """`2016-08` for months, else `2016-08-01`, with the time of day where a day has several."""
    moments = begins.astype("datetime64[s]")
    unit = "M" if every == "month" else "D" if len(np.unique(moments.astype("datetime64[D]"))) == len(moments) else "s"
    return [str(moment) for moment in moments.astype(f"datetime64[{unit}]")]


def _first_half(user: NDArray[np.int32], asked: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """(R,) whether the session of a row is in the first of two equal halves of those asked, the smaller one where they cannot be equal."""
    found = np.unique(user[asked])
    order = found[np.argsort(mixed(found.astype(np.uint64), seed), kind="stable")]
    return np.isin(user, order[: len(found) // 2])
