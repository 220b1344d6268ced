"""UPRec: the cloze, the user's attributes and acquaintances; then tuned whole for the next item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Feature, Features
from tastelm.data.profile import numbers
from tastelm.data.sequences import Sequences
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.nn.profile import ProfileHead
from tastelm.objectives.profile import Acquaintance, UserAttributes, UserNumbers
from tastelm.settings import setting, span, when
from tastelm.systems.cloze import ClozeThenTune
from tastelm.systems.common import SequenceSystem, Term
from tastelm.systems.pretrain_only.bert4rec import BERT4Rec

TOLD = when("pretrain", True)


class UPRec(ClozeThenTune):
    """User-aware pre-training (Xiao et al., 2021): L = L_cloze + w_a L_attributes + w_r L_relations, then the whole model is tuned with the
    last item alone hidden.

    The users table gives the attributes (its columns of single categories, and with `numbers=true` those of numbers, told by regression;
    else these are left out) and, in a column of lists named `friends`, whom a user knows. Deviations: relations are told by InfoNCE among
    the batch; without a users table it is bert4rec, tuned, and with `pretrain=false` bert4rec.
    """

    card = Card(
        name="uprec",
        paper="Xiao et al. 2021, UPRec: User-Aware Pre-training for Recommender Systems",
        summary="bert4rec that also learns what is known of its users, then tuned for the next item.",
        paradigm=Paradigm.HOLISTIC,
        objectives=(Target.MASKED, Target.PROFILE, Target.RELATION),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.PROFILE),
    )

    @dataclass(frozen=True)
    class Config(ClozeThenTune.Config):
        attribute_weight: float = setting(0.1, "of the user attributes beside the cloze; 0: not learnt", at_least=0, search=span(0.01, 1.0), when=TOLD)
        relation_weight: float = setting(0.1, "of the relations beside the cloze; 0: not learnt", at_least=0, search=span(0.01, 1.0), when=TOLD)
        numbers: bool = setting(False, "tell columns of numbers of the users table too, such as an age, with the same weight", when=TOLD, later=True)

    config: UPRec.Config

    def settle(self, split: Split) -> SequenceSystem[BERT4Rec.Config]:
        if self.config.numbers and not numbers(split):
            raise SettingError(f"uprec.numbers: {split.dataset.name} has no column of numbers of its users that differ. Leave numbers out, or give one.")
        return super().settle(split)

    def beside(self, split: Split) -> tuple[Mapping[str, nn.Module], Sequence[Term]]:
        config, known = self.config, Features.of(split.dataset.users, "user", split.users)
        heads, terms = dict[str, nn.Module](), list[Term]()
        attributes = [feature for feature in known.columns if feature.codes is not None and feature.codes.lengths.max() == 1 < feature.field.values]
        if attributes and config.attribute_weight:
            heads["profile"] = ProfileHead(config.dim, {feature.field.name: feature.field.values for feature in attributes})
            terms.append((config.attribute_weight, "attributes", UserAttributes({feature.field.name: _labels(feature) for feature in attributes})))
        told = numbers(split) if config.numbers and config.attribute_weight else {}
        if told:
            heads["numbers"] = nn.Linear(config.dim, len(told))
            terms.append((config.attribute_weight, "numbers", UserNumbers(np.stack(list(told.values()), 1))))
        friends = next((_users(feature, split) for feature in known.columns if feature.field.name == "friends" and feature.codes is not None), None)
        if friends is not None and config.relation_weight:
            terms.append((config.relation_weight, "relations", Acquaintance(friends, split.train, config.max_len)))
        return heads, terms


def _labels(feature: Feature) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(U,) the single category of each user, -1 where there is none."""
    assert feature.codes is not None
    labels = np.full(len(feature.codes), -1, np.int64)
    labels[feature.codes.lengths > 0] = feature.codes.values
    return labels


def _users(feature: Feature, split: Split) -> Sequences:
    """Categories that are names of users, as codes of users; names nobody has are left out."""
    assert feature.codes is not None
    codes = split.users.encode(feature.names)[feature.codes.values]
    return feature.codes.replaced(codes).keep(codes >= 0)
