"""Which of a handful of items did a user like? The zero-shot question of Sileo et al. (2022)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.candidates import Ranking
from tastelm.data.dataset import Dataset
from tastelm.data.protocols import Part
from tastelm.data.split import Split
from tastelm.data.split import split as divide
from tastelm.errors import DataError, SettingError, nearest
from tastelm.evaluation import Protocol
from tastelm.metrics import Metric, parse_metrics

NAME = "liked"
# Ratings from 1 to 5: what lies between is neither.
LIKED, DISLIKED, HIGHEST = 4.1, 2.4, 5
METRICS = parse_metrics("hr@1,2,3 ndcg@3,5 mrr")
# How a name of the task calls the fields of `Liked`; `without` has no word.
WORDS = {"likes": "likes_at_least", "dislikes": "dislikes_at_least"} | {name: name for name in ("users", "shown", "disliked", "others", "above", "below")}


@dataclass(frozen=True)
class Liked:
    """One liked item stands among items that the same user disliked; a few others that the user liked are shown.

    users     who are asked, at most
    shown     liked items that the history holds; the liked item that is to be found comes later than these
    disliked  items that stand beside it
    others    further users, whose likes may be trained on (the last of each is valid); None: all
    likes_at_least, dislikes_at_least  who may be asked
    above, below  what a rating must exceed to be a like, and fall short of to be a dislike
    without   ids of users who are neither asked nor trained on

    These are disliked items, so the question is about taste, not about finding what somebody met: its numbers are not those of a
    leave-one-out split. Deviations from the paper: what is shown is older than what is asked for. Of an
    item that somebody rated more than once the last rating counts.
    """

    users: int = 200
    shown: int = 5
    disliked: int = 4
    others: int | None = 0
    likes_at_least: int = 21
    dislikes_at_least: int = 5
    above: float = LIKED
    below: float = DISLIKED
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
        if self.others is not None and self.others < 0:
            raise SettingError(f"others: {self.others} does not fit; it takes a whole number from 0, or all.")
        if self.above <= self.below:
            raise SettingError(f"above: a like begins above {self.above:g}, which is not higher than {self.below:g}, below which dislikes are.")

    @classmethod
    def parse(cls, name: str) -> Liked:
        """`liked`, or with what is to be otherwise: `liked:others=all,shown=3`. The words are those of `WORDS`.

        Raises SettingError for a word or a value that does not fit.
        """
        head, _, more = name.partition(":")
        if head != NAME:
            raise SettingError(f"protocol: '{name}' is not the task {NAME}.")
        given: dict[str, Any] = {}
        for part in filter(None, more.split(",")):
            word, _, value = (piece.strip() for piece in part.partition("="))
            if word not in WORDS:
                raise SettingError(f"protocol: '{name}' says '{word}'; {nearest(word, WORDS)} Write it as in {NAME}:others=all,shown=3.")
            given[WORDS[word]] = _value(word, value)
        return cls(**given)

    @property
    def name(self) -> str:
        """The name that `parse` takes, with what differs from the defaults."""
        words = {field: word for word, field in WORDS.items()}
        told = {words[entry.name]: value for entry in fields(self) if entry.name in words and (value := getattr(self, entry.name)) != entry.default}
        spelled = [f"{word}={'all' if value is None else f'{value:g}' if isinstance(value, float) else value}" for word, value in told.items()]
        return NAME + (":" if told else "") + ",".join(spelled)

    def question(self, data: Dataset, *, seed: int = 0, metrics: Sequence[Metric] = METRICS) -> Protocol:
        """The question as a protocol: the shown items and the likes of the others are its training part.

        Raises DataError where there are no ratings, or nobody can be asked.
        """
        if "rating" not in data.interactions.columns:
            raise DataError(f"{data.name} has no ratings, so nobody knows what was liked. Name the column with --rating NAME.")
        whole = divide(data, "all", seed=seed)
        rating = data.interactions["rating"].to_numpy()[whole.rows.index]
        if (self.above, self.below) == (LIKED, DISLIKED) and np.nanmax(rating) > HIGHEST:
            raise DataError(
                f"{data.name}: ratings reach {np.nanmax(rating):g}, but a like is above {LIKED} of {HIGHEST}. "
                f"Say where likes and dislikes begin, as in {NAME}:above=8,below=5."
            )
        pairs, count = pl.DataFrame({"user": whole.rows.user, "item": whole.rows.item}), len(whole.users)
        latest = pairs.select(pl.struct("user", "item").is_last_distinct()).to_series().to_numpy()  # who rates an item again has changed their mind
        liked, disliked = latest & (rating > self.above), latest & (rating < self.below)
        likes, dislikes = (np.bincount(whole.rows.user[chosen], minlength=count) for chosen in (liked, disliked))
        rng = np.random.default_rng(seed)
        order = rng.permutation(count)
        barred = np.isin(np.array(whole.users.ids), list(self.without))
        able = (likes >= self.likes_at_least) & (dislikes >= self.dislikes_at_least) & ~barred
        asked = np.sort(order[able[order]][: self.users])
        if not len(asked):
            raise DataError(
                f"{data.name}: no user has {self.likes_at_least} likes (above {self.above:g}) and {self.dislikes_at_least} dislikes (below {self.below:g}). "
                f"Ask for fewer, as in {NAME}:likes=6,dislikes=4."
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
        ranking = Ranking("disliked", self.disliked)
        return Protocol(made, Part.TEST, ranking, tuple(metrics), made.cases(Part.TEST), True, negatives, seed, task=self.name)

    def _train(self, part: NDArray[np.int8], whole: Split, liked: NDArray[np.bool_], users: Iterable[np.integer]) -> None:
        """The likes of other users: the last of each tells when to stop."""
        for user in users:
            rows = np.flatnonzero(liked & (whole.rows.user == user))
            part[rows[:-1]], part[rows[-1]] = Part.TRAIN, Part.VALID


def _value(word: str, value: str) -> int | float | None:
    if word == "others" and value == "all":
        return None
    kind: type[int] | type[float] = float if word in ("above", "below") else int
    try:
        return kind(value)
    except ValueError:
        wanted = "a number" if kind is float else "a whole number" + (", or all" if word == "others" else "")
        raise SettingError(f"protocol: {NAME}:{word}={value} does not fit; {word} takes {wanted}.") from None
