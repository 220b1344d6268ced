"""What interactions are worth, and what was still to come at each: rewards, and the reward-to-go, of the training part alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.errors import DataError, SettingError, nearest

# The rewards of the paper's data sets, by the words that files have for its clicks and purchases.
WORTH: Mapping[str, float] = {"click": 0.2, "view": 0.2, "buy": 1.0, "purchase": 1.0}
WORDS = ("auto", "event", "rating", "one")
FORM = "click=0.2,purchase=1"


@dataclass(frozen=True, eq=False)
class Replay:
    """The training part as trajectories: one a user, which is a session where the data were cut into sessions.

    items    U sequences of item codes, the training part of a split
    rewards  (T,) float64 what each interaction is worth, from 0
    horizon  interactions that a reward-to-go looks ahead, the next one included; 0: to the end of the sequence
    asked    (T,) bool, which are questions of a part that is held out; None: all are there to be learnt
    """

    items: Sequences
    rewards: NDArray[np.float64]
    horizon: int = 0
    asked: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, split: Split, rewards: str = "auto", *, horizon: int = 0) -> Replay:
        """The training part of `split` and its rewards. Raises as `rewards_of`."""
        return cls(split.train, rewards_of(split, rewards), horizon)

    @classmethod
    def judges(cls, split: Split, rewards: str = "auto", *, horizon: int = 0) -> Replay:
        """The questions of the VALID part behind their histories: of each sequence only what is asked about is new, and no later reward is in it."""
        first, place = split.rows.first_of_user(split.part == Part.VALID), np.arange(len(split.part))
        begins = first[split.rows.user]
        kept = (np.isin(split.part, (Part.TRAIN, Part.INPUT)) & (place < begins) & (begins < len(place))) | (split.part == Part.VALID)
        lengths = np.bincount(split.rows.user[kept], minlength=len(split.users))
        items = Sequences.from_lengths(split.rows.item[kept], lengths[lengths > 0])
        return cls(items, _rewards(split, rewards, kept, "validation"), horizon, split.part[kept] == Part.VALID)

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """(T,) how many interactions of the sequence stand before each."""
        return np.arange(len(self.items.values)) - self.items.offsets[:-1][self.items.owners]

    @cached_property
    def returns(self) -> NDArray[np.float64]:
        """(T,) the reward-to-go of each interaction, its own reward included."""
        return reward_to_go(self.rewards, self.items.offsets, self.horizon)

    def shuffled(self, seed: int) -> Replay:
        """The same interactions with their rewards dealt out anew: a control, in which rewards say nothing of items."""
        return replace(self, rewards=np.random.default_rng(seed).permutation(self.rewards))

    def weights(self, kind: str) -> NDArray[np.float64] | None:
        """(T,) what each item weighs in a loss, by its `reward` or its `reward-to-go`, 1 on the mean of those that are predicted; None where
        all weigh the same, as for `none`."""
        worth = self._worth(kind)
        targets = worth[self.steps > 0]
        if kind == "none" or len(targets) == 0 or targets.min() == targets.max():
            return None
        return worth / self._mean(kind)

    def weighted(self, others: Replay, kind: str) -> NDArray[np.float64]:
        """(T',) what each item of `others` weighs on the scale of these."""
        return others._worth(kind) / self._mean(kind)

    def _worth(self, kind: str) -> NDArray[np.float64]:
        return self.returns if kind == "reward-to-go" else self.rewards

    def _mean(self, kind: str) -> float:
        return float(self._worth(kind)[self.steps > 0].mean())

    def usual(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation (count,) of the reward-to-go at each of the steps 0 .. count - 1; later steps belong to the last.

        A step that no sequence reaches has those of the last step before it that one does; zero where there is none.
        """
        step = np.minimum(self.steps, count - 1)
        met = np.bincount(step, minlength=count)
        mean = np.bincount(step, self.returns, count) / np.maximum(met, 1)
        deviation = np.sqrt(np.bincount(step, (self.returns - mean[step]) ** 2, count) / np.maximum(met, 1))
        reached = np.maximum.accumulate(np.where(met > 0, np.arange(count), 0))
        return mean[reached], deviation[reached]


def reward_to_go(rewards: NDArray[np.float64], offsets: NDArray[np.int64], horizon: int = 0) -> NDArray[np.float64]:
    """R_t = sum of r_j for j >= t within a sequence, undiscounted (Xin et al. 2022).

    rewards  (T,) of sequences end to end
    offsets  (B+1,) where each begins, as in `Sequences`
    horizon  rewards that are summed at most, the next ones; 0: all
    Returns (T,) float64.
    """
    place, ends = np.arange(len(rewards)), np.repeat(offsets[1:], np.diff(offsets))
    before = np.concatenate([np.zeros(1), np.cumsum(rewards)])
    found: NDArray[np.float64] = before[np.minimum(ends, place + horizon) if horizon else ends] - before[place]
    return found


def parse_rewards(text: str) -> str | dict[str, float]:
    """What a setting says of rewards: one of the words `auto`, `event`, `rating`, `one`, or a number for each event, as in click=0.2,purchase=1.

    Raises SettingError for anything else.
    """
    if text.strip() in WORDS:
        return text.strip()
    found = dict[str, float]()
    for part in text.split(","):
        event, _, number = (piece.strip() for piece in part.rpartition("="))
        if not event:
            raise SettingError(f"rewards: '{text}' is not known; use {', '.join(WORDS[:-1])} or {WORDS[-1]}, or say what each event is worth, as in {FORM}.")
        if event in found:
            raise SettingError(f"rewards: '{text}' names the event '{event}' twice. Keep one.")
        found[event] = _number(event, number)
    if not any(found.values()):
        raise SettingError(f"rewards: every event of '{text}' is worth 0, so there is nothing to ask for. Give one of them a number above 0.")
    return found


def settled_rewards(split: Split, text: str) -> str:
    """What `auto` stands for in these data: `event` where they have that column, else `rating`, else `one`. Other texts stay as they are."""
    if parse_rewards(text) != "auto":
        return text
    return next((column for column in ("event", "rating") if column in split.dataset.interactions.columns), "one")


def rewards_of(split: Split, text: str) -> NDArray[np.float64]:
    """(T,) the reward of each interaction of the training part, in the order of `split.train`; no other row is looked at.

    text  `event`: 0.2 for a click or view, 1 for a purchase (Xin et al. 2022); `click=0.2,purchase=1`: so much for each event;
          `rating`: the rating, from 0 for the lowest of the training part to 1 for its highest; `one`: 1 for each interaction, so that a
          reward-to-go is a number of interactions; `auto`: see `settled_rewards`

    Raises SettingError where the column is missing or nothing is said of an event, DataError where an interaction has no event.
    """
    return _rewards(split, text, split.part == Part.TRAIN, "training")


def _rewards(split: Split, text: str, kept: NDArray[np.bool_], part: str) -> NDArray[np.float64]:
    """The rewards of the rows that are `kept` (R,), of the `part` that messages name; the scale of ratings is that of the training part."""
    rule = parse_rewards(settled_rewards(split, text))
    table = split.dataset.interactions
    rows = table[split.rows.index[kept]]
    if rule == "one":
        return np.ones(len(rows))
    column = "rating" if rule == "rating" else "event"
    if column not in table.columns:
        raise SettingError(
            f"rewards: {split.dataset.name} has no column '{column}', which rewards={text} needs; it has {', '.join(table.columns)}. "
            "Use rewards=one, which counts interactions."
        )
    if rule == "rating":
        return _scaled(rows["rating"].to_numpy(), table["rating"].to_numpy()[split.rows.index[split.part == Part.TRAIN]])
    return _of_events(rows["event"], WORTH if isinstance(rule, str) else rule, split.dataset.name, part)


def _number(event: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SettingError(f"rewards: '{text}' is not what '{event}' can be worth; give a number from 0, as in {event}=1.")
    return value


def _scaled(ratings: NDArray[np.float64], training: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = (training.min(), training.max()) if len(training) else (0.0, 0.0)
    return np.clip((ratings - low) / (high - low), 0, 1) if high > low else np.ones(len(ratings))


def _of_events(events: pl.Series, worth: Mapping[str, float], name: str, part: str) -> NDArray[np.float64]:
    if events.null_count():
        raise DataError(f"{name}: {events.null_count()} of {len(events)} {part} interactions have no event, and so no reward. Drop them, or use rewards=one.")
    for event, count in events.value_counts(sort=True).iter_rows():
        if event not in worth:
            raise SettingError(
                f"rewards: nothing is said of the event '{event}', which {count} of {len(events)} {part} interactions have; {nearest(event, worth)} "
                f"Say what each event is worth, as in rewards={FORM}."
            )
    return events.replace_strict(worth, return_dtype=pl.Float64).to_numpy()
