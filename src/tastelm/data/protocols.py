"""How the rows of a Dataset are divided into parts. One function a protocol, one table of them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.dataset import Dataset
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import DataError, SettingError, nearest


class Part(IntEnum):
    """What a row is for."""

    TRAIN = 0
    VALID = 1
    TEST = 2
    INPUT = 3  # given as history when a question is asked, never trained on
    UNUSED = 4


@dataclass(frozen=True, eq=False)
class Rows:
    """R interactions ordered by user, and within a user from the oldest to the newest.

    user, item  (R,) int32 codes
    time        (R,) float64 seconds, or None
    place       (R,) int64, 0 for the oldest interaction of a user
    length      (R,) int64, how many interactions the user has
    index       (R,) int64, the row of the Dataset's interactions that each is
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.float64] | None
    place: NDArray[np.int64]
    length: NDArray[np.int64]
    index: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset, users: Vocabulary, items: Vocabulary, seed: int) -> Rows:
        """Code and order the interactions. Ties in time, and rows without any order, are broken by a seeded hash of user, item and copy."""
        user, item = (_codes(dataset.interactions[name], known) for name, known in (("user", users), ("item", items)))
        time = dataset.interactions["time"].to_numpy() if "time" in dataset.interactions.columns else None
        if dataset.order == "file":
            order = np.argsort(user, kind="stable")
        else:
            pair = user.astype(np.uint64) << np.uint64(32) | item.astype(np.uint64)
            # Copies of an interaction draw apart: side by side, the answer would stand right before the question.
            draw = mixed(pair + _copies(pair) * np.uint64(0xD1342543DE82EF95) if dataset.repeats else pair, seed)
            order = np.lexsort((draw, user) if dataset.order == "none" or time is None else (draw, time, user))
        user, item = user[order], item[order]
        length = np.bincount(user, minlength=len(users))
        place = np.arange(len(user)) - np.repeat(np.cumsum(length) - length, length)
        return cls(user, item, None if time is None else time[order], place, length[user], order)

    def keep(self, chosen: NDArray[np.bool_]) -> Rows:
        """The chosen rows alone, as if the others had never been: places and lengths are counted anew, and the index among the rows that stay."""
        user, length = self.user[chosen], np.bincount(self.user[chosen])
        place = np.arange(len(user)) - (np.cumsum(length) - length)[user]
        index = np.argsort(np.argsort(self.index[chosen]))
        return Rows(user, self.item[chosen], None if self.time is None else self.time[chosen], place, length[user], index)

    def first_of_user(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(U,) index of the first chosen row of each user, R where there is none."""
        first = np.full(int(self.user[-1]) + 1, len(self.user), dtype=np.int64)
        rows = np.flatnonzero(chosen)[::-1]
        first[self.user[rows]] = rows
        return first


def mixed(values: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """A hash of each value under a seed (the finaliser of SplitMix64): the same everywhere, unrelated to the order of the values."""
    mask = (1 << 64) - 1
    x = values + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 & mask)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _copies(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """How many equal values stand before each."""
    order = np.argsort(values, kind="stable")
    place = np.arange(len(values))
    begins = np.concatenate([np.ones(1, bool), np.diff(values[order]) != 0])
    count = np.empty(len(values), np.uint64)
    count[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return count


def _codes(column: pl.Series, known: Vocabulary) -> NDArray[np.int32]:
    return column.cast(pl.Enum(list(known.ids))).to_physical().to_numpy().astype(np.int32)


def leave_one_out(rows: Rows, dataset: Dataset, seed: int) -> NDArray[np.integer]:
    from_end = rows.length - 1 - rows.place
    enough = rows.length >= 3
    if not enough.any():
        raise DataError(f"{dataset.name}: no user has 3 interactions, so none can be trained on, validated and tested. Use --split ratio or more data.")
    return np.select([enough & (from_end == 0), enough & (from_end == 1)], [Part.TEST, Part.VALID], Part.TRAIN)


def global_time(rows: Rows, dataset: Dataset, seed: int, first: float, second: float) -> NDArray[np.integer]:
    if rows.time is None or dataset.order != "time":
        raise DataError(f"{dataset.name} has no times, which the split global-time needs. Name the column with --time NAME, or use --split leave-one-out.")
    begin_valid, begin_test = np.quantile(rows.time, [first, second], method="higher")
    part = np.select([rows.time >= begin_test, rows.time >= begin_valid], [Part.TEST, Part.VALID], Part.TRAIN)
    return _need(part, dataset, "global-time", "the times are too much alike to cut there")


def ratio(rows: Rows, dataset: Dataset, seed: int, train: float, valid: float) -> NDArray[np.integer]:
    share = (rows.place + 1) / rows.length
    part = np.select([(rows.place == 0) | (share <= train + 1e-9), share <= train + valid + 1e-9], [Part.TRAIN, Part.VALID], Part.TEST)
    return _need(part, dataset, "ratio", "the histories are too short to be cut so")


def at_random(rows: Rows, dataset: Dataset, seed: int, train: float, valid: float) -> NDArray[np.integer]:
    order = np.random.default_rng(seed).permutation(len(rows.user))
    # The first row of a user or an item in this order stays with training, so that nobody is asked about who was never met.
    needed = np.zeros(len(order), bool)
    for codes in (rows.user, rows.item):
        needed[order[np.unique(codes[order], return_index=True)[1]]] = True
    free = order[~needed[order]]
    held_out = min(len(free), round((1 - train) * len(order)))
    validating = round(held_out * valid / (1 - train))
    part = np.full(len(order), Part.TRAIN)
    part[free[:validating]], part[free[validating:held_out]] = Part.VALID, Part.TEST
    return _need(part, dataset, "random", "too few interactions are of users and items that have others")


def cold_users(rows: Rows, dataset: Dataset, seed: int, share: float) -> NDArray[np.integer]:
    drawn = _draw(int(rows.user[-1]) + 1, share, seed)[rows.user]
    held_out = (drawn != Part.TRAIN) & (rows.length >= 2)
    last = rows.place == rows.length - 1
    # A drawn user with a single interaction has no history to ask from, and training on it would warm the user up.
    part = np.select([held_out & last, held_out, drawn != Part.TRAIN], [drawn, Part.INPUT, Part.UNUSED], Part.TRAIN)
    return _need(part, dataset, "cold-users", "too few users have 2 interactions")


def cold_items(rows: Rows, dataset: Dataset, seed: int, share: float) -> NDArray[np.integer]:
    drawn = _draw(int(rows.item.max()) + 1, share, seed)[rows.item]
    return _need(drawn, dataset, "cold-items", "there are too few items")


def few_shot(rows: Rows, dataset: Dataset, seed: int, shots: float) -> NDArray[np.integer]:
    part = leave_one_out(rows, dataset, seed)
    held_out = np.where(rows.length >= 3, 2, 0)
    return np.where((part == Part.TRAIN) & (rows.place < rows.length - held_out - int(shots)), Part.UNUSED, part)


def everything(rows: Rows, dataset: Dataset, seed: int) -> NDArray[np.integer]:
    able = np.unique(rows.user[rows.length >= 3])
    judges = np.random.default_rng(seed).permutation(able)[: min(1000, len(able) // 20 + 1)]
    last = rows.place == rows.length - 1
    return np.where(last & np.isin(rows.user, judges), Part.VALID, Part.TRAIN)


def _draw(count: int, share: float, seed: int) -> NDArray[np.integer]:
    """(count,) a Part for each user or item: the share VALID, as many TEST, the rest TRAIN."""
    each = max(1, round(count * share))
    part = np.full(count, Part.TRAIN)
    order = np.random.default_rng(seed).permutation(count)
    part[order[:each]], part[order[each : 2 * each]] = Part.VALID, Part.TEST
    return part


def _need(part: NDArray[np.integer], dataset: Dataset, name: str, why: str) -> NDArray[np.integer]:
    for wanted in (Part.TRAIN, Part.VALID, Part.TEST):
        if not (part == wanted).any():
            raise DataError(f"{dataset.name}: the split {name} leaves nothing to {wanted.name.lower()}: {why}. Use other numbers or more data.")
    return part


@dataclass(frozen=True)
class Protocol:
    """How to divide, and the numbers it takes: their defaults, and whether they are shares that sum to less than 1, cuts that rise, or a count."""

    divide: Callable[..., NDArray[np.integer]]
    defaults: tuple[float, ...] = ()
    kind: str = "share"


PROTOCOLS = {
    "leave-one-out": Protocol(leave_one_out),
    "global-time": Protocol(global_time, (0.8, 0.9), "cut"),
    "ratio": Protocol(ratio, (0.8, 0.1)),
    "random": Protocol(at_random, (0.8, 0.1)),
    "cold-users": Protocol(cold_users, (0.1,)),
    "cold-items": Protocol(cold_items, (0.1,)),
    "few-shot": Protocol(few_shot, (3,), "count"),
    "all": Protocol(everything),
}


def parse_protocol(text: str) -> tuple[str, tuple[float, ...]]:
    """`ratio:0.8,0.1` -> ('ratio', (0.8, 0.1)); numbers not given take their defaults. Raises SettingError."""
    name, _, given = text.partition(":")
    if name not in PROTOCOLS:
        raise SettingError(f"split: '{name}' is not known; {nearest(name, PROTOCOLS)}")
    protocol = PROTOCOLS[name]
    try:
        numbers = tuple(float(number) for number in given.split(",")) if given else protocol.defaults
    except ValueError:
        raise SettingError(f"split: '{given}' after '{name}:' is not a list of numbers; write it like {_example(name)}.") from None
    if len(numbers) != len(protocol.defaults) or not _fits(numbers, protocol.kind):
        raise SettingError(f"split: '{text}' does not fit; write it like {_example(name)}.")
    return name, numbers


def _fits(numbers: tuple[float, ...], kind: str) -> bool:
    if kind == "count":
        return all(1 <= number < 2**31 and number == int(number) for number in numbers)
    inside = all(0 < number < 1 for number in numbers)
    return inside and (sum(numbers) < 1 if kind == "share" else list(numbers) == sorted(set(numbers)))


def _example(name: str) -> str:
    return name + (":" if PROTOCOLS[name].defaults else "") + ",".join(f"{number:g}" for number in PROTOCOLS[name].defaults)
