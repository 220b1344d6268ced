"""How a person sees a tuning go on: which trial of how many, the best so far, the time left, and a line for each that is done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress, TaskID

if TYPE_CHECKING:
    from tastelm.train.progress import Watch
    from tastelm.tuning import Effort, Study, Trial


class Trials:
    """A listener of `tastelm.tuning.tune`: one bar for the tuning, one for the training of the trial."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console, self.progress = console, progress
        self.whole: TaskID | None = None
        self.effort: Effort | None = None

    def begins(self, study: Study, effort: Effort, settings: Mapping[str, Any]) -> Watch:
        from tastelm.train.progress import Bar

        if self.whole is None:
            self.effort, self.whole = effort, self.progress.add_task(study.system, total=1.0, note="")
            if study.trials:
                self.console.print(f"{study.system}: goes on after {len(study.trials)} trials.", highlight=False)
        self._show(study)
        return Bar(self.progress, f"trial {len(study.trials)}")

    def ends(self, trial: Trial, study: Study) -> None:
        for task in self.progress.task_ids:
            if task != self.whole:
                self.progress.remove_task(task)
        self._show(study)
        self.console.print(f"{study.system}: {_line(trial, study)}", markup=False, highlight=False, soft_wrap=True)

    def _show(self, study: Study) -> None:
        assert self.whole is not None and self.effort is not None
        done = max(len(study.trials) / (self.effort.trials or math.inf), study.seconds / self.effort.seconds)
        of = "" if self.effort.trials is None else f" of {self.effort.trials}"
        best = "" if study.value is None else f" · best {study.metric} {study.value:.4f}"
        self.progress.update(self.whole, completed=done, note=f"{len(study.trials)}{of} trials done{best}")


def _line(trial: Trial, study: Study) -> str:
    """What became of a trial."""
    settings = " ".join(f"{name}={value}" for name, value in trial.settings.items())
    if trial.state == "failed":
        said = f"failed: {trial.reason}"
    elif trial.value is None:
        said = f"pruned after {len(trial.looks)} looks"
    else:
        said = f"{study.metric} {trial.value:.4f}" + (" (best so far)" if study.ranked[0] == trial else "")
    return f"trial {trial.number}: {said}  {settings}  ({trial.seconds:.1f} s)"
