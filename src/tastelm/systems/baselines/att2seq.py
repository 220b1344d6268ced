"""Att2Seq: a multilayer perceptron reads user, item and rating, an LSTM writes the explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.att2seq import Att2Seq as Network
from tastelm.nn.decoder import RecurrentDecoder
from tastelm.prompting.word_explainer import AttributeExplainer
from tastelm.settings import among, setting
from tastelm.systems.base import System
from tastelm.systems.explained import JUDGING, Told, WordConfig, knowing
from tastelm.train.stage import Stage


class Att2Seq(System["Att2Seq.Config"]):
    """Attribute-to-sequence (Dong et al., 2017): vectors of user, item and stars are the first state of an LSTM that writes.

    Deviations: the memory of the LSTM starts from them too, not empty; the stars of a pair that is asked about are not known, so they are those
    that user and item lean to in training, rounded, and weights are chosen that way; sentences instead of whole reviews; tokens of a byte-level
    tokenizer instead of words, so that perplexities of systems with the same one compare; AdamW instead of RMSprop; greedy writing. The
    attention over the attributes is off, as in the comparisons of Li et al. (2021, 2023), who found its sentences hard to read. Strangers have
    the mean vector.
    """

    card = Card(
        name="att2seq",
        paper="Dong et al. 2017, Learning to Generate Product Reviews from Attributes",
        summary="Explains by an LSTM that starts from user, item and stars; small and fast, predicts no rating.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.EXPLANATION,
        data=(DataType.INTERACTION, DataType.TEXT),
    )
    judging = JUDGING

    @dataclass(frozen=True)
    class Config(WordConfig):
        hidden: int = setting(128, "units of a layer of the LSTM", source="512 in the paper", at_least=2, search=among(64, 128, 256))
        layers: int = setting(2, "layers of the LSTM", source="Dong et al. 2017", at_least=1, at_most=16)
        attention: bool = setting(False, "look at the attributes again at each word", source="on in the paper, off in Li et al. 2021")

    def build(self, sizes: Sizes) -> AttributeExplainer:
        config = self.config
        decoder = RecurrentDecoder(config.vocabulary, config.dim, config.hidden, cell="lstm", layers=config.layers, dropout=config.dropout)
        net = Network(
            sizes.users, sizes.items, decoder, dim=config.dim, hidden=config.hidden, vocabulary=config.vocabulary, attention=config.attention
        )  # fmt: skip
        return AttributeExplainer(net, sizes.users, sizes.items, config.writing, vocabulary=config.vocabulary)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, told, module = self.config, Told.of(split, self.card.name), self.build(split.sizes)
        knowing(module, told, split)
        yield told.stage("explain", module, batch=config.batch, lr=config.lr, epochs=config.max_epochs)
