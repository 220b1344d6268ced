"""What the loop tells while it runs: a bar for a person, lines for a log, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tastelm.errors import MissingExtra, SettingError, nearest
from tastelm.train.parts import PART


class Watch(Protocol):
    """Told what happens in a stage; must not change it, but may end it by an exception of its own."""

    def begin(self, stage: str, step: int) -> None:
        """A stage begins, or goes on after `step` steps."""

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        """A step of `targets` predictions is done; the share `used` of the budget is gone (0 where there is none)."""

    def looked(self, line: Mapping[str, float], best: float) -> None:
        """A line of history was written: step, seconds, loss, that of each objective (`loss/NAME`), validation metric; `best` is the best so far."""


class Silent:
    """Says nothing."""

    def begin(self, stage: str, step: int) -> None: ...
    def stepped(self, step: int, targets: int, used: float, loss: float) -> None: ...
    def looked(self, line: Mapping[str, float], best: float) -> None: ...


class Bar:
    """A progress bar: stage, share of the budget, steps, predictions a second, time left, loss, best validation metric."""

    def __init__(self, progress: Progress, label: str) -> None:
        self.progress, self.label, self.task = progress, label, TaskID(0)
        self.targets, self.began, self.note = 0, time.perf_counter(), ""

    def begin(self, stage: str, step: int) -> None:
        self.task = self.progress.add_task(f"{self.label} · {stage}", total=None, note="")
        self.targets, self.began = 0, time.perf_counter()
        self.note = f" · goes on after step {step}" if step else ""

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        self.targets += targets
        rate = self.targets / max(time.perf_counter() - self.began, 1e-9)
        note = f"step {step:,} · {rate:,.0f} tokens/s · loss {loss:.3f}{self.note}"
        self.progress.update(self.task, completed=used, total=1.0 if used > 0 else None, note=note)

    def looked(self, line: Mapping[str, float], best: float) -> None:
        metric = next((name for name in line if "@" in name), None)
        parts = ", ".join(f"{name.removeprefix(PART)} {value:.3f}" for name, value in line.items() if name.startswith(PART))
        self.note = f" ({parts})" * bool(parts) + (f" · {metric} {line[metric]:.4f}, best {best:.4f}" if metric else "")


@contextmanager
def bars(console: Console) -> Iterator[Progress]:
    """The progress display that `Bar`s share. On a terminal only; elsewhere nothing is printed."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


class Several:
    """Hands everything on to several watches."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = watches

    def begin(self, stage: str, step: int) -> None:
        for watch in self.watches:
            watch.begin(stage, step)

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        for watch in self.watches:
            watch.stepped(step, targets, used, loss)

    def looked(self, line: Mapping[str, float], best: float) -> None:
        for watch in self.watches:
            watch.looked(line, best)


class TensorBoard(Silent):
    """Writes every look as TensorBoard events under `folder`."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtra("tensorboard", "tensorboard", "Logging to TensorBoard") from None
        self.make: Callable[[str], Any] = SummaryWriter
        self.writer: Any = None
        self.folder, self.stage = folder, ""

    def begin(self, stage: str, step: int) -> None:
        self.stage = stage
        # Not before a training begins: what is refused leaves no folder.
        self.writer = self.writer or self.make(str(self.folder))

    def looked(self, line: Mapping[str, float], best: float) -> None:
        for name, value in line.items():
            if name != "step":
                self.writer.add_scalar(f"{self.stage}/{name}", value, int(line["step"]))
        self.writer.flush()


class MLflow(Silent):
    """Writes every look to an MLflow store under `folder`."""

    def __init__(self, folder: Path) -> None:
        try:
            import mlflow
        except ImportError:
            raise MissingExtra("mlflow", "mlflow", "Logging to MLflow") from None
        self.mlflow: Any = mlflow
        self.folder = folder

    def begin(self, stage: str, step: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mlflow.set_tracking_uri(f"sqlite:///{self.folder / 'mlflow.db'}")

    def looked(self, line: Mapping[str, float], best: float) -> None:
        values = {name.replace("@", "_at_"): value for name, value in line.items() if name != "step"}
        self.mlflow.log_metrics(values, step=int(line["step"]))


LOGGERS: dict[str, Any] = {"tensorboard": TensorBoard, "mlflow": MLflow}


def logger(name: str, folder: Path) -> Watch:
    """The logger of that name. Raises SettingError if there is none, MissingExtra if its package is not installed."""
    if name not in LOGGERS:
        raise SettingError(f"log: '{name}' is not known; {nearest(name, LOGGERS)}")
    made: Watch = LOGGERS[name](folder)
    return made
