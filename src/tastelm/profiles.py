"""How well a run tells what users are whom it was never trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.data.profile import users_table
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.errors import DataError
from tastelm.metrics import bootstrap_ci
from tastelm.metrics.classes import hits, macro_f1
from tastelm.recommender import Recommender


@dataclass(frozen=True)
class Told:
    """How well one attribute is told.

    users     of whom it is known
    accuracy  share of those it is told right of, with its 95 % bootstrap interval over users; one whose category no training user had is missed
    macro_f1  mean F1 of the categories
    majority  accuracy of always naming what is most common among the training users
    """

    users: int
    accuracy: float
    ci95: tuple[float, float]
    macro_f1: float
    majority: float


def told(named: NDArray[np.int64], truth: NDArray[np.int64], usual: int, *, seed: int = 0) -> Told:
    """Judge the categories (C,) named against the true ones, -1 where those are not known; `usual` is the most common in training.

    Raises DataError where no truth is known.
    """
    if not (truth >= 0).any():
        raise DataError("of none of these users the attribute is known, so nothing can be said of how well it is told. Give a users table that knows them.")
    right = hits(named, truth)
    low, high = bootstrap_ci(right, seed=seed)
    return Told(
        int((truth >= 0).sum()), float(np.nanmean(right)), (float(low), float(high)), macro_f1(named, truth), float(np.mean(truth[truth >= 0] == usual))
    )


def held_out(split: Split, part: Part = Part.TEST) -> tuple[NDArray[np.int32], Sequences]:
    """Codes of the users who are asked in `part` and of whom nothing is trained on, and their histories."""
    cases = split.cases(part)
    cold = np.flatnonzero(split.train.lengths[cases.users] == 0)
    return cases.users[cold], cases.histories.take(cold)


def tells(model: Recommender, split: Split, part: Part = Part.TEST) -> dict[str, Told]:
    """How well `model` tells each of its attributes of the users that `split` holds out; empty where it tells none or nobody is held out.

    Raises DataError where the data have no users table, or lack a column that the run tells.
    """
    users, histories = held_out(split, part)
    if not model.tells_profiles or not len(users):
        return {}
    table = users_table(split)
    known = model.items.encode(split.items.ids)
    codes = known[histories.values]
    named = model.profiles(histories.replaced(codes).keep(codes >= 0))
    usual = model.profiles(Sequences.of([[]]))
    found = dict[str, Told]()
    for attribute in model.sizes.profile:
        if attribute.name not in table.columns:
            raise DataError(f"{split.dataset.name}: the users table has no column '{attribute.name}', which the run tells. Give data that have it.")
        truth = attribute.codes(table[attribute.name])[users]
        if (truth >= 0).any():
            found[attribute.name] = told(named[attribute.name].argmax(1), truth, int(usual[attribute.name][0].argmax()), seed=split.seed)
    return found


def plain(found: dict[str, Told]) -> dict[str, dict[str, Any]]:
    """The same as plain values."""
    return {name: asdict(entry) | {"ci95": list(entry.ci95)} for name, entry in found.items()}
