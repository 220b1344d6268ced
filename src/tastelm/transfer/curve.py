"""What became of a transfer: its points, the curve with intervals over users, and the paired differences between arms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import OutputError, RunError
from tastelm.files import write_array, write_json
from tastelm.metrics import bootstrap_ci

# Raised whenever points stored before could not be compared with those of now.
FORMAT = 1
FILE = "transfer.json"
# What the claim is about, and what it must be held against.
AGAINST = (("pre-trained", "scratch"), ("pre-trained", "joint"))


class Place(NamedTuple):
    """Where a point stands. The share is 0 where nothing is tuned on."""

    arm: str
    share: float
    seed: int

    def __str__(self) -> str:
        return f"{self.arm}{f' {100 * self.share:g} %' if self.share else ''}, seed {self.seed}"


@dataclass(frozen=True, eq=False)
class Point:
    """One training, judged.

    key      of all that decides it
    users    how many target users were tuned on
    metrics  the mean over all questions, by name
    values   (M, C) behind them, a row for each metric and a column for each question
    seconds  of its own training; `pretrain_seconds` come on top, once for all shares of a seed
    stages   how each went: name, steps, epochs, seconds, best validation metric, why it ended
    """

    place: Place
    key: str
    users: int
    metrics: Mapping[str, float]
    values: NDArray[np.float64]
    seconds: float
    pretrain_seconds: float
    stages: Sequence[Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without those of each question."""
        return {**self.place._asdict(), **{name: value for name, value in vars(self).items() if name not in ("place", "values")}}

    def write(self, folder: Path) -> None:
        """Keep it: the values first, so that a point whose JSON stands there is whole. Raises OutputError."""
        write_array(folder / f"{self.key}.npy", self.values)
        write_json(folder / f"{self.key}.json", self.to_dict())

    @classmethod
    def read(cls, folder: Path, key: str) -> Point | None:
        """A finished point of that key, or None. One that cannot be read is made again."""
        try:
            row = json.loads((folder / f"{key}.json").read_bytes())
            place = Place(row.pop("arm"), row.pop("share"), row.pop("seed"))
            values = np.load(folder / f"{key}.npy", allow_pickle=False)
            point = cls(place=place, values=values, **row)
            return point if point.key == key and values.ndim == 2 and len(values) == len(point.metrics) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True, eq=False)
class Curve:
    """All finished points of a transfer.

    about   what must be alike for points to stand on one curve
    wanted  places that were asked for
    counts  share -> target users in it
    command what repeats it, or None
    """

    about: Mapping[str, Any]
    wanted: Sequence[Place]
    points: Sequence[Point]
    counts: Mapping[str, int]
    command: str | None = None

    @property
    def metrics(self) -> list[str]:
        """Names, the one to look at last."""
        return list(self.points[0].metrics) if self.points else []

    @property
    def complete(self) -> bool:
        """Whether every point that was asked for is there."""
        return {point.place for point in self.points} >= set(self.wanted)

    def values(self, arm: str, share: float, seeds: Sequence[int] | None = None) -> NDArray[np.float64]:
        """(S, M, C) of the points of an arm at a share, a layer for each seed."""
        found = [point for point in self.points if (point.place.arm, point.place.share) == (arm, share)]
        return np.stack([point.values for point in found if seeds is None or point.place.seed in seeds])

    def seeds(self, arm: str, share: float) -> list[int]:
        """The seeds that have the point."""
        return [point.place.seed for point in self.points if (point.place.arm, point.place.share) == (arm, share)]

    @cached_property
    def lines(self) -> list[dict[str, Any]]:
        """For every arm and share the mean over users and seeds, the 95 % interval over users, and the least and the most of a seed."""
        found = []
        for arm, share in dict.fromkeys((point.place.arm, point.place.share) for point in self.points):
            values = self.values(arm, share)
            row: dict[str, Any] = {"arm": arm, "share": share, "seeds": self.seeds(arm, share), **self._measured(values.mean(axis=0))}
            for name, each in zip(self.metrics, values.mean(axis=2).T, strict=True):
                row[name] |= {"least": float(each.min()), "most": float(each.max())}
            found.append(row)
        return found

    @cached_property
    def differences(self) -> list[dict[str, Any]]:
        """At every share, by how much the pre-trained arm is above another, on the same questions and seeds: mean, and 95 % interval over users."""
        found = []
        for a, b in AGAINST:
            for share in dict.fromkeys(point.place.share for point in self.points):
                both = [seed for seed in self.seeds(a, share) if seed in self.seeds(b, share)]
                if not both:
                    continue
                difference = (self.values(a, share, both) - self.values(b, share, both)).mean(axis=0)
                found.append({"a": a, "b": b, "share": share, "seeds": both, **self._measured(difference)})
        return found

    def _measured(self, values: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        """(M, C) -> the mean and the ends of its interval by metric. All share their resamples, so that intervals belong together."""
        ends = zip(self.metrics, values.mean(axis=1), *bootstrap_ci(values, seed=int(self.about["split_seed"])), strict=True)
        return {name: {"mean": float(mean), "low": float(low), "high": float(high)} for name, mean, low, high in ends}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as transfer.json holds them; intervals once all points are there, since they take longer than some trainings."""
        whole = self.complete
        return {
            "format": FORMAT,
            "about": dict(self.about),
            "command": self.command,
            "complete": whole,
            "counts": dict(self.counts),
            "curve": self.lines if whole else [],
            "differences": self.differences if whole else [],
            "points": [point.to_dict() for point in self.points],
        }

    def write(self, folder: Path) -> None:
        """Replace transfer.json at once. Raises OutputError."""
        write_json(folder / FILE, self.to_dict())


def refuse_another(folder: Path, about: Mapping[str, Any]) -> None:
    """Raises OutputError if a curve of something else stands in `folder`, RunError if what stands there cannot be read."""
    path = folder / FILE
    if not path.exists():
        return
    try:
        there = json.loads(path.read_bytes())["about"]
        # The same way there and back: a tuple comes back as a list.
        wanted = json.loads(json.dumps(dict(about), default=str))
        other = next((name for name in wanted if there.get(name) != wanted[name]), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{path}: the file is damaged. Delete it and give the command again; finished points are used again.") from None
    if other is not None:
        raise OutputError(f"{folder} holds the curve of another transfer: its {other.replace('_', ' ')} differs. Choose another --out, or delete the folder.")
