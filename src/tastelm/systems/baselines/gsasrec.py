"""gSASRec: SASRec with negatives whose over-confidence is calibrated away."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.split import Split
from tastelm.objectives.item_loss import ItemLoss, LossName, item_loss
from tastelm.settings import among, setting, span, unless, when
from tastelm.systems.baselines.sasrec import SASRec


class GSASRec(SASRec):
    """SASRec under generalised binary cross-entropy with many negatives (Petrov and Macdonald, 2023, Eq. 16). For catalogues too large for
    the full softmax.

    Deviations: one draw of negatives is shared by a batch, which makes the loss one matrix product; scores are centred, so that they need
    not sink by a constant first (`centred=false` for the paper's loss); items are scored by the vectors that are read (`tied=false` for the paper's).
    """

    card = Card(
        name="gsasrec",
        paper="Petrov and Macdonald 2023, gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative Sampling",
        summary="sasrec for millions of items: many negatives, calibrated, instead of the whole catalogue.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(SASRec.Config):
        loss: LossName = setting("gbce", "over the whole catalogue, or against drawn negatives", source="Petrov and Macdonald 2023")
        negatives: int = setting(
            256, "items drawn in a step", source="Petrov and Macdonald 2023", at_least=1, search=among(128, 256, 512), when=unless("loss", "full")
        )
        calibration: float = setting(
            0.75, "t of gbce, 0 to 1", source="Petrov and Macdonald 2023", at_least=0, at_most=1, search=span(0.5, 1.0), when=when("loss", "gbce")
        )
        centred: bool = setting(True, "begin with all items as probable as the loss would have them of a scorer that knows nothing", source="no in the paper")
        tied: bool = setting(True, "score items by the vectors that are read", source="no in the paper")

        def item_loss(self) -> ItemLoss:
            return item_loss(self.loss, negatives=self.negatives, calibration=self.calibration, half=self.half, centred=self.centred)

    def settle(self, split: Split) -> GSASRec:
        # More negatives than there are other items would be copies of each other.
        config = super().settle(split).config
        return GSASRec(replace(config, negatives=min(config.negatives, max(1, len(split.items) - 1))))
