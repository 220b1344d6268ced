"""What to try next, and when to give a trial up: Optuna's TPE sampler and its median rule, asked about stored trials.

Optuna keeps nothing between two questions. Each is answered from the trials so far and a seed of its own, so that the answer is the
same whether the study was interrupted or not.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tastelm.errors import MissingExtra
from tastelm.settings import Among, Search, Span
from tastelm.tuning.study import Trial

# Trials that are drawn at random before the sampler has seen enough to prefer anything.
RANDOM_TRIALS = 8
# The median rule is asked once so many trials have come to their end, and not at the first look of a stage, which says little.
UNPRUNED_TRIALS, UNPRUNED_LOOKS = 4, 1
# With fewer finished trials the importances would be chance.
IMPORTANCE_TRIALS = 10


class Proposal:
    """The settings of the next trial, and a judge of how it goes on.

    space     setting -> where it is searched
    defaults  what the first trial takes
    trials    those that were made
    sign      1 if a higher metric is better, -1 if a lower one is

    Raises MissingExtra without Optuna.
    """

    def __init__(self, space: Mapping[str, Search], defaults: Mapping[str, Any], trials: Sequence[Trial], *, sign: int, seed: int) -> None:
        study = _study(space, trials, sign, seed)
        if not trials:
            study.enqueue_trial({name: defaults[name] for name in space})
        self._trial = study.ask(_distributions(space))
        self.settings = {name: _rounded(self._trial.params[name], where) for name, where in space.items()}

    def hopeless(self, place: int, value: float) -> bool:
        """Whether the trial, with `value` at a look (higher is better), is worse than half of the others were at the same place."""
        self._trial.report(value, place)
        return bool(self._trial.should_prune())


def importances(space: Mapping[str, Search], trials: Sequence[Trial], *, sign: int) -> dict[str, float]:
    """Setting -> its share of what tells good trials from bad ones (PED-ANOVA; Watanabe et al. 2023), largest first; empty if too few finished."""
    if sum(trial.state == "finished" for trial in trials) < IMPORTANCE_TRIALS or len(space) < 2:
        return {}
    optuna = _optuna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, says Optuna
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(_study(space, trials, sign, 0), evaluator=evaluator)
    return {name: round(float(share), 4) for name, share in found.items()}


def _study(space: Mapping[str, Search], trials: Sequence[Trial], sign: int, seed: int) -> Any:
    """The trials as Optuna takes them. One that failed counts as pruned before its first look, which the sampler takes for the worst there is."""
    optuna = _optuna()
    state = optuna.trial.TrialState
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = int(np.random.SeedSequence((seed, len(trials))).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, multivariate=True, seed=drawn)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS, n_warmup_steps=UNPRUNED_LOOKS)
        study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params=trial.settings, distributions=_distributions(space), intermediate_values=dict(trial.looks),
                value=None if trial.value is None else sign * trial.value,
                state=state.COMPLETE if trial.state == "finished" else state.PRUNED,
            )
        )  # fmt: skip
    return study


def _distributions(space: Mapping[str, Search]) -> dict[str, Any]:
    kinds = _optuna().distributions

    def of(where: Search) -> Any:
        if isinstance(where, Among):
            return kinds.CategoricalDistribution(where.choices)
        if isinstance(where.low, int):
            return kinds.IntDistribution(where.low, int(where.high), log=where.log)
        return kinds.FloatDistribution(where.low, where.high, log=where.log)

    return {name: of(where) for name, where in space.items()}


def _rounded(value: Any, where: Search) -> Any:
    """A fraction to three digits, which a person can read and type; no metric tells more of them apart."""
    if not isinstance(value, float) or not isinstance(where, Span):
        return value
    return min(max(float(f"{value:.3g}"), where.low), where.high)


def _optuna() -> Any:
    """Optuna, quiet. Raises MissingExtra."""
    try:
        import optuna
    except ImportError:
        raise MissingExtra("optuna", "tune", "Tuning") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
