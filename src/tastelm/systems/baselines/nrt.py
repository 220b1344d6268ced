"""NRT: latent factors predict a rating, and start a GRU that writes the explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.decoder import RecurrentDecoder
from tastelm.nn.nrt import NRT as Network
from tastelm.prompting.word_explainer import RatingExplainer
from tastelm.settings import among, setting
from tastelm.systems.base import System
from tastelm.systems.explained import JUDGING, Told, WordConfig, knowing, text_and_rating
from tastelm.train.stage import Stage


class NRT(System["NRT.Config"]):
    """Neural rating regression with abstractive tips generation (Li et al., 2017): one pair of latent factors for the rating and the sentence.

    Deviations: no review beside the sentence, so the loss on its words is left out, and so is what it tells the GRU; ratings are learnt on a
    scale of mean 0 and deviation 1; the stars that the GRU starts from are the predicted ones, rounded, in training too; tokens of a
    byte-level tokenizer instead of words, so that perplexities of systems with the same one compare; AdamW instead of Adadelta with L2;
    greedy writing instead of a beam. Strangers have the mean vector.
    """

    card = Card(
        name="nrt",
        paper="Li et al. 2017, Neural Rating Regression with Abstractive Tips Generation for Recommendation",
        summary="Predicts ratings and explains by a GRU that starts from the prediction; small and fast.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.RECONSTRUCTION, Target.AUTOREGRESSIVE),
        task=Question.EXPLANATION,
        data=(DataType.INTERACTION, DataType.TEXT),
    )
    judging = JUDGING

    @dataclass(frozen=True)
    class Config(WordConfig):
        hidden: int = setting(128, "units of the GRU, and of a layer that predicts ratings", source="400 in the paper", at_least=2, search=among(64, 128, 256))
        layers: int = setting(1, "layers of the GRU", source="Li et al. 2017", at_least=1, at_most=16)
        rating_layers: int = setting(2, "hidden layers that predict ratings", source="4 in the paper", at_least=1, at_most=16)
        rating: float = setting(1.0, "weight of the squared error of the rating beside the sentence", source="Li et al. 2017", at_least=0)

    def build(self, sizes: Sizes) -> RatingExplainer:
        config = self.config
        decoder = RecurrentDecoder(config.vocabulary, config.dim, config.hidden, cell="gru", layers=config.layers, dropout=config.dropout)
        net = Network(
            sizes.users, sizes.items, decoder, dim=config.dim, hidden=config.hidden, vocabulary=config.vocabulary, rating_layers=config.rating_layers
        )  # fmt: skip
        return RatingExplainer(net, sizes.items, config.writing, vocabulary=config.vocabulary)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, told, module = self.config, Told.of(split, self.card.name, rated=True), self.build(split.sizes)
        knowing(module, told, split)
        both = text_and_rating(config.rating)
        yield told.stage("rate and explain", module, batch=config.batch, lr=config.lr, epochs=config.max_epochs, objective=both)
