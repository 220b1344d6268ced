"""NextItNet: dilated convolutions that look further and further back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.convolution import DilatedEncoder, widening
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender
from tastelm.settings import setting, span
from tastelm.systems.common import SequenceConfig, SequenceSystem, next_item
from tastelm.train.stage import Stage


class NextItNet(SequenceSystem["NextItNet.Config"]):
    """A simple convolutional generative network for next item recommendation (Yuan et al., 2019): causal convolutions 1, 2, 4, 8 items apart,
    in residual blocks of two, of the second kind in the paper.

    Deviations: items are scored by the vectors that are read (`tied=false` for the paper's softmax layer); AdamW instead of Adam, with the
    library's schedule; a long history is learnt from in windows.
    """

    card = Card(
        name="nextitnet",
        paper="Yuan et al. 2019, A Simple Convolutional Generative Network for Next Item Recommendation",
        summary="Convolutions that reach 30 items back in two blocks, and 60 in four.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SESSION,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(SequenceConfig):
        layers: int = setting(2, "residual blocks, of two convolutions each", at_least=1, at_most=32, search=span(1, 4))
        kernel: int = setting(3, "items that a convolution looks at", source="Yuan et al. 2019", at_least=2, at_most=31)
        tied: bool = setting(True, "score items by the vectors that are read", source="false in the paper")

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        encoder = DilatedEncoder(
            config.dim, dilations=widening(config.layers), kernel=config.kernel, max_len=config.max_len, dropout=config.dropout, causal=True
        )
        return SequenceRecommender(ItemTable(sizes.items, config.dim, tied=config.tied, scale=config.dim**0.5), encoder)

    def stages(self, split: Split) -> Iterator[Stage]:
        yield next_item(self.build(split.sizes), split, self.config)
