"""TIGER: generative retrieval. The tokens of the items of a history are read, and those of the next item are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.prompting.lessons import ItemLesson
from tastelm.prompting.teaching import Lessons, WriteTargets
from tastelm.prompting.writer import Asking, ItemWriter
from tastelm.settings import among, setting, span
from tastelm.systems.base import Judging, System
from tastelm.systems.written import BARE, Ids, WritingConfig
from tastelm.text.template import Template
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage

TOKENS_ALONE = Template("tokens", "{history}", "{item}", {"history": "history", "item": "item"}, separator=" ")


class Tiger(System["Tiger.Config"]):
    """Transformer index for generative recommenders (Rajput et al., 2023).

    Deviations: codes are those of residual k-means over frozen sentence vectors, not of an autoencoder trained with its code books;
    a blank stands between items; no token of the user; beams write no item that is not there. `ids` takes other indexes, as controls; titles too.
    """

    card = Card(
        name="tiger",
        paper="Rajput et al. 2023, Recommender Systems with Generative Retrieval",
        summary="Reads and writes items as a few tokens that alike items share; wants titles.",
        paradigm=Paradigm.PRETRAIN_ONLY,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.TEXT),
    )
    judging = Judging(cases=2000, looks=1000)

    @dataclass(frozen=True)
    class Config(WritingConfig):
        dim: int = setting(96, "width of the vectors and states", source="128 in the paper", at_least=8, search=among(64, 96, 128))
        layers: int = setting(2, "blocks of the encoder, and of the decoder", source="4 in the paper", at_least=1, at_most=24, search=span(1, 4))
        heads: int = setting(4, "attention heads; dim must be a multiple of twice as many", source="6 in the paper", at_least=1)
        ids: Ids = setting("semantic", "what the tokens of an item follow", source="Rajput et al. 2023")
        levels: int = setting(3, "tokens of an item, less the one that tells equal ones apart", source="Rajput et al. 2023", at_least=1, at_most=8)
        codes: int = setting(64, "codes of each level", source="256 in the paper", at_least=2, at_most=4096, search=among(32, 64, 128, 256))
        shown: int = setting(20, "items of the history that are read, the newest", source="Rajput et al. 2023", at_least=1, at_most=200)
        lr: float = setting(2e-3, "peak learning rate of AdamW", source="0.01 in the paper", above=0, at_most=1, search=span(3e-4, 5e-3, log=True))
        batch: int = setting(128, "examples in a step", source="256 in the paper", at_least=1)
        beams: int = setting(30, "prefixes that the search follows", at_least=1, at_most=1000, after=True)

    def settle(self, split: Split) -> Tiger:
        return Tiger(replace(self.config, vocabulary=self.config.vocabulary or self.config.needed(split, BARE)))

    def build(self, sizes: Sizes) -> ItemWriter:
        config = self.config
        asking = Asking(TOKENS_ALONE, "history", None, config.shown, config.beams, config.batch)
        return ItemWriter(config.begun(), sizes.items, asking, whole_words=False)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module = self.config, self.build(split.sizes)
        config.spell(module, split, (), BARE)
        names = [module.item_text(code) for code in range(len(split.items))]
        yield Stage(
            "write",
            module,
            view=Lessons([ItemLesson(split.train, names, [TOKENS_ALONE], config.shown, ended=not module.marked)], config.batch),
            objective=WriteTargets(),
            budget=Budget(epochs=config.max_epochs),
            descent=Descent(lr=config.lr),
        )
