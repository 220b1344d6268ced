"""What systems share that pre-train by the cloze and more, and are then tuned whole for the next item."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import nn

from tastelm.data.split import Split
from tastelm.nn.sequence import SequenceRecommender
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.masked import MaskedItems
from tastelm.settings import setting
from tastelm.strategies import Holistic
from tastelm.systems.common import Term
from tastelm.systems.pretrain_only.bert4rec import BERT4Rec
from tastelm.train.stage import Stage


class ClozeThenTune(BERT4Rec):
    """bert4rec with further objectives beside the cloze, then tuned whole with the last item alone hidden."""

    @dataclass(frozen=True)
    class Config(BERT4Rec.Config):
        pretrain: bool = setting(True, "pre-train before tuning; false: one stage that learns everything, as bert4rec does", later=True)

    config: ClozeThenTune.Config

    def from_scratch(self) -> ClozeThenTune:
        return type(self)(replace(self.config, pretrain=False))

    @abstractmethod
    def beside(self, split: Split) -> tuple[Mapping[str, nn.Module], Sequence[Term]]:
        """What pre-training learns beside the cloze: heads by name, no part of what answers, and the weights, names and objectives that ask for them."""

    def stages(self, split: Split) -> Iterator[Stage]:
        config = self.config
        if not config.pretrain:
            # With the last items alone hidden, all others would teach nothing: the cloze learns the same from every place.
            yield replace(next(super().stages(split)), name="tune", strategy=Holistic())
            return
        heads, terms = self.beside(split)
        cloze = next(super().stages(split))
        answers = cloze.module
        assert isinstance(answers, SequenceRecommender) and cloze.objective is not None
        yield replace(cloze, name="pre-train", module=answers.beside(heads), objective=WeightedSum([(1.0, "cloze", cloze.objective), *terms]), share=0.7)
        yield replace(cloze, name="tune", objective=MaskedItems(config.item_loss(), rate=config.mask, last=1.0), strategy=Holistic(), share=0.3)
