"""How much better one result is than another, in percent, and only where the two can be compared."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import SettingError
from tastelm.metrics import Metric, ratio_ci
from tastelm.per_case import DAMAGED, read_values


@dataclass(frozen=True)
class Improvement:
    """percent: by how much a is better than b, negative where it is worse; low, high: 95 % paired bootstrap interval over users, None
    where the values of the users are not at hand."""

    a: str
    b: str
    metric: str
    percent: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        interval = "" if self.low is None else f" [{self.low:+.1f}, {self.high:+.1f}]"
        return f"{self.percent:+.1f} %{interval}"


def relative_improvement(a: Mapping[str, Any] | str | Path, b: Mapping[str, Any] | str | Path, metric: str = "ndcg@10") -> Improvement:
    """By how many percent of b's value the result a is better than b.

    a, b    rows of a leaderboard, what `tastelm.evaluate` returns, or the path of a stored row, as DIR/rows/sasrec.json: beside it
            stand the values of the users (of hit rates and NDCGs), and with both of them there is an interval
    metric  as `ndcg@10`; where a lower value is the better one, a smaller a is an improvement

    Raises SettingError unless both were judged on the same questions and candidates: a percentage across protocols, data or splits
    says nothing. Also where a result lacks the metric, or b's value is 0.
    """
    found = Metric.parse(metric)
    first, second = (_read(result, label) for result, label in ((a, "a"), (b, "b")))
    _refuse_a_mix(first, second)
    ours, theirs = first.value(found), second.value(found)
    if theirs == 0:
        raise SettingError(f"{found} of {second.name} is 0: nothing can be told in percent of it.")
    sign = 1 if found.higher_is_better else -1
    percent = sign * 100 * (ours / theirs - 1)
    ours_each, theirs_each = first.values(found), second.values(found)
    if ours_each is None or theirs_each is None:
        return Improvement(first.name, second.name, str(found), percent)
    ends = sorted(sign * 100 * (end - 1) for end in ratio_ci(ours_each, theirs_each))
    return Improvement(first.name, second.name, str(found), percent, ends[0], ends[1])


@dataclass(frozen=True)
class _Result:
    """A result, what it is called in a message, and where it was read from."""

    name: str
    content: Mapping[str, Any]
    place: Path | None

    @property
    def protocol(self) -> Mapping[str, Any]:
        return dict(self.content["protocol"])

    def value(self, metric: Metric) -> float:
        value = self.content["metrics"].get(str(metric))
        if value is None or math.isnan(value):
            raise SettingError(f"{self.name} has no value of {metric}; it has {', '.join(self.content['metrics'])}.")
        return float(value)

    def values(self, metric: Metric) -> NDArray[np.float64] | None:
        """One value a user, if they were stored beside the row."""
        if self.place is None:
            return None
        try:
            return read_values(self.place).get(str(metric))
        except DAMAGED:
            raise SettingError(f"{self.place.with_suffix('.npz')}: the file is damaged. Delete {self.place} and give the compare command again.") from None


def _read(result: Mapping[str, Any] | str | Path, label: str) -> _Result:
    place, content = None, result
    if isinstance(result, str | Path):
        place = Path(result)
        try:
            content = json.loads(place.read_bytes())
        except (OSError, ValueError):
            raise SettingError(f"{place} is no stored row of a leaderboard. Give a file such as DIR/rows/sasrec.json.") from None
    assert not isinstance(content, str | Path)
    if isinstance(content, Mapping) and "error" in content:
        raise SettingError(f"{content.get('system', label)} failed, so there is nothing to compare: {content['error']}")
    if not isinstance(content, Mapping) or not isinstance(content.get("metrics"), Mapping) or not isinstance(content.get("protocol"), Mapping):
        raise SettingError(f"the result {label} does not say its metrics and protocol. Give a row of a leaderboard, or what tastelm.evaluate returns.")
    return _Result(str(content.get("system", f"the result {label}")), content, place)


def _refuse_a_mix(a: _Result, b: _Result) -> None:
    there, here = a.protocol, b.protocol
    for name in [*there, *(name for name in here if name not in there)]:
        if there.get(name) != here.get(name):
            what = "data or their split" if name == "split_fingerprint" else name.replace("_", " ")
            raise SettingError(
                f"{a.name} and {b.name} were not judged alike: {what} is {there.get(name, 'not said')} for one and {here.get(name, 'not said')} for the other. "
                "Relative improvements are told within one protocol only."
            )
