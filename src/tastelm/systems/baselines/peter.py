"""PETER: a small transformer from scratch over a user, an item and the words of the explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.nn.peter import Peter as Network
from tastelm.nn.sequence import check_heads
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.context_words import ContextWords
from tastelm.objectives.rating import RatingError
from tastelm.prompting.teaching import WriteTargets
from tastelm.prompting.word_explainer import FeatureExplainer, RatingExplainer
from tastelm.settings import among, setting, span
from tastelm.systems.base import System
from tastelm.systems.common import Term
from tastelm.systems.explained import JUDGING, Told, WordConfig, knowing
from tastelm.train.stage import Stage


class PETER(System["PETER.Config"]):
    """Personalized transformer for explainable recommendation (Li et al., 2021).

    The next word is learnt from the place of each word, the words of the sentence in any order from the place of the item, which ties the two
    ids to the sentence, and the rating from the place of the user, which sees the item too: L = 1.0 L_text + 1.0 L_context + 0.1 L_rating.

    `feature=given` is PETER+: a word stands between item and sentence, the feature that the sentence is about, in training and when it is judged;
    then to name it is no merit, and what is judged says that it was given. `feature=known` has the feature that other training explanations of the
    user and the item are about most, and is told nothing of the sentence. Asked for a reason without a feature, both take the known one.

    Deviations: a size for a CPU; AdamW with the library's schedule instead of SGD at a rate of 1 that falls by four; ratings are learnt on a
    scale of mean 0 and deviation 1; tokens of a byte-level tokenizer instead of words, so that perplexities of systems with the same one
    compare; a feature of several tokens is their mean. Strangers have the mean vector.
    """

    card = Card(
        name="peter",
        paper="Li et al. 2021, Personalized Transformer for Explainable Recommendation",
        summary="Explains and rates by a small transformer from scratch in which ids and words stand side by side.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE, Target.RECONSTRUCTION),
        task=Question.EXPLANATION,
        data=(DataType.INTERACTION, DataType.TEXT),
    )
    judging = JUDGING

    @dataclass(frozen=True)
    class Config(WordConfig):
        dim: int = setting(128, "width of the vectors and states, even", source="512 in the paper", at_least=2, search=among(64, 128, 192))
        layers: int = setting(2, "blocks", source="Li et al. 2021", at_least=1, at_most=64, search=span(1, 4))
        heads: int = setting(2, "attention heads; dim must be a multiple", source="Li et al. 2021", at_least=1)
        hidden: int = setting(512, "units of the feed-forward net of a block", source="2048 in the paper", at_least=1)
        text: float = setting(1.0, "weight of the next word", source="Li et al. 2021", at_least=0)
        context: float = setting(1.0, "weight of the words in any order", source="Li et al. 2021", at_least=0)
        feature: Literal["none", "known", "given"] = setting(
            "none", "a word before the sentence: none, the feature known of the pair, or the sentence's own, also when judged",
            source="Li et al. 2021, none and given", later=True,
        )  # fmt: skip
        rating: float = setting(0.1, "weight of the squared error of the rating", source="Li et al. 2021", at_least=0)

        def __post_init__(self) -> None:
            check_heads(self.dim, self.heads, "start")
            if self.dim % 2:
                raise SettingError(f"dim: {self.dim} is odd, but places are told by pairs of a sine and a cosine. Choose an even one.")

    def build(self, sizes: Sizes) -> RatingExplainer:
        config = self.config
        net = Network(
            sizes.users, sizes.items, vocabulary=config.vocabulary, dim=config.dim, layers=config.layers, heads=config.heads, hidden=config.hidden,
            dropout=config.dropout, places=config.longest + (1 if config.feature == "none" else 2),
        )  # fmt: skip
        if config.feature == "none":
            return RatingExplainer(net, sizes.items, config.writing, vocabulary=config.vocabulary)
        return FeatureExplainer(net, sizes.users, sizes.items, config.writing, vocabulary=config.vocabulary, given=config.feature == "given")

    def stages(self, split: Split) -> Iterator[Stage]:
        config, told, module = self.config, Told.of(split, self.card.name, rated=True), self.build(split.sizes)
        knowing(module, told, split)
        terms: list[Term] = [(config.text, "text", WriteTargets()), (config.context, "context", ContextWords()), (config.rating, "rating", RatingError())]
        yield told.stage("rate and explain", module, batch=config.batch, lr=config.lr, epochs=config.max_epochs, objective=WeightedSum(terms))
