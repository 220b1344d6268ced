"""What is known of users of whom little is known: their first events, and their profiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tastelm.data.attribute import Attribute
from tastelm.data.profile import users_table
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.data.vocabulary import UNKNOWN
from tastelm.train.stage import Stage
from tastelm.views import ItemSequences


def first(sequences: Sequences, count: int) -> Sequences:
    """The first `count` values of each sequence (fewer where a sequence is shorter)."""
    return sequences.windows(sequences.offsets[:-1], np.minimum(sequences.lengths, count))


def first_events(split: Split, count: int, batch: int) -> ItemSequences:
    """Batches of the first `count` events of the training users, in which they are as little known as cold users; the first event is told too."""
    return ItemSequences(first(split.train, count), count, overlap=0, targets=batch)


def judged_by_first_events(stage: Stage, split: Split, count: int) -> Stage:
    """The stage on `first_events`, which those of the validation users tell when to stop, where any of these are held out."""
    judges = first_of_judges(split, count)
    assert isinstance(stage.view, ItemSequences)
    return replace(stage, judges=replace(stage.view, sequences=judges), monitor="likelihood") if judges.lengths.any() else stage


def first_of_judges(split: Split, count: int) -> Sequences:
    """(U) the first events of the validation users of whom nothing is trained on, empty for all others."""
    rows, valid = split.rows, split.part == Part.VALID
    aside = (np.bincount(rows.user[valid], minlength=len(split.users)) > 0) & (split.train.lengths == 0)
    chosen = aside[rows.user] & (valid | (split.part == Part.INPUT)) & (rows.place < count)
    return Sequences.from_lengths(rows.item[chosen], np.bincount(rows.user[chosen], minlength=len(split.users)))


def profile_codes(split: Split, profile: tuple[Attribute, ...]) -> NDArray[np.int64]:
    """(U, A) the code of each user's category, -1 where it is not known or no training user has it."""
    rows, counts = users_table(split), np.array([len(attribute.categories) for attribute in profile])
    codes = np.stack([attribute.codes(rows[attribute.name]) for attribute in profile], 1)
    return np.where(codes < counts, codes, UNKNOWN)
