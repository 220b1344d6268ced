"""The loop: when it ends, what it keeps, and what it refuses."""

import json
import math
import os
import signal
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import ClozeHead, SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.masked import MaskedItems
from tastelm.strategies import TuningFree
from tastelm.train import run
from tastelm.train.budget import Budget
from tastelm.train.checkpoint import Checkpoint
from tastelm.train.progress import Silent
from tastelm.train.schedule import Schedule
from tastelm.train.stage import Descent, Stage
from tastelm.views import ItemSequences

from .toys import ITEMS, Line, Notes, Points, Scripted, encoder, histories, same, squares, stage, train, weight_sum


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOOK_AT_LEAST", 4)
    monkeypatch.setenv("TASTELM_DEVICE", "cpu")  # where the toys are


def line(**more: object) -> Stage:
    return replace(Stage("line", Line(), Points(4), squares, descent=Descent(lr=0.1, schedule=Schedule(warmup=1))), **more)  # type: ignore[arg-type]


def test_it_ends_when_validation_no_longer_improves_and_keeps_the_best_weights() -> None:
    made, validate, notes = line(), Scripted(0.1, 0.5, 0.3, 0.4, 0.5, 0.2), Notes()
    found = train(made, validate=validate, watch=notes)
    assert (found.ended, found.best, found.best_step) == ("no improvement", 0.5, 8)
    assert found.steps == 20 + 10, "looks every 4 steps, the third without improvement at 20, and a fall over half of that"
    assert all(torch.equal(value, validate.seen[1][name]) for name, value in made.module.state_dict().items())
    assert [entry["step"] for entry in found.history] == [4, 8, 12, 16, 20, 24, 28, 30]
    assert [entry["ndcg@10"] for entry in found.history] == [0.1, 0.5, 0.3, 0.4, 0.5, 0.2, 0.2, 0.2]
    assert notes.lines == found.history and notes.bests[-1] == 0.5 and found.epochs == 7.5


def test_judges_choose_the_weights_by_their_own_loss() -> None:
    """The judges' rows pull a number elsewhere than those trained on, so that their loss rises after a while; validation is not asked."""

    class Judges(Points):
        def batches(self, epoch: int, seed: int) -> list[torch.Tensor]:
            return [torch.arange(8), torch.arange(2)]

    made = line(judges=Judges(4), monitor="likelihood")
    found = train(made, validate=Scripted(), budget=Budget(epochs=40))
    looks = [entry["likelihood"] for entry in found.history]
    assert found.best == max(looks) and found.ended == "no improvement" and looks[-1] < found.best
    with torch.no_grad():
        loss = sum(float(squares(made.module, rows, np.random.default_rng(0)).loss) * len(rows) for rows in (torch.arange(8), torch.arange(2))) / 10
    assert found.best == pytest.approx(-loss)


def test_better_weights_found_while_cooling_are_kept() -> None:
    made, validate = line(), Scripted(0.5, 0.1, 0.1, 0.1, 0.9)
    found = train(made, validate=validate)
    assert (found.best, found.best_step) == (0.9, 20)
    assert all(torch.equal(value, validate.seen[4][name]) for name, value in made.module.state_dict().items())


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_budget_in_steps(steps: int) -> None:
    notes = Notes()
    found = train(line(monitor=None), steps=steps, watch=notes)
    assert found.steps == steps and found.ended == "budget" and notes.steps == list(range(1, steps + 1))
    assert found.best is None and [entry["step"] for entry in found.history] == sorted({*range(4, steps + 1, 4), steps})
    assert notes.used == pytest.approx([step / steps for step in range(steps)])


def test_no_look_is_taken_twice() -> None:
    """A budget that ends where a look was due leaves one line, and no loss that is not a number."""
    validate = Scripted(0.1)
    found = train(line(), steps=8, validate=validate)
    assert [entry["step"] for entry in found.history] == [4, 8] and len(validate.seen) == 2
    assert all(math.isfinite(entry["loss"]) for entry in found.history)


def test_a_budget_in_epochs() -> None:
    found = train(line(monitor=None), budget=Budget(epochs=2.5))
    assert found.steps == 10 and found.epochs == 2.5


def test_a_budget_in_seconds() -> None:
    began = time.perf_counter()
    found = train(line(monitor=None), budget=Budget(seconds=0.2))
    assert found.ended == "budget" and 0.2 <= found.seconds <= time.perf_counter() - began < 5 and found.steps > 3


def test_the_budget_of_the_stage_and_of_the_user_both_count() -> None:
    assert train(line(monitor=None, budget=Budget(steps=3)), steps=9).steps == 3
    assert train(line(monitor=None, budget=Budget(steps=9)), steps=3).steps == 3


def test_a_budget_that_is_over_before_the_first_step_is_said_to_be_too_short() -> None:
    with pytest.raises(SettingError, match=r"stage 'line': the budget is over before the first step\. Give more with --budget\."):
        train(line(), budget=Budget(seconds=1e-9), validate=Scripted(0.1))


def test_without_validation_the_last_weights_are_kept() -> None:
    made, ever = line(monitor=None), line(monitor=None)
    validate = Scripted(0.9, 0.1)
    train(made, steps=8, validate=validate)
    train(ever, steps=8)
    assert not validate.seen and same(made.module, ever.module)


def test_nothing_to_validate_on_and_no_budget_would_never_end() -> None:
    for made, validate in ((line(), None), (line(monitor=None), weight_sum)):
        with pytest.raises(SettingError, match="stage 'line' has nothing to validate on and no budget, so it would never end"):
            train(made, validate=validate)


def test_nothing_to_learn_from() -> None:
    view = ItemSequences(Sequences.of([[1], [2], []]), 7, overlap=1, targets=32)
    with pytest.raises(SettingError, match="stage 'toy': the training part holds nothing to learn from; no history is long enough"):
        train(stage(view=view), steps=3)


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "nan"), (float("inf"), "inf")])
def test_a_loss_that_is_no_number_ends_the_training(value: float, word: str) -> None:
    def broken(module: nn.Module, batch: torch.Tensor, rng: np.random.Generator) -> Outcome:
        outcome = squares(module, batch, rng)
        return Outcome(outcome.loss * value if 3 in batch else outcome.loss, outcome.targets)

    with pytest.raises(SettingError, match=rf"stage 'line': the loss is {word} at step \d\. Lower the learning rate \(--set lr=\.\.\.\)\."):
        train(line(objective=broken), steps=8)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_no_number_ends_the_training(value: float) -> None:
    """As where a sum overflows on the way back alone."""

    def broken(module: nn.Module, batch: torch.Tensor, rng: np.random.Generator) -> Outcome:
        outcome = squares(module, batch, rng)
        if 3 in batch:
            outcome.loss.register_hook(lambda gradient: gradient * value)  # type: ignore[no-untyped-call]
        return outcome

    with pytest.raises(SettingError, match=r"stage 'line': the norm of the gradient is (nan|inf) at step \d\. Lower the learning rate \(--set lr=\.\.\.\)\."):
        train(line(objective=broken, descent=Descent(lr=0.1, clip=1.0, schedule=Schedule(warmup=1))), steps=8)


def test_the_loss_falls_to_what_can_be_reached() -> None:
    made = line(monitor=None, descent=Descent(lr=0.1, schedule=Schedule(warmup=1)))
    train(made, steps=400)
    wanted = torch.tensor([(0 + 6 + 12) / 3, (1 + 7 + 13) / 3, (2 + 8 + 14) / 3, (3 + 9 + 15) / 3, (4 + 10) / 2, (5 + 11) / 2]) / 4
    torch.testing.assert_close(made.module.backbone.weight[:, 0].detach(), wanted, atol=0.05, rtol=0)  # type: ignore[index, union-attr]


def test_accumulated_batches_equal_one_large_one() -> None:
    large, small = line(view=Points(8), monitor=None), line(view=Points(2), monitor=None, descent=Descent(lr=0.1, accumulate=4, schedule=Schedule(warmup=1)))
    notes = [Notes(), Notes()]
    found = [train(made, steps=9, watch=watch) for made, watch in zip((large, small), notes, strict=True)]
    assert found[0].steps == found[1].steps == 9 and found[0].epochs == found[1].epochs and notes[0].targets == notes[1].targets == [8] * 9
    np.testing.assert_allclose(notes[0].losses, notes[1].losses, rtol=1e-5)
    for a, b in zip(large.module.parameters(), small.module.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_what_is_left_of_an_epoch_makes_a_step_of_its_own() -> None:
    notes = Notes()
    train(line(view=Points(4), monitor=None, descent=Descent(accumulate=3)), steps=4, watch=notes)
    assert notes.targets == [12, 4, 12, 4]


@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_clipping_bounds_the_gradient(clip: float) -> None:
    made = line(monitor=None, descent=Descent(lr=0.1, clip=clip))
    train(made, steps=1)
    norm = float(torch.stack([value.grad.norm() for value in made.module.parameters()]).norm())  # type: ignore[union-attr]
    assert (norm <= 0.01 * 1.001) == (clip > 0) and norm > 0.0099


def test_decay_shrinks_matrices_and_leaves_vectors_alone() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Linear(4, 4)

    def nothing(module: Both, batch: torch.Tensor, rng: np.random.Generator) -> Outcome:
        return Outcome(0.0 * (module.backbone.weight.sum() + module.backbone.bias.sum()), 1)

    made = Both()
    weight, bias = made.backbone.weight.detach().clone(), made.backbone.bias.detach().clone()
    descent = Descent(lr=0.1, weight_decay=0.5, schedule=Schedule("constant", warmup=1))
    train(Stage("decay", made, Points(4), nothing, budget=Budget(steps=2), descent=descent, monitor=None))  # type: ignore[arg-type]
    torch.testing.assert_close(made.backbone.weight.detach(), weight * 0.95**2)
    assert torch.equal(made.backbone.bias.detach(), bias)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    made = [stage() for _ in range(3)]
    found = [train(one, steps=12, seed=seed, watch=notes) for one, seed, notes in zip(made, (3, 3, 4), (Notes(), Notes(), Notes()), strict=True)]
    assert same(made[0].module, made[1].module) and not same(made[0].module, made[2].module)
    assert found[0].history[0]["loss"] == found[1].history[0]["loss"]


def test_training_leaves_the_callers_random_numbers_alone() -> None:
    made = stage(monitor=None)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(made, steps=3)
    assert torch.equal(torch.rand(3), expected)


def test_a_watch_and_a_validation_change_nothing() -> None:
    watched, alone = stage(), stage(monitor=None)
    state: list[float] = []

    class Noisy(Silent):
        def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
            state.append(float(torch.rand(1)))  # draws from the generator that dropout uses
            np.random.rand()

    train(watched, steps=12, validate=Scripted(*range(9)), watch=Noisy())  # type: ignore[arg-type]
    train(alone, steps=12)
    assert same(watched.module, alone.module) and state


def test_ctrl_c_writes_a_checkpoint_and_interrupts(tmp_path: Path) -> None:
    place, usual = tmp_path / "now.safetensors", signal.getsignal(signal.SIGINT)

    class Press(Silent):
        def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
            if step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(stage(), steps=50, checkpoint=place, watch=Press())
    assert Checkpoint.read(place).state["step"] == 3 and signal.getsignal(signal.SIGINT) is usual
    resumed, unbroken = stage(), stage()
    train(resumed, steps=50, checkpoint=place)
    train(unbroken, steps=50)
    assert same(resumed.module, unbroken.module)


def test_ctrl_c_twice_interrupts_at_once(tmp_path: Path) -> None:
    class Press(Silent):
        def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the second one did not interrupt")

    usual = signal.getsignal(signal.SIGINT)  # a shell starts what runs behind it with the signal ignored
    with pytest.raises(KeyboardInterrupt):
        train(stage(), steps=50, checkpoint=tmp_path / "now.safetensors", watch=Press())
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_closed_form_is_solved_at_once_and_a_free_stage_left_alone() -> None:
    module = Line()
    solved = train(Stage("solve", module, solve=lambda: module.backbone.weight.fill_(7.0)))
    assert (module.backbone.weight == 7).all() and (solved.ended, solved.steps, solved.trained_parameters, solved.parameters) == ("closed form", 0, 0, 18)
    free = train(Stage("free", module, strategy=TuningFree()))
    assert (module.backbone.weight == 7).all() and (free.ended, free.steps, free.best) == ("nothing to train", 0, None)


def test_what_is_said_of_a_stage_is_plain() -> None:
    found = train(line(), steps=8, validate=Scripted(0.1, 0.2))
    assert json.loads(json.dumps(asdict(found)))["history"] == found.history
    assert (found.name, found.trained_parameters, found.parameters) == ("line", 18, 18)


@pytest.mark.parametrize("norm", ["pre", "post", "query"])
@pytest.mark.parametrize("cloze", [False, True])
def test_mixed_precision_follows_full_precision(norm: str, cloze: bool) -> None:
    def learn(precision: str) -> tuple[list[float], SequenceRecommender]:
        torch.manual_seed(0)
        items = ItemTable(ITEMS, 8, scale=2.0, mask=cloze, bias=cloze)
        backbone = SequenceTransformer(Shape(8, 1, 2, 7, 0.1, norm=norm), causal=not cloze)  # type: ignore[arg-type]
        module = SequenceRecommender(items, backbone, head=ClozeHead(8) if cloze else None, ask="mask" if cloze else "last")
        objective = MaskedItems(FullSoftmax()) if cloze else NextItem(FullSoftmax())
        descent, notes = Descent(lr=0.02, clip=1.0, precision=precision, schedule=Schedule(warmup=2)), Notes()  # type: ignore[arg-type]
        train(stage(module, objective=objective, descent=descent, monitor=None), steps=40, watch=notes)
        return notes.losses, module

    (half, module), (full, _) = learn("bf16-mixed"), learn("32-true")
    np.testing.assert_allclose(half, full, atol=0.15)
    assert half != full and len(half) == 40, "and it was not full precision under another name"
    assert cloze or np.mean(half[-8:]) < np.mean(half[:8]) - 0.2
    assert all(value.dtype == torch.float32 for value in module.parameters())
    assert module.eval().item_scores(histories(), np.full(40, -1, np.int32)).isfinite().all()


def test_the_encoder_of_the_toys_learns() -> None:
    notes = Notes()
    train(stage(encoder(dropout=0.0), objective=NextItem(FullSoftmax()), monitor=None), steps=150, watch=notes)
    assert np.mean(notes.losses[-10:]) < 1.6 < 2.2 < np.mean(notes.losses[:10]), "the order of the circle is found; its noise leaves 0.8"
