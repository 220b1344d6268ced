"""Which of a handful of items did a user like? The zero-shot question of Sileo et al. (2022)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.candidates import Ranking
from tastelm.data.dataset import Dataset
from tastelm.data.protocols import Part
from tastelm.data.split import Split
from tastelm.data.split import split as divide
from tastelm.errors import DataError, SettingError
from tastelm.evaluation import Protocol
from tastelm.metrics import Metric, parse_metrics

# Ratings from 1 to 5: what lies between is neither.
LIKED, DISLIKED = 4.1, 2.4
METRICS = parse_metrics("hr@1,2,3 ndcg@3,5 mrr")


@dataclass(frozen=True)
class Liked:
    """One liked item stands among items that the same user disliked; a few others that the user liked are shown.

    users     who are asked, at most
    shown     liked items that the history holds; the liked item that is to be found comes later than these
    disliked  items that stand beside it
    others    further users, whose likes may be trained on (the last of each is valid); None: all
    likes_at_least, dislikes_at_least  who may be asked
    without   ids of users who are neither asked nor trained on

    These are disliked items, so the question is about taste, not about finding what somebody met: its numbers are not those of a
    leave-one-out split. Deviations from the paper: what is shown is older than what is asked for.
    """

    users: int = 200
    shown: int = 5
    disliked: int = 4
    others: int | None = 0
    likes_at_least: int = 21
    dislikes_at_least: int = 5
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("users", "shown", "disliked"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name}: {getattr(self, name)} does not fit; it takes a whole number from 1.")
        if self.likes_at_least <= self.shown or self.dislikes_at_least < self.disliked:
            raise SettingError(
                f"users with {self.likes_at_least} likes and {self.dislikes_at_least} dislikes cannot be shown {self.shown} and asked among {self.disliked}. "
                "Ask for more likes and dislikes, or show and ask fewer."
            )

    def question(self, data: Dataset, *, seed: int = 0, metrics: Sequence[Metric] = METRICS) -> Protocol:
        """The question as a protocol: the shown items and the likes of the others are its training part.

        Raises DataError where there are no ratings, or nobody can be asked.
        """
        if "rating" not in data.interactions.columns:
            raise DataError(f"{data.name} has no ratings, so nobody knows what was liked. Name the column with --rating NAME.")
        whole = divide(data, "all", seed=seed)
        rating = data.interactions["rating"].to_numpy()[whole.rows.index]
        liked, disliked = rating > LIKED, rating < DISLIKED
        count = len(whole.users)
        likes, dislikes = (np.bincount(whole.rows.user[chosen], minlength=count) for chosen in (liked, disliked))
        rng = np.random.default_rng(seed)
        order = rng.permutation(count)
        barred = np.isin(np.array(whole.users.ids), list(self.without))
        able = (likes >= self.likes_at_least) & (dislikes >= self.dislikes_at_least) & ~barred
        asked = np.sort(order[able[order]][: self.users])
        if not len(asked):
            raise DataError(
                f"{data.name}: no user has {self.likes_at_least} likes (above {LIKED}) and {self.dislikes_at_least} dislikes (below {DISLIKED}). Ask for fewer."
            )
        free = order[~np.isin(order, asked) & ~barred[order] & (likes[order] > 1)]
        part = np.full(len(rating), Part.UNUSED, np.int8)
        self._train(part, whole, liked, free[: self.others])
        negatives = np.empty((len(asked), self.disliked), np.int32)
        for row, user in enumerate(asked):
            drawn = np.sort(rng.choice(np.flatnonzero(liked & (whole.rows.user == user)), self.shown + 1, replace=False))
            part[drawn[:-1]], part[drawn[-1]] = Part.TRAIN, Part.TEST
            negatives[row] = rng.choice(whole.rows.item[disliked & (whole.rows.user == user)], self.disliked, replace=False)
        name = f"liked-{self.shown}-of-{self.disliked + 1}, {'all' if self.others is None else self.others} others"
        made = Split(data, name, seed, whole.users, whole.items, whole.rows, part)
        return Protocol(made, Part.TEST, Ranking("disliked", self.disliked), tuple(metrics), made.cases(Part.TEST), True, negatives, seed)

    def _train(self, part: NDArray[np.int8], whole: Split, liked: NDArray[np.bool_], users: Iterable[np.integer]) -> None:
        """The likes of other users: the last of each tells when to stop."""
        for user in users:
            rows = np.flatnonzero(liked & (whole.rows.user == user))
            part[rows[:-1]], part[rows[-1]] = Part.TRAIN, Part.VALID
