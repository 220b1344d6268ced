"""GRec: fill in gaps with an encoder that looks both ways and a decoder that looks back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.convolution import DilatedEncoder, widening
from tastelm.nn.gaps import GapFiller
from tastelm.nn.items import ItemTable
from tastelm.objectives.masked import MaskedItems
from tastelm.settings import setting, span
from tastelm.systems.common import SequenceConfig, SequenceSystem, hidden_items
from tastelm.train.stage import Stage


class GRec(SequenceSystem["GRec.Config"]):
    """Future data helps training (Yuan et al., 2020): L = -sum over gaps i of log p(x_i | encoder(x without gaps), decoder(x_<i)), Eq. 6.

    Deviation: the share of sequences whose last item alone is the gap, which is the question at test time, is `last` (0 in the paper).
    """

    card = Card(
        name="grec",
        paper="Yuan et al. 2020, Future Data Helps Training: Modeling Future Contexts for Session-based Recommendation",
        summary="Convolutional encoder and decoder that fill in gaps; learns from both sides of an item.",
        paradigm=Paradigm.PRETRAIN_ONLY,
        objectives=(Target.MASKED,),
        task=Question.SESSION,
        data=(DataType.SEQUENCE,),
    )

    asks = 1

    @dataclass(frozen=True)
    class Config(SequenceConfig):
        layers: int = setting(2, "residual blocks of encoder and of decoder, of two convolutions each", at_least=1, at_most=32, search=span(1, 4))
        kernel: int = setting(3, "items that a convolution looks at", source="Yuan et al. 2020", at_least=2, at_most=31)
        mask: float = setting(0.5, "share of the items that are gaps", source="0.3 to 0.5 in the paper", above=0, at_most=1, search=span(0.2, 0.6))
        last: float = setting(
            0.2, "share of the sequences whose last item alone is the gap", source="0 in the paper", at_least=0, at_most=1, search=span(0.0, 0.5)
        )
        max_epochs: int = setting(400, "ceiling; training usually ends on its own before", at_least=1)

    def build(self, sizes: Sizes) -> GapFiller:
        config = self.config
        decoder, encoder = (
            DilatedEncoder(config.dim, dilations=widening(config.layers), kernel=config.kernel, max_len=config.max_len, dropout=config.dropout, causal=causal)
            for causal in (True, False)
        )
        return GapFiller(ItemTable(sizes.items, config.dim, scale=config.dim**0.5, mask=True), decoder, encoder, config.dim)

    def stages(self, split: Split) -> Iterator[Stage]:
        config = self.config
        objective = MaskedItems(config.item_loss(), rate=config.mask, last=config.last, clean=True)
        yield hidden_items("fill gaps", self.build(split.sizes), split, config, objective)
