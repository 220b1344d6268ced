"""PeterRec: a convolutional network pre-trained on behaviour, adapted by small patches while everything else stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.convolution import DilatedEncoder
from tastelm.nn.items import ItemTable
from tastelm.nn.patched import PatchedRecommender
from tastelm.settings import among, setting, span
from tastelm.strategies import Holistic, Partial
from tastelm.systems.common import SequenceConfig, SequenceSystem, next_item
from tastelm.train.stage import Stage


class PeterRec(SequenceSystem["PeterRec.Config"]):
    """Parameter-efficient transfer (Yuan et al., 2020): NextItNet pre-trained for the next item, then patches (serial, Fig. 3) are trained
    while all else is frozen.

    Deviations: pre-trained and tuned on one data set, first on whole histories in windows, then on the newest window of each;
    norms stay frozen too; the item table is read and scored by, so no softmax is trained anew. `tune=all` tunes everything instead.
    """

    card = Card(
        name="peterrec",
        paper="Yuan et al. 2020, Parameter-Efficient Transfer from Sequential Behaviors for User Modeling and Recommendation",
        summary="Adapts a trained network with under a tenth of its parameters; one network for many tasks.",
        paradigm=Paradigm.PARTIAL,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(SequenceConfig):
        layers: int = setting(2, "residual blocks, of two convolutions each", source="8 in the paper", at_least=1, at_most=32, search=span(1, 4))
        kernel: int = setting(3, "items that a convolution looks at", source="Yuan et al. 2020", at_least=1, at_most=31)
        bottleneck: int = setting(8, "width of a patch at its waist", source="dim / 4 in the paper", at_least=1, search=among(4, 8, 16))
        tune: Literal["patches", "all"] = setting("patches", "what the second stage may change", source="Yuan et al. 2020")
        tune_lr: float = setting(
            1e-3, "peak learning rate of the second stage", source="5e-4 to 1e-3 in the paper", above=0, at_most=1, search=span(3e-4, 5e-3, log=True)
        )

    def build(self, sizes: Sizes) -> PatchedRecommender:
        config = self.config
        encoder = DilatedEncoder(
            config.dim, dilations=tuple((1, 4)[index % 2] for index in range(config.layers)), kernel=config.kernel,
            max_len=config.max_len, dropout=config.dropout, causal=True,
        )  # fmt: skip
        return PatchedRecommender(ItemTable(sizes.items, config.dim, scale=config.dim**0.5), encoder, config.bottleneck)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module = self.config, self.build(split.sizes)
        stage = next_item(module, split, config)
        yield replace(stage, name="pre-train", strategy=Partial(frozenset({"items", "backbone"})), share=0.7)
        tuned = next_item(module, split, replace(config, lr=config.tune_lr), windows="last")
        strategy = Holistic() if config.tune == "all" else Partial(frozenset({"patches"}))
        yield replace(tuned, name="tune", strategy=strategy, share=0.3)
