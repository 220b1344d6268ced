"""PPR: a sequence recommender pre-trained on who is known well, and a prompt made of the profile for who is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.attribute import parse_profile
from tastelm.data.features import Sizes
from tastelm.data.profile import attributes
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.prefixed import PrefixedRecommender, vectors_of
from tastelm.nn.prompted import PromptedRecommender, PromptGenerator
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.prompt_contrast import PromptContrast, PromptedNextItem, next_and_contrast
from tastelm.settings import among, setting, span, unless
from tastelm.strategies import Partial, PromptAndPLM, PromptTuning, Strategy
from tastelm.systems.cold import first_events, judged_by_first_events, profile_codes
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.budget import Budget
from tastelm.train.stage import Stage

PROMPTED = unless("tune", "none")
STRATEGY: dict[str, Strategy] = {"light": PromptTuning(), "items": Partial(frozenset({"prompt", "items"})), "full": PromptAndPLM()}


class PPR(SequenceSystem["PPR.Config"]):
    """Personalised prompts (Wu et al., 2022): a SASRec-like encoder is pre-trained for the next item; then a generator learns to make a
    few vectors of a user's profile that stand before the items, by L = L_next + w L_contrast, while all else is frozen (`tune=light`)
    or tuned too (`tune=full`). `tune=none` is the pre-trained model alone. `prompt=deep` has keys and values in every layer instead (Li and Liang, 2021).
    Across domains (`tastelm.transfer.across`) the encoder comes from other data, and `tune=items` learns the vectors of items that are new to it.

    The paper pre-trains on warm users and tunes and tests on cold ones. Here nobody needs to be sorted: the prompt is tuned on the first
    `cold` events of the training users, in which they are as little known as cold users, the first by the prompt alone. Under the split
    `cold-users` the users of the test have no part in training but for their profile, which is side information. Users who are held out
    for validation tell when to stop, by the likelihood of their first events; where none are, the usual questions do.

    Deviations: the softmax is over the whole catalogue (`loss=bpr`, `negatives=1` for the paper's pairwise loss); some histories are learnt from
    without their profile, for strangers and gaps. The paper, as we read it, has a contrast for each kind of view, one of profiles with gaps and one
    of histories with gaps, against all others of the batch; here one contrast holds the view of either kind against the other, from both sides, users
    with the same profile are no negatives, and a hidden item leaves its sequence. Without a users table the prompt is one set of free vectors, the
    same for everybody, and there is nothing to contrast.
    """

    card = Card(
        name="ppr",
        paper="Wu et al. 2022, Personalized Prompt for Sequential Recommendation",
        summary="For users with few events or none, of whom a profile is known; tunes a twentieth of the parameters.",
        paradigm=Paradigm.PROMPT_TUNING,
        objectives=(Target.AUTOREGRESSIVE, Target.CONTRASTIVE),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.PROFILE),
    )

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        profile: str = setting("all", "columns of the users table to make the prompt of: gender,age:4 or age:25/50; all: those of categories; none")
        n_prompt: int = setting(2, "vectors of the prompt", at_least=1, at_most=64, search=among(1, 2, 4), when=PROMPTED)
        attribute_dim: int = setting(16, "width of the vector of an attribute", at_least=1)
        tune: Literal["light", "items", "full", "none"] = setting(
            "light", "the prompt alone, the items' vectors with it, the whole model with it, or no prompt at all", source="Wu et al. 2022"
        )
        cold: int = setting(10, "first events of each user that the prompt is tuned on", at_least=1, search=among(5, 10, 20), when=PROMPTED)
        prompt: Literal["input", "deep"] = setting("input", "vectors before the items, or keys and values in every layer of the encoder", later=True)
        tune_lr: float = setting(1e-3, "peak learning rate of the second stage", above=0, at_most=1, search=span(1e-4, 1e-2, log=True), when=PROMPTED)
        contrast: float = setting(0.1, "weight of the contrast of two views of a user; 0: none", at_least=0, search=span(0.01, 1.0), when=PROMPTED)
        temperature: float = setting(1.0, "of the cosine in the contrast", above=0)
        mask_profile: float = setting(0.2, "share of the attributes that is hidden in one view", at_least=0, at_most=1)
        mask_items: float = setting(0.2, "share of the items that is hidden in the other view", at_least=0, at_most=1)
        strangers: float = setting(0.1, "share of the histories that are learnt from without a profile", at_least=0, at_most=1)

        def __post_init__(self) -> None:
            super().__post_init__()
            parse_profile(self.profile)

    def sizes(self, split: Split) -> Sizes:
        config = self.config
        prompted = config.tune != "none" and (split.dataset.users is not None or config.profile != "all")
        return replace(split.sizes, profile=attributes(split, config.profile) if prompted else ())

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        items = ItemTable(sizes.items, config.dim, scale=config.dim**0.5)
        encoder = SequenceTransformer(Shape(config.dim, config.layers, config.heads, config.max_len, config.dropout), causal=True)
        if config.tune == "none":
            return SequenceRecommender(items, encoder)
        deep = config.prompt == "deep"
        count = vectors_of(config.n_prompt, config.layers) if deep else config.n_prompt
        generator = PromptGenerator([len(attribute.categories) for attribute in sizes.profile], count, config.dim, width=config.attribute_dim)
        return (PrefixedRecommender if deep else PromptedRecommender)(items, encoder, generator, sizes.users)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, sizes = self.config, self.sizes(split)
        module = self.build(sizes)
        if not isinstance(module, PromptedRecommender):
            yield next_item(module, split, config)
            return
        yield replace(next_item(module.bare(), split, config), name="pre-train", share=0.7)
        if sizes.profile:
            module.fill(profile_codes(split, sizes.profile))
        yield self._tuning(module, split)

    def _tuning(self, module: PromptedRecommender, split: Split) -> Stage:
        config = self.config
        cold, contrast = min(config.cold, config.max_len), PromptContrast(config.mask_profile, config.mask_items, config.temperature)
        stage = Stage(
            "tune",
            module,
            view=first_events(split, cold, config.batch),
            objective=next_and_contrast(PromptedNextItem(config.item_loss(), config.strangers), config.contrast if module.needs_users else 0.0, contrast),
            strategy=STRATEGY[config.tune],
            budget=Budget(epochs=config.max_epochs),
            share=0.3,
            descent=replace(config, lr=config.tune_lr).descent(),
        )
        return judged_by_first_events(stage, split, cold)
