"""What a tuning has tried, and the file that keeps it.

study.json holds all there is to know, as JSON: what is tuned and on what, and every trial that came to its end. It is replaced
whole after each trial. The search asks nothing but these trials for its next one, so a study that is read again goes on as if it had
never stopped; a trial that was interrupted has left nothing and is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from tastelm.errors import OutputError, RunError, SettingError
from tastelm.files import write_json
from tastelm.metrics import Metric
from tastelm.runs import is_run
from tastelm.settings import Search
from tastelm.settings_file import STUDY

# Raised whenever a file written now could be misread by an older version.
FORMAT = 1


@dataclass(frozen=True)
class Trial:
    """One training.

    number    0 for the first, which has the defaults
    settings  those that are searched
    state     `finished`; `pruned`, ended early because it looked worse than the others had; `failed`, for the `reason` given
    value     the metric on the validation part; of a finished trial only
    seconds   of choosing the settings, training and validation
    looks     (place, value) of the looks at the validation part on the way: what pruning goes by
    """

    number: int
    settings: dict[str, Any]
    state: Literal["finished", "pruned", "failed"]
    value: float | None
    seconds: float
    looks: tuple[tuple[int, float], ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Study:
    """All trials of one tuning.

    about        what was tuned: system, fixed settings, space, metric, seed, budget of a trial, data, split, version
    trials       in the order they were made
    importances  setting -> share of the differences between trials that goes with it; empty where too few trials tell
    """

    about: Mapping[str, Any]
    trials: tuple[Trial, ...]
    importances: Mapping[str, float]

    @property
    def system(self) -> str:
        """The name of the system."""
        return str(self.about["system"])

    @property
    def metric(self) -> str:
        """What was tuned for."""
        return str(self.about["metric"])

    @property
    def ranked(self) -> list[Trial]:
        """The finished trials, best first; of equals the earlier one."""
        sign = -1 if Metric.parse(self.metric).higher_is_better else 1
        finished = [trial for trial in self.trials if trial.value is not None]
        return sorted(finished, key=lambda trial: sign * (trial.value or 0.0))

    @property
    def best(self) -> dict[str, Any]:
        """The settings to train with: those that were fixed, and the best trial's. Raises SettingError if no trial finished."""
        if not self.ranked:
            raise SettingError(f"no trial of {self.system} finished, so there are no best settings. Give more --budget.")
        return {**self.about["settings"], **self.ranked[0].settings}

    @property
    def value(self) -> float | None:
        """The metric of the best trial on the validation part; None if no trial finished."""
        return self.ranked[0].value if self.ranked else None

    @property
    def seconds(self) -> float:
        """Of all trials together."""
        return sum(trial.seconds for trial in self.trials)

    def summary(self) -> dict[str, Any]:
        """What a leaderboard and a file of settings say of the tuning."""
        return {
            "trials": len(self.trials),
            **{state: sum(trial.state == state for trial in self.trials) for state in ("pruned", "failed")},
            "seconds": self.seconds,
            "metric": self.metric,
            "value": self.value,
            "default": self.trials[0].value if self.trials else None,
            "space": dict(self.about["space"]),
        }

    def write(self, folder: Path) -> None:
        """Replace study.json at once. Raises OutputError."""
        best = {"trial": self.ranked[0].number, "value": self.value, "settings": self.best} if self.ranked else None
        content = {"format": FORMAT, "about": dict(self.about), "best": best, "importances": dict(self.importances)}
        write_json(folder / STUDY, content | {"trials": [asdict(trial) for trial in self.trials]})


@dataclass(frozen=True)
class _Stored:
    """What is read of study.json; the rest of it follows from these."""

    format: int
    about: dict[str, Any]
    trials: tuple[Trial, ...]


def read_trials(folder: Path, about: Mapping[str, Any], space: Mapping[str, Search]) -> tuple[Trial, ...]:
    """The trials that stand in `folder`; none where nothing does.

    Raises RunError if the file is damaged, OutputError if something else than a study of `about` stands there.
    """
    path = folder / STUDY
    if not path.exists():
        for kind, there in (("a run", is_run(folder)), ("a leaderboard", (folder / "leaderboard.json").is_file())):
            if there:
                raise OutputError(f"{folder} holds {kind}, not a study. Choose another --out.")
        return ()
    try:
        stored = TypeAdapter(_Stored).validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        why = f"{error.errors()[0]['msg']}" if isinstance(error, ValidationError) else str(error.strerror)
        raise RunError(_damaged(path, why)) from None
    if stored.format != FORMAT:
        raise RunError(f"{path}: the study has format {stored.format}, but this version of TasteLM reads format {FORMAT}. Use the version that wrote it.")
    for name, wanted in about.items():
        if stored.about.get(name) != wanted:
            raise OutputError(
                f"{folder} holds another study: its {_differs(name, stored.about.get(name), wanted)}. Choose another --out, or delete the folder."
            )
    for number, trial in enumerate(stored.trials):
        if trial.number != number or (trial.state == "finished") != (trial.value is not None):
            raise RunError(_damaged(path, f"trial {number} is not whole"))
        if trial.settings.keys() != space.keys() or not all(trial.settings[name] in where for name, where in space.items()):
            raise RunError(_damaged(path, f"the settings of trial {number} are not in the search space"))
    return stored.trials


def _damaged(path: Path, why: str) -> str:
    return f"{path}: the file is damaged ({why}). Delete {path.parent} to begin the tuning again."


def _differs(name: str, there: Any, wanted: Any) -> str:
    """`seed is 1, not 0`; of a table the first entry that differs."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        key = next(key for key in [*wanted, *there] if there.get(key) != wanted.get(key))
        said = {label: table.get(key, "not given") for label, table in (("there", there), ("wanted", wanted))}
        return f"{name} {key} is {said['there']}, not {said['wanted']}"
    return f"{name.replace('_', ' ')} is {'none' if there is None else there}, not {'none' if wanted is None else wanted}"
