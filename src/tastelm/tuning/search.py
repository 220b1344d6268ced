"""The search: trial after trial on the validation part, until trials or time are used up.

The test part is not merely left alone, it is gone: trials get a split from which it was taken out.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import tastelm
from tastelm.card import Question
from tastelm.data.split import Part, Split
from tastelm.errors import SettingError, TasteLMError
from tastelm.evaluation import Protocol, evaluate, protocol
from tastelm.files import remove, to_json
from tastelm.fitting import fit_system
from tastelm.metrics import Metric
from tastelm.settings import Search, searched
from tastelm.settings_file import write_settings
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent, Watch
from tastelm.tuning.proposals import Proposal, importances
from tastelm.tuning.study import Study, Trial, read_trials

BEST = "best.toml"
# Without a budget of its own a trial may take this part of the time of the whole tuning, or its even share where fewer trials are asked for.
SHARES = 10
# Stages are numbered in steps of this many looks, so that looks of different stages never share a place.
STAGE = 100_000


@dataclass(frozen=True)
class Effort:
    """How much a tuning may cost; every system of a comparison gets the same.

    trials        how many, or None
    budget        time for all of them together, such as `1h`, or None
    trial_budget  longest training of a trial, as `2m` or `2000steps`; None: its share of the budget, or no limit where there is none

    Raises SettingError if nothing limits the tuning, and for words that are no such limits.
    """

    trials: int | None = None
    budget: str | None = None
    trial_budget: str | None = None

    def __post_init__(self) -> None:
        if self.trials is None and self.budget is None:
            raise SettingError("tune needs an end: give --trials 20, --budget 1h, or both.")
        if self.trials is not None and (isinstance(self.trials, bool) or not isinstance(self.trials, int) or self.trials < 1):
            raise SettingError(f"trials: {self.trials!r} does not fit; it takes a whole number from 1.")
        if self.budget is not None and math.isinf(Budget.parse(self.budget).seconds):
            raise SettingError(f"budget: '{self.budget}' is no time; a tuning takes one, as in --budget 1h. What limits each trial is --trial-budget.")
        if self.trial_budget is not None:
            Budget.parse(self.trial_budget)

    @classmethod
    def parse(cls, text: str, trial_budget: str | None = None, *, training: str | None = None) -> Effort:
        """`20` trials, or `30m`. A trial takes no longer than the `training` that its settings are for, unless told so. Raises SettingError."""
        if re.fullmatch("[0-9]{1,9}", text.strip()):
            return cls(int(text), None, trial_budget or training)
        try:
            seconds = Budget.parse(text).seconds
        except SettingError:
            seconds = math.inf
        if math.isinf(seconds):
            raise SettingError(f"--tune '{text}' is neither a number of trials nor a time; write it like 20 or 30m.")
        shorter = training is not None and Budget.parse(training).seconds < seconds / SHARES
        return cls(None, text, training if shorter and trial_budget is None else trial_budget)

    @property
    def seconds(self) -> float:
        """Of all trials together; infinity where no time was given."""
        return math.inf if self.budget is None else Budget.parse(self.budget).seconds

    @property
    def each(self) -> str | None:
        """The budget of a trial, None where it has no limit."""
        if self.trial_budget is not None or self.budget is None:
            return self.trial_budget
        return f"{self.seconds / min(self.trials or SHARES, SHARES):g}s"

    def left(self, trials: int, seconds: float) -> Budget | None:
        """What the next trial may take after so many trials and seconds; None when the tuning is over.

        A trial that could take less than half of its own budget is not begun: what it would say is no comparison.
        """
        each, rest = Budget.parse(self.each) if self.each else Budget(), self.seconds - seconds
        if (self.trials is not None and trials >= self.trials) or rest <= 0:
            return None
        if math.isfinite(each.seconds) and rest < 0.5 * min(each.seconds, self.seconds):
            return None
        return each.within(Budget(seconds=rest))


class Listener(Interface):
    """Told how a tuning goes on."""

    def begins(self, study: Study, effort: Effort, settings: Mapping[str, Any]) -> Watch:
        """A trial with these settings begins, after those of the study; what is returned watches its training."""

    def ends(self, trial: Trial, study: Study) -> None:
        """A trial is done; the study holds it."""


class Deaf:
    """Hears nothing."""

    def begins(self, study: Study, effort: Effort, settings: Mapping[str, Any]) -> Watch:
        return Silent()

    def ends(self, trial: Trial, study: Study) -> None: ...


@dataclass(frozen=True)
class Tuning:
    """What is tuned, on what, and for how long.

    system  the class
    fixed   settings that are not searched
    split   only its train and valid parts are used
    metric  what to tune for, on the valid part
    seed    of the search, and of the training of every trial

    Raises SettingError where nothing is left to be searched, and for settings, a metric or a seed that are none.
    """

    system: type[System[Any]]
    fixed: Mapping[str, Any]
    split: Split
    effort: Effort
    metric: str = "ndcg@10"
    seed: int = 0

    def __post_init__(self) -> None:
        name, space = self.system.card.name, self.system.card.space
        if not space:
            raise SettingError(f"{name} has nothing to tune: none of its settings is searched. Train it with tastelm fit.")
        if not self.space:
            given, idle = ([key for key in space if (key in self.fixed) is there] for there in (True, False))
            off = f", and switches off what else is, {', '.join(idle)}" if idle else ""
            raise SettingError(f"{name}: --set gives all that is searched, {', '.join(given)}{off}; leave one of them out to tune it.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise SettingError(f"seed: {self.seed!r} does not fit; it takes a whole number from 0 to {2**32 - 1}.")
        if not ranks(self.system.create(self.fixed), self.split):
            raise SettingError(
                f"{name} gives reasons and ranks nothing, so {self.metric} is the same whatever its settings are. Train it with tastelm fit: its stages choose "
                "their weights by the likelihood of reasons of the validation part."
            )
        Metric.parse(self.metric)

    @property
    def space(self) -> dict[str, Search]:
        """Setting -> where it is searched, without those that are fixed, and those that cannot matter beside them."""
        return searched(self.system.create(self.fixed).config, self.fixed)

    def about(self) -> dict[str, Any]:
        """All that decides what the trials come to, but for their number: studies of one `about` go on with each other."""
        data, settings = self.split.dataset, vars(self.system.create(self.fixed).config)
        about = {
            "system": self.system.card.name,
            "data": {"name": data.name, "fingerprint": data.fingerprint},
            "split": {"protocol": self.split.protocol, "seed": self.split.seed, "fingerprint": self.split.fingerprint},
            "settings": {name: settings[name] for name in self.fixed},
            "space": {name: str(where) for name, where in self.space.items()},
            "metric": str(Metric.parse(self.metric)),
            "seed": self.seed,
            "trial_budget": self.effort.each,
            "version": tastelm.__version__,
        }
        plain: dict[str, Any] = json.loads(to_json(about))
        return plain

    @property
    def key(self) -> str:
        """16 hex digits over `about`."""
        return hashlib.sha256(json.dumps(self.about(), sort_keys=True).encode()).hexdigest()[:16]


def ranks(system: System[Any], split: Split) -> bool:
    """Whether a ranking metric can tell settings of a system apart: one that gives reasons alone recommends what is popular."""
    return system.card.task is not Question.EXPLANATION or bool(getattr(system.settle(split).build(split.sizes), "ranks", True))


def tune(tuning: Tuning, folder: Path | None = None, *, listener: Listener | None = None) -> Study:
    """Make trials until the effort is used up, and return them all.

    folder  where study.json is kept and best.toml is written at the end; the same call again goes on with what stands there

    Raises what the first trial raises, as that has the defaults; a later one that fails is a trial with its reason. Raises DataError if the
    split has nothing to validate on, SettingError if the metric cannot be computed, RunError and OutputError for what stands in the folder.
    """
    about, space, listener = tuning.about(), tuning.space, listener or Deaf()
    sign = 1 if Metric.parse(tuning.metric).higher_is_better else -1
    question = protocol(tuning.split.without_test(), part=Part.VALID, metrics=(Metric.parse(tuning.metric),), seed=tuning.split.seed)
    defaults = vars(tuning.system.create(tuning.fixed).config)
    study = Study(about, () if folder is None else read_trials(folder, about, space), {})
    while (budget := tuning.effort.left(len(study.trials), study.seconds)) is not None:
        if folder is not None:
            remove(folder / BEST)  # it speaks of fewer trials
        began = time.perf_counter()
        proposal = Proposal(space, defaults, study.trials, sign=sign, seed=tuning.seed)
        trial = _try(tuning, question, proposal, len(study.trials), budget, listener.begins(study, tuning.effort, proposal.settings), began)
        study = Study(about, (*study.trials, trial), {})
        if folder is not None:
            study.write(folder)
        listener.ends(trial, study)
    study = Study(about, study.trials, importances(space, study.trials, sign=sign))
    if folder is not None and study.trials:
        study.write(folder)
        said = {name: value for name, value in study.summary().items() if value is not None}
        write_settings(folder / BEST, study.system, vars(tuning.system.create(study.best).config), tuning=said, data=about["data"])
    return study


def _try(tuning: Tuning, question: Protocol, proposal: Proposal, number: int, budget: Budget, watch: Watch, began: float) -> Trial:
    """Train with the proposed settings and look how well it does on the validation part.

    Its seconds count from `began`, so that those of the proposal are in them: for a system that trains in a blink they are the larger part.
    """
    judge = _Judge(proposal, watch)

    def told(state: Any, value: float | None = None, reason: str | None = None) -> Trial:
        return Trial(number, proposal.settings, state, value, time.perf_counter() - began, tuple(judge.looks), reason)

    try:
        system = tuning.system.create({**tuning.fixed, **proposal.settings})
        fitted = fit_system(system, question.split, budget=budget, seed=tuning.seed, watch=judge)
        found = evaluate(fitted.recommender.module, question, name=system.card.name)  # type: ignore[arg-type]
    except _Pruned:
        return told("pruned")
    except (TasteLMError, ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
        if number == 0:
            raise
        return told("failed", reason=str(error) if isinstance(error, TasteLMError) else f"{type(error).__name__}: {error}")
    metric = str(question.metrics[0])
    if not math.isfinite(found.metrics.get(metric, math.nan)):
        raise SettingError(f"metric: {metric} cannot be computed for {system.card.name} on the validation part. Tune for another, such as ndcg@10.")
    return told("finished", found.metrics[metric])


class _Pruned(Exception):
    """The trial is not worth its time."""


class _Judge:
    """Hands on to a watch what the training tells, and ends a hopeless trial between two steps."""

    def __init__(self, proposal: Proposal, watch: Watch) -> None:
        self.proposal, self.watch = proposal, watch
        self.place, self.looks = -STAGE, list[tuple[int, float]]()

    def begin(self, stage: str, step: int) -> None:
        self.place += STAGE - self.place % STAGE
        self.watch.begin(stage, step)

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        self.watch.stepped(step, targets, used, loss)

    def looked(self, line: Mapping[str, float], best: float) -> None:
        self.watch.looked(line, best)
        seen = [value for name, value in line.items() if name.split("/")[0] not in ("step", "seconds", "loss") and math.isfinite(value)]
        if seen:
            self.looks.append((self.place, seen[0]))
            self.place += 1
            if self.proposal.hopeless(*self.looks[-1]):
                raise _Pruned
