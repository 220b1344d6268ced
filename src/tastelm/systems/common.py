"""What sequence systems share: their settings, how their window follows the data, and the stage that learns the next item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeVar

import torch

from tastelm.data.split import Split
from tastelm.nn.sequence import SequenceRecommender, check_heads, window_for
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import Objective
from tastelm.objectives.item_loss import ItemLoss, LossName, item_loss
from tastelm.settings import among, setting, span
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.schedule import Schedule
from tastelm.train.stage import Descent, Stage
from tastelm.views import ItemSequences

# Losses against drawn negatives climb slowly and rest on plateaus, at popularity first, that the full softmax does not know.
SLOWER = 4


@dataclass(frozen=True)
class SequenceConfig:
    """Settings of every system that trains an encoder of item sequences. A system overrides the defaults that its paper or its validation wants."""

    dim: int = setting(64, "width of the item vectors and states", at_least=2, search=among(32, 64, 128))
    max_len: int = setting(
        0, "items of a history that are read; 0: what holds 95 % of the histories whole, 20 to 200", source="50, 200 in the papers", at_least=0
    )
    dropout: float = setting(0.4, "share of units dropped in training", at_least=0, at_most=0.95, search=span(0.1, 0.6))
    lr: float = setting(3e-3, "peak learning rate of AdamW", above=0, at_most=1, search=span(5e-4, 5e-3, log=True))
    weight_decay: float = setting(0.0, "decoupled decay of the weight matrices", at_least=0)
    loss: LossName = setting("full", "over the whole catalogue, or against drawn negatives")
    negatives: int = setting(256, "items drawn in a step by the losses that sample", at_least=1)
    softmax: Literal["float32", "bfloat16"] = setting("float32", "how training scores the whole catalogue; bfloat16 halves the time on processors that have it")
    batch: int = setting(768, "predictions in a step", at_least=1)
    max_epochs: int = setting(200, "ceiling; training usually ends on its own before", at_least=1)

    @property
    def half(self) -> bool:
        """Whether the softmax is in half precision."""
        return self.softmax == "bfloat16"

    def item_loss(self) -> ItemLoss:
        """What `loss` and `negatives` name."""
        return item_loss(self.loss, negatives=self.negatives, half=self.half)

    def descent(self, *, patience: int = 3) -> Descent:
        """How the weights go downhill; `patience` looks without improvement before they cool down, more where few items are looked at in a step."""
        waits = patience if self.loss == "full" else SLOWER * patience
        return Descent(lr=self.lr, weight_decay=self.weight_decay, schedule=Schedule(patience=waits))


@dataclass(frozen=True)
class TransformerConfig(SequenceConfig):
    """Settings of the systems whose encoder is a transformer."""

    layers: int = setting(2, "transformer blocks", at_least=1, at_most=64, search=span(1, 3))
    heads: int = setting(2, "attention heads; dim must be a multiple", at_least=1, search=among(1, 2, 4))

    def __post_init__(self) -> None:
        check_heads(self.dim, self.heads, getattr(self, "positions", "start"))


C = TypeVar("C", bound=SequenceConfig)
Term = tuple[float, str, Objective]


class SequenceSystem(System[C]):
    """A system whose window follows the data. `asks` places more than the history takes stand in it: 1 for a mask behind it."""

    asks: ClassVar[int] = 0

    def settle(self, split: Split) -> SequenceSystem[C]:
        return type(self)(replace(self.config, max_len=self.config.max_len or window_for(split.train.lengths + self.asks)))


def next_item(
    module: SequenceRecommender, split: Split, config: SequenceConfig, *, objective: Objective | None = None,
    windows: Literal["all", "last"] = "all", patience: int = 3,
) -> Stage:  # fmt: skip
    """The stage of every system that learns the next item of each prefix; strangers without a history get what is popular.

    objective  another than the next item under the loss of `config`; its batches are the same
    """
    module.prior.copy_(torch.from_numpy(split.popularity))
    return Stage(
        "next item",
        module,
        view=ItemSequences(split.train, config.max_len + 1, overlap=1, targets=config.batch, windows=windows),
        objective=objective or NextItem(config.item_loss()),
        budget=Budget(epochs=config.max_epochs),
        descent=config.descent(patience=patience),
    )


def hidden_items(
    name: str, module: SequenceRecommender, split: Split, config: SequenceConfig, objective: Objective, *,
    windows: Literal["all", "last"] = "all", least: int = 1,
) -> Stage:  # fmt: skip
    """The stage of every system that learns items hidden in their histories of `least` items or more; few are asked for in a step, so it is patient."""
    view = ItemSequences(split.train, config.max_len, overlap=0, targets=config.batch, windows=windows, least=least)
    return replace(next_item(module, split, config, objective=objective, patience=5), name=name, view=view)
