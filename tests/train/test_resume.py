"""A training that is broken off anywhere and gone on with ends with the same bits as one that was not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from torch import nn

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.dataset import Dataset
from tastelm.data.features import Sizes
from tastelm.data.split import Split, split
from tastelm.errors import RunError, StrategyError
from tastelm.fitting import fit_system
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.item_loss import BCE, GBCE, FullSoftmax, Negatives
from tastelm.objectives.masked import MaskedItems
from tastelm.settings import setting
from tastelm.strategies import External, PretrainOnly, TuningFree
from tastelm.systems.base import System
from tastelm.testing import circle
from tastelm.train import run
from tastelm.train.budget import Budget
from tastelm.train.checkpoint import Checkpoint
from tastelm.train.schedule import Schedule
from tastelm.train.stage import Descent, Stage
from tastelm.views import ItemSequences

from .toys import ITEMS, KillAt, Killed, Notes, histories, same, stage, train, weight_sum


@pytest.fixture(autouse=True)
def save_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOOK_AT_MOST", 4)
    monkeypatch.setattr(run, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(run, "CHECKPOINT_SHARE", float("inf"))


def cloze() -> Stage:
    torch.manual_seed(1)
    module = SequenceRecommender(ItemTable(ITEMS, 8, mask=True, bias=True), SequenceTransformer(Shape(8, 1, 2, 7, 0.3), causal=False), ask="mask")
    return stage(module, objective=MaskedItems(FullSoftmax(), rate=0.4), view=ItemSequences(histories(), 7, overlap=0, targets=40))


def accumulating() -> Stage:
    return stage(descent=Descent(lr=0.01, accumulate=3, clip=0.5, weight_decay=0.1, schedule=Schedule(warmup=5)))


def several() -> Stage:
    return stage(objective=WeightedSum([(1.0, "next", NextItem(FullSoftmax())), (0.5, "drawn", NextItem(GBCE(Negatives(4))))]))


STAGES: dict[str, Callable[[], Stage]] = {"next item": stage, "cloze": cloze, "accumulating": accumulating, "several": several}


def die(made: Stage, step: int, place: Path, *, at_look: bool = False, **more: Any) -> None:
    with pytest.raises(Killed):
        train(made, checkpoint=place, watch=KillAt(step, at_look=at_look), **more)


@pytest.mark.parametrize("kind", STAGES)
@pytest.mark.parametrize(("step", "at_look"), [(1, False), (5, False), (8, True), (13, False), (24, False)])
def test_a_killed_training_ends_as_the_unbroken_one(kind: str, step: int, at_look: bool, tmp_path: Path) -> None:
    unbroken, broken, resumed = STAGES[kind](), STAGES[kind](), STAGES[kind]()
    place, notes = tmp_path / "now.safetensors", Notes()
    expected = train(unbroken, steps=24, validate=weight_sum)
    die(broken, step, place, at_look=at_look, steps=24, validate=weight_sum)
    found = train(resumed, steps=24, validate=weight_sum, checkpoint=place, watch=notes)
    assert same(unbroken.module, resumed.module)
    assert notes.began == [("toy", step - 1)], "the step in which it died is done again, and none before it"
    assert (found.steps, found.best, found.best_step, found.ended) == (expected.steps, expected.best, expected.best_step, expected.ended)
    assert [{**line, "seconds": 0} for line in found.history] == [{**line, "seconds": 0} for line in expected.history]


def test_killed_again_and_again(tmp_path: Path) -> None:
    unbroken, place = stage(), tmp_path / "now.safetensors"
    train(unbroken, steps=20, validate=weight_sum)
    for step in (3, 4, 11, 12, 19):
        die(stage(), step, place, steps=20, validate=weight_sum)
    resumed = stage()
    train(resumed, steps=20, validate=weight_sum, checkpoint=place)
    assert same(unbroken.module, resumed.module)


def test_killed_while_cooling_down(tmp_path: Path) -> None:
    """The plateau, the best weights and the fall are all in the checkpoint."""

    def falling(module: nn.Module, metric: str) -> float:
        return -weight_sum(module, metric)

    def made() -> Stage:
        return stage(descent=Descent(lr=0.05, schedule=Schedule(warmup=2, patience=1, cooldown=1.0)))

    unbroken, resumed = made(), made()
    expected = train(unbroken, validate=falling)
    cooling = next(line["step"] for line, after in zip(expected.history, expected.history[1:], strict=False) if after["ndcg@10"] <= line["ndcg@10"]) + 6
    assert cooling < expected.steps and expected.ended == "no improvement"
    die(made(), int(cooling), tmp_path / "now", validate=falling)
    found = train(resumed, validate=falling, checkpoint=tmp_path / "now")
    assert same(unbroken.module, resumed.module) and found.steps == expected.steps and found.best_step == expected.best_step


def test_the_seconds_of_a_broken_training_count(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(stage(), budget=Budget(seconds=300), checkpoint=tmp_path / "now", watch=KillAt(4), validate=weight_sum)
    state = Checkpoint.read(tmp_path / "now")
    Checkpoint(state.state | {"seconds": 400.0}, state.tensors).write(tmp_path / "now")
    found = train(stage(), budget=Budget(seconds=300), checkpoint=tmp_path / "now", validate=weight_sum)
    assert found.steps == 3 and found.ended == "budget" and found.seconds >= 400


def test_a_damaged_checkpoint_stops_with_a_sentence(tmp_path: Path) -> None:
    place = tmp_path / "now.safetensors"
    die(stage(), 3, place, steps=9)
    place.write_bytes(place.read_bytes()[:-5])
    with pytest.raises(RunError, match="the checkpoint is damaged"):
        train(stage(), steps=9, checkpoint=place)


def test_a_resumed_stage_still_proves_what_was_frozen(tmp_path: Path) -> None:
    """What was frozen is held against the weights from before the stage, not against the checkpoint."""
    made, place = stage(strategy=External()), tmp_path / "now.safetensors"
    made.module.head = nn.Linear(8, 8)
    die(made, 3, place, steps=9)
    checkpoint = Checkpoint.read(place)
    checkpoint.tensors["module.items.weight"][0, 0] += 1
    checkpoint.write(place)
    again = stage(strategy=External())
    again.module.head = nn.Linear(8, 8)
    with pytest.raises(StrategyError, match=r"frozen parameters moved: items\.weight"):
        train(again, steps=9, checkpoint=place)


OTHER_DOMAIN = histories(seed=5, count=60)


class TwoStages(System["TwoStages.Config"]):
    """Pre-trained on one domain; on another, what was built on it is tuned, and in the end everything is left alone."""

    card = Card("two-stages", "-", "A toy.", Paradigm.EXTERNAL, (Target.AUTOREGRESSIVE,), Question.SEQUENTIAL, (DataType.SEQUENCE,))

    @dataclass(frozen=True)
    class Config:
        steps: int = setting(12, "steps of each stage")

    def build(self, sizes: Sizes) -> SequenceRecommender:
        items, backbone = ItemTable(sizes.items, 8, scale=2.0), SequenceTransformer(Shape(8, 1, 2, 6, 0.2), causal=True)
        return SequenceRecommender(items, backbone, head=nn.Linear(8, 8))

    def stages(self, split: Split) -> Iterator[Stage]:
        first = self.build(split.sizes)
        budget, descent = Budget(steps=self.config.steps), Descent(lr=0.02, schedule=Schedule(warmup=2))
        objective = NextItem(BCE(Negatives(3)))
        yield Stage("pretrain", first, ItemSequences(OTHER_DOMAIN, 7, 1, 32), objective, PretrainOnly(), budget, 0.5, descent, monitor=None)
        # The head begins anew: its first weights must follow the seed, also after a resume.
        second = SequenceRecommender(first.items, first.backbone, head=nn.Linear(8, 8))
        yield Stage("tune", second, ItemSequences(split.train, 7, 1, 32), objective, External(), budget, 0.5, descent)
        yield Stage("serve", second, strategy=TuningFree(), share=0.0)


@pytest.fixture(scope="module")
def toy() -> Split:
    data = circle(40)
    return split(Dataset.build(data.interactions.filter(pl.col("item").cast(pl.Int32) < ITEMS)))


def fit(toy: Split, folder: Path | None = None, watch: Any = None, seed: int = 3) -> Any:
    return fit_system(TwoStages.create(), toy, seed=seed, folder=folder, watch=watch)


class Stages(Notes):
    """Remembers the modules of the stages, and dies where told."""

    def __init__(self, dies: str = "", at: int = 0) -> None:
        super().__init__()
        self.dies, self.at = dies, at

    def begin(self, stage: str, step: int) -> None:
        super().begin(stage, step)
        if stage == self.dies and self.at == 0:
            raise Killed

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        super().stepped(step, targets, used, loss)
        if self.began[-1][0] == self.dies and self.at == step:
            raise Killed


def test_two_domains_two_strategies(toy: Split, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        fit(toy, tmp_path, Stages("tune"))
    before = Checkpoint.read(tmp_path / "stage-0.safetensors").tensors
    fitted = fit(toy)
    after = fitted.recommender.module.state_dict()
    for name, value in after.items():
        if name.startswith(("items.", "backbone.")):
            assert torch.equal(value.cpu(), before[name]), f"{name} is frozen"
    assert not torch.equal(after["head.weight"].cpu(), before["head.weight"])
    assert [(line.name, line.ended, line.steps) for line in fitted.stages] == [
        ("pretrain", "budget", 12),
        ("tune", "budget", 12),
        ("serve", "nothing to train", 0),
    ]
    assert fitted.stages[1].trained_parameters == 72 < fitted.stages[1].parameters


@pytest.mark.parametrize(("dies", "at", "again"), [("pretrain", 5, [("pretrain", 4), ("tune", 0)]), ("tune", 0, [("tune", 0)]), ("tune", 7, [("tune", 6)])])
def test_killed_in_and_between_stages(toy: Split, tmp_path: Path, dies: str, at: int, again: list[tuple[str, int]]) -> None:
    with pytest.raises(Killed):
        fit(toy, tmp_path, Stages(dies, at))
    notes = Stages()
    resumed = fit(toy, tmp_path, notes)
    assert notes.began == again, "a finished stage is not trained again"
    assert same(fit(toy).recommender.module, resumed.recommender.module)
    assert [line.steps for line in resumed.stages] == [12, 12, 0]


def test_killed_after_a_stage_is_kept_and_before_its_checkpoint_is_gone(toy: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next stage must not take the leftover for its own."""
    write = Checkpoint.write

    def write_and_die(self: Checkpoint, path: Path) -> None:
        write(self, path)
        if path.name.startswith("stage-"):
            raise Killed

    monkeypatch.setattr(Checkpoint, "write", write_and_die)
    with pytest.raises(Killed):
        fit(toy, tmp_path)
    monkeypatch.setattr(Checkpoint, "write", write)
    notes = Stages()
    resumed = fit(toy, tmp_path, notes)
    assert notes.began == [("tune", 0)] and same(fit(toy).recommender.module, resumed.recommender.module)


SCRIPT = """
import sys
from tastelm.train import run
run.CHECKPOINT_SECONDS, run.CHECKPOINT_SHARE = 0.0, float("inf")
from tastelm.cli import main
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_kill_nine(tmp_path: Path) -> None:
    """A real process on the real command line, killed three times without a warning."""
    circle(120).interactions.write_csv(tmp_path / "log.csv")

    def start(folder: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", SCRIPT, "--threads", "1", "fit", "sasrec", "--data", str(tmp_path / "log.csv"), "--out", str(tmp_path / folder)]
        settings = ["--budget", "200steps", "--seed", "5", "--set", "dim=16", "--set", "batch=64", "--set", "dropout=0.3", "--set", "loss=sampled"]
        return subprocess.Popen([*command, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def step(folder: str) -> int:
        files = list((tmp_path / folder / "checkpoint").glob("*.safetensors"))
        try:
            return max((int(Checkpoint.read(path).state.get("step", 0)) for path in files), default=0)
        except RunError:  # the file was replaced or removed between the two
            return 0

    whole = start("whole")
    assert whole.wait(timeout=120) == 0, whole.stderr.read().decode() if whole.stderr else ""
    reached, killed = 0, 0
    for more in (17, 50, 31):
        process, wanted = start("broken"), reached + more
        while process.poll() is None and step("broken") < wanted:
            time.sleep(0.02)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        assert process.wait(timeout=120) in (0, -signal.SIGKILL)
        reached = step("broken")
    assert killed == 3 and reached >= 17 + 50 + 31
    assert not (tmp_path / "broken" / "manifest.json").exists(), "a broken run is none"
    last = start("broken")
    assert last.wait(timeout=120) == 0, last.stderr.read().decode() if last.stderr else ""
    assert (tmp_path / "broken" / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert not (tmp_path / "broken" / "checkpoint").exists()
