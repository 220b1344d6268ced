"""Watches: they hear all and change nothing."""

import builtins
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tastelm.errors import MissingExtra, SettingError
from tastelm.train import run
from tastelm.train.progress import LOGGERS, Bar, Several, Silent, TensorBoard, bars, logger

from .toys import Notes, Scripted, stage, train


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOOK_AT_MOST", 4)


def test_what_a_watch_is_told() -> None:
    notes = Notes()
    found = train(stage(), steps=8, validate=Scripted(0.1, 0.3), watch=notes)
    assert notes.began == [("toy", 0)] and notes.steps == list(range(1, 9)) and len(notes.losses) == 8
    assert sum(notes.targets) > 8 * 20 and notes.used == pytest.approx([step / 8 for step in range(8)])
    assert notes.lines == found.history and notes.lines[-1].keys() == {"step", "seconds", "loss", "ndcg@10"}


def test_several_watches_hear_the_same() -> None:
    first, second = Notes(), Notes()
    train(stage(), steps=9, validate=Scripted(0.1), watch=Several([first, Silent(), second]))
    assert vars(first) == vars(second) and first.steps


def test_the_bar_shows_rate_loss_and_metric() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=160)
    with bars(console) as progress:
        bar = Bar(progress, "sasrec")
        train(stage(), steps=9, validate=Scripted(0.25), watch=bar)
        task = progress.tasks[0]
        assert task.description == "sasrec · toy" and task.completed == pytest.approx(8 / 9) and task.total == 1
        assert "tokens/s" in task.fields["note"] and "loss" in task.fields["note"] and "ndcg@10 0.2500, best 0.2500" in task.fields["note"]


def test_the_bar_shows_the_loss_of_each_objective() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=160)
    with bars(console) as progress:
        bar = Bar(progress, "uprec")
        bar.begin("pre-train", 0)
        bar.looked({"step": 4, "seconds": 1.0, "loss": 2.5, "loss/cloze": 2.25, "loss/attributes": 0.5, "ndcg@10": 0.1}, 0.2)
        bar.stepped(5, 10, 0.5, 2.4)
        assert progress.tasks[0].fields["note"].endswith("loss 2.400 (cloze 2.250, attributes 0.500) · ndcg@10 0.1000, best 0.2000")


def test_off_a_terminal_nothing_is_printed() -> None:
    file = StringIO()
    with bars(Console(file=file)) as progress:
        train(stage(), steps=3, watch=Bar(progress, "sasrec"))
    assert file.getvalue().strip() == ""


def test_tensorboard_gets_every_look(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = train(stage(), steps=8, validate=Scripted(0.1, 0.3), watch=TensorBoard(tmp_path))
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"toy/loss", "toy/seconds", "toy/ndcg@10"}
    assert [(event.step, event.value) for event in events.Scalars("toy/loss")] == [(line["step"], pytest.approx(line["loss"])) for line in found.history]


def test_a_logger_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    logger("tensorboard", tmp_path / "logs")
    assert not (tmp_path / "logs").exists()


def test_an_unknown_logger(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"log: 'tensorbord' is not known; did you mean 'tensorboard'\?"):
        logger("tensorbord", tmp_path)
    with pytest.raises(SettingError, match=r"log: 'wandb' is not known; known are: mlflow, tensorboard\."):
        logger("wandb", tmp_path)


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")])
def test_a_logger_whose_package_is_missing_says_how_to_get_it(name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., object] = builtins.__import__

    def without(wanted: str, *more: object, **named: object) -> object:
        if wanted == module:
            raise ImportError(module)
        return real(wanted, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=rf"needs the package '{name}'\. Install it with: pip install 'tastelm\[{name}\]'"):
        LOGGERS[name](tmp_path)
