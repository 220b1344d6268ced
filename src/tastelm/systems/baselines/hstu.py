"""HSTU: gated attention without softmax, told how far apart two items stand in place and in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.hstu import HSTUEncoder, TimedRecommender
from tastelm.nn.items import ItemTable, Unit
from tastelm.nn.sequence import SequenceRecommender
from tastelm.settings import setting, span
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.stage import Stage


class HSTU(SequenceSystem["HSTU.Config"]):
    """Hierarchical sequential transduction units (Zhai et al., 2024), Eq. 1 to 3, with the cosine softmax of its public experiments.

    Deviations: the softmax is over the whole catalogue (`loss=sampled`); time biases compare the times of the two items, not
    that of the next one, which nobody knows when asking; a history without times is answered without time biases.
    """

    card = Card(
        name="hstu",
        paper="Zhai et al. 2024, Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers for Generative Recommendations",
        summary="Today's strong encoder; reads the times between items where the log has them.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.TIME),
    )

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        temperature: float = setting(0.05, "of the cosine between state and item", source="Zhai et al. 2024", above=0, search=span(0.03, 0.2, log=True))
        times: bool = setting(True, "biases for the time between two items", source="Zhai et al. 2024")

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        items = ItemTable(sizes.items, config.dim, scale=config.dim**0.5, unit=True)
        encoder = HSTUEncoder(config.dim, layers=config.layers, heads=config.heads, max_len=config.max_len, dropout=config.dropout)
        kind = TimedRecommender if config.times else SequenceRecommender
        return kind(items, encoder, head=Unit(config.temperature))

    def stages(self, split: Split) -> Iterator[Stage]:
        yield next_item(self.build(split.sizes), split, self.config)
