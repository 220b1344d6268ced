"""RESETBERT4Rec: the cloze, and whether a history was rearranged; then tuned whole for the next item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.nn.dated import DatedRecommender, TimeViews
from tastelm.nn.sequence import SequenceRecommender
from tastelm.objectives.order import RearrangedSequence
from tastelm.settings import setting, span, when
from tastelm.systems.cloze import ClozeThenTune
from tastelm.systems.common import SequenceSystem, Term
from tastelm.systems.pretrain_only.bert4rec import BERT4Rec


class ResetBERT4Rec(ClozeThenTune):
    """RESETBERT4Rec (Zhao, 2022): pre-train with L = L_cloze + w L_rearranged, then tune the whole model with the last item alone hidden.

    Deviations: the paper's code is not public, and what its abstract leaves open is bert4rec's. Its time embeddings are read with
    `times=true`; rearranged histories and their true copies are judged without, since a time that does not fit its place would tell
    whether the order was changed. `pretrain=false` is bert4rec, with the times if they are read.
    """

    card = Card(
        name="resetbert4rec",
        paper="Zhao 2022, RESETBERT4Rec: A Pre-training Model Integrating Time And User Historical Behavior for Sequential Recommendation",
        summary="bert4rec that also learns whether the order of a history is the true one, then tuned for the next item.",
        paradigm=Paradigm.HOLISTIC,
        objectives=(Target.MASKED, Target.REARRANGED),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.TIME),
    )

    @dataclass(frozen=True)
    class Config(ClozeThenTune.Config):
        times: bool = setting(False, "read the hour, the weekday and the gap at which an item was met", source="true in the paper")
        order_weight: float = setting(
            0.1, "of the rearranged-sequence loss beside the cloze", above=0, search=span(0.01, 1.0, log=True), when=when("pretrain", True)
        )

    config: ResetBERT4Rec.Config

    def settle(self, split: Split) -> SequenceSystem[BERT4Rec.Config]:
        if self.config.times and split.train.times is None:
            raise SettingError(f"resetbert4rec.times: {split.dataset.name} has no times. Set times=false, or give data with a time column.")
        return super().settle(split)

    def build(self, sizes: Sizes) -> SequenceRecommender:
        made = super().build(sizes)
        if not self.config.times:
            return made
        dim = self.config.dim
        return DatedRecommender(made.items, made.backbone, TimeViews(dim), scale=dim**0.5, head=made.head, ask="mask")

    def beside(self, split: Split) -> tuple[Mapping[str, nn.Module], Sequence[Term]]:
        return {"judge": nn.Linear(self.config.dim, 1)}, [(self.config.order_weight, "rearranged", RearrangedSequence())]
