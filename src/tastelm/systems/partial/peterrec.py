"""PeterRec: a convolutional network pre-trained on behaviour, adapted by small patches while everything else stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.attribute import parse_profile
from tastelm.data.features import Sizes
from tastelm.data.profile import attributes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.nn.convolution import DilatedEncoder, widening
from tastelm.nn.items import ItemTable
from tastelm.nn.patched import PatchedRecommender, ProfilingRecommender
from tastelm.nn.profile import ProfileHead
from tastelm.objectives.masked import MaskedItems
from tastelm.settings import among, setting, span, unless, when
from tastelm.strategies import Holistic, Partial
from tastelm.systems.common import SequenceConfig, SequenceSystem, hidden_items, next_item
from tastelm.systems.profile import user_attributes
from tastelm.train.stage import Stage

FILLS = when("network", "cloze")


class PeterRec(SequenceSystem["PeterRec.Config"]):
    """Parameter-efficient transfer (Yuan et al., 2020): NextItNet pre-trained for the next item, then patches (Fig. 3) are trained while
    all else is frozen: for the next item, or with `profile` for attributes of users, by a head of their own. `network=cloze` looks both ways
    and is taught items that are hidden, as the encoder of GRec; tuned for the next item, the last alone is. `insert=parallel` puts the patches
    beside the convolutions.

    Deviations: pre-trained and tuned on one data set, first on whole histories in windows, then on the newest window of each; norms
    stay frozen too; the item table is read and scored by, so no softmax is trained anew. A profile is read off the mean of the states:
    the paper's token at the end sees no further back than the convolutions reach, which is 31 items in two blocks. With a profile the
    next item is answered without patches, as it was pre-trained. `tune=all` tunes everything instead, also what the next item is
    answered by; `tune=head` the head of the profile alone. A parallel patch adds no second copy of what it reads, which it does in the
    paper's code, so that it begins as nothing.
    """

    card = Card(
        name="peterrec",
        paper="Yuan et al. 2020, Parameter-Efficient Transfer from Sequential Behaviors for User Modeling and Recommendation",
        summary="Adapts a trained network with under a tenth of its parameters; one network for many tasks.",
        paradigm=Paradigm.PARTIAL,
        objectives=(Target.AUTOREGRESSIVE, Target.PROFILE),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.PROFILE),
    )

    @dataclass(frozen=True)
    class Config(SequenceConfig):
        layers: int = setting(2, "residual blocks, of two convolutions each", source="8 in the paper", at_least=1, at_most=32, search=span(1, 4))
        kernel: int = setting(3, "items that a convolution looks at", source="Yuan et al. 2020", at_least=1, at_most=31)
        bottleneck: int = setting(
            8, "width of a patch at its waist", source="dim / 4 in the paper", at_least=1, search=among(4, 8, 16), when=unless("tune", "head")
        )
        profile: str = setting("none", "columns of the users table to tell from a history: gender,age:4 or age:25/50; all: those of categories")
        tune: Literal["patches", "head", "all"] = setting(
            "patches", "what the second stage may change; head: that of the profile alone", source="Yuan et al. 2020"
        )
        tune_lr: float = setting(
            1e-3, "peak learning rate of the second stage", source="5e-4 to 1e-3 in the paper", above=0, at_most=1, search=span(3e-4, 5e-3, log=True)
        )
        network: Literal["causal", "cloze"] = setting("causal", "look back and foresee, or both ways and fill in", source="both in the paper", later=True)
        mask: float = setting(0.3, "cloze: share of the items that is hidden", above=0, at_most=1, search=span(0.1, 0.6), when=FILLS, later=True)
        last: float = setting(0.2, "cloze: share of the histories whose last item alone is hidden in pre-training", at_least=0, at_most=1, later=True)
        insert: Literal["serial", "parallel"] = setting("serial", "patches behind the convolutions, or beside", source="both in the paper", later=True)
        pretrain: bool = setting(True, "pre-train before tuning; false: the second stage learns everything, with tune=all", later=True)

        def __post_init__(self) -> None:
            if not parse_profile(self.profile) and self.tune == "head":
                raise SettingError("tune: there is no head to tune for the next item. Name what to tell of users, as in profile=gender, or use tune=patches.")
            if not self.pretrain and self.tune != "all":
                raise SettingError(f"pretrain: tune={self.tune} needs a network that knows something. Use tune=all, or leave pretrain=true.")

    def from_scratch(self) -> PeterRec:
        # Of patches and of a head nothing is learnt alone, nor of a profile what comes next.
        alone = self.config.tune == "all" and not parse_profile(self.config.profile)
        return PeterRec(replace(self.config, pretrain=False)) if alone else self

    def sizes(self, split: Split) -> Sizes:
        return replace(split.sizes, profile=attributes(split, self.config.profile))

    def build(self, sizes: Sizes) -> PatchedRecommender:
        config = self.config
        encoder = DilatedEncoder(
            config.dim, dilations=widening(config.layers), kernel=config.kernel, max_len=config.max_len, dropout=config.dropout,
            causal=config.network == "causal",
        )  # fmt: skip
        table = ItemTable(sizes.items, config.dim, scale=config.dim**0.5, mask=config.network == "cloze")
        ask: Literal["last", "mask"] = "mask" if config.network == "cloze" else "last"
        if not sizes.profile:
            return PatchedRecommender(table, encoder, config.bottleneck, beside=config.insert == "parallel", ask=ask)
        head = ProfileHead(config.dim, {attribute.name: len(attribute.categories) for attribute in sizes.profile})
        return ProfilingRecommender(table, encoder, config.bottleneck, head, beside=config.insert == "parallel", ask=ask)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, sizes = self.config, self.sizes(split)
        module, later = self.build(sizes), replace(config, lr=config.tune_lr)
        if config.pretrain:
            yield replace(_items(module, split, config, last=config.last), name="pre-train", strategy=Partial(frozenset({"items", "backbone"})), share=0.7)
        groups = {"patches"} if config.tune == "patches" else set[str]()
        if isinstance(module, ProfilingRecommender):
            stage, groups = user_attributes(module, split, sizes.profile, later), groups | {"profile"}
        else:
            stage = _items(module, split, later, last=1.0 if config.pretrain else config.last, windows="last")
        strategy = Holistic() if config.tune == "all" else Partial(frozenset(groups))
        yield replace(stage, name="tune", strategy=strategy, share=0.3 if config.pretrain else 1.0)


def _items(module: PatchedRecommender, split: Split, config: PeterRec.Config, *, last: float, windows: Literal["all", "last"] = "all") -> Stage:
    """The stage that learns the next item, or with a cloze those that are hidden, in the `last` share of the histories the last alone."""
    if config.network == "causal":
        return next_item(module, split, config, windows=windows)
    return hidden_items("cloze", module, split, config, MaskedItems(config.item_loss(), rate=config.mask, last=last), windows=windows)
