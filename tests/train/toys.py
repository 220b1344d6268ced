"""Small stages for the loop to be tried on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import GBCE, Negatives
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent, Watch
from tastelm.train.run import Trained, run_stage
from tastelm.train.schedule import Schedule
from tastelm.train.stage import Descent, Stage
from tastelm.views import ItemSequences

ITEMS = 12


def histories(seed: int = 0, count: int = 40) -> Sequences:
    """Walks around a circle of items, with jumps."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        steps = np.where(rng.random(int(rng.integers(3, 16))) < 0.8, 1, rng.integers(ITEMS))
        rows.append((rng.integers(ITEMS) + np.cumsum(steps)) % ITEMS)
    return Sequences.of(rows)


def encoder(seed: int = 0, dropout: float = 0.2) -> SequenceRecommender:
    torch.manual_seed(seed)
    return SequenceRecommender(ItemTable(ITEMS, 8, scale=2.0), SequenceTransformer(Shape(8, 1, 2, 6, dropout), causal=True))


def stage(module: nn.Module | None = None, **more: Any) -> Stage:
    """A stage with everything that is random: windows, dropout and negatives; some ten batches an epoch."""
    made = Stage(
        "toy",
        module or encoder(),
        ItemSequences(histories(), 7, overlap=1, targets=32),
        NextItem(GBCE(Negatives(4))),
        descent=Descent(lr=0.01, schedule=Schedule(warmup=5)),
    )
    return replace(made, **more)


class Scripted:
    """Validation that says what it is told to, and remembers the weights it saw."""

    def __init__(self, *values: float) -> None:
        self.values, self.seen = list(values), list[dict[str, Tensor]]()

    def __call__(self, module: nn.Module, metric: str) -> float:
        assert not module.training and metric == "ndcg@10"
        self.seen.append({name: value.clone() for name, value in module.state_dict().items()})
        return self.values[min(len(self.seen), len(self.values)) - 1]


def weight_sum(module: nn.Module, metric: str) -> float:
    """A validation that depends on the weights and nothing else."""
    return float(sum(value.double().sum() for value in module.parameters()).detach())  # type: ignore[union-attr]


def train(
    made: Stage, *, steps: float = float("inf"), validate: Callable[[nn.Module, str], float] | None = None,
    checkpoint: Path | None = None, watch: Watch | None = None, seed: int = 3, budget: Budget | None = None,
) -> Trained:  # fmt: skip
    return run_stage(made, seed=seed, budget=budget or Budget(steps=steps), validate=validate, checkpoint=checkpoint, watch=watch or Silent())


class Killed(Exception):
    """A process dies."""


class KillAt(Silent):
    """Dies when a step, or a look after a step, is reached."""

    def __init__(self, step: int, *, at_look: bool = False) -> None:
        self.step, self.at_look, self.began = step, at_look, list[int]()

    def begin(self, stage: str, step: int) -> None:
        self.began.append(step)

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        if step == self.step and not self.at_look:
            raise Killed

    def looked(self, line: Mapping[str, float], best: float) -> None:
        if line["step"] == self.step and self.at_look:
            raise Killed


class Notes(Silent):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.steps, self.losses, self.used, self.targets = list[int](), list[float](), list[float](), list[int]()
        self.lines, self.bests, self.began = list[Mapping[str, float]](), list[float](), list[tuple[str, int]]()

    def begin(self, stage: str, step: int) -> None:
        self.began.append((stage, step))

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        self.steps.append(step)
        self.losses.append(loss)
        self.used.append(used)
        self.targets.append(targets)

    def looked(self, line: Mapping[str, float], best: float) -> None:
        self.lines.append(dict(line))
        self.bests.append(best)


def same(first: nn.Module, second: nn.Module) -> bool:
    """Whether two modules are equal to the bit."""
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Line(nn.Module):
    """Numbers to be fitted by least squares: no randomness at all."""

    def __init__(self, count: int = 6) -> None:
        super().__init__()
        self.backbone = nn.Embedding(count, 3)
        nn.init.constant_(self.backbone.weight, 0.1)


class Points:
    """16 rows an epoch, in batches of `size`, in another order every epoch."""

    def __init__(self, size: int) -> None:
        self.size = size

    def batches(self, epoch: int, seed: int) -> list[Tensor]:
        order = torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(16))
        return list(order.split(self.size))


def squares(module: nn.Module, batch: Tensor, rng: np.random.Generator) -> Outcome:
    """Each row pulls a number towards itself."""
    return Outcome((module.backbone(batch % 6) - batch[:, None] / 4).square().mean(), len(batch))  # type: ignore[operator]


def parameters(module: nn.Module) -> Iterator[Tensor]:
    return (value.detach().clone() for value in module.parameters())
