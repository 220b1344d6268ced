"""A Dataset under a named, leak-free protocol: what is trained on, and which questions are asked at the end.

Every interaction belongs to exactly one part. The questions of a part (`Split.cases`) are answered from what came before it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tastelm.data.dataset import Dataset
from tastelm.data.features import Features, Sizes
from tastelm.data.protocols import PROTOCOLS, Part, Rows, parse_protocol
from tastelm.data.sequences import Sequences
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import SettingError

__all__ = ["Cases", "Part", "Split", "split"]


@dataclass(frozen=True, eq=False)
class Cases:
    """C questions: given a history, which items come next?

    users      (C,) int32 codes of who asks
    histories  C sequences of item codes, oldest first, all earlier than the targets
    targets    C sequences of the item codes that did come, at least one each
    """

    users: NDArray[np.int32]
    histories: Sequences
    targets: Sequences

    def __len__(self) -> int:
        return len(self.users)

    def sample(self, count: int, seed: int) -> Cases:
        """At most `count` of the questions, drawn at random; all of them where there are no more."""
        return self if count >= len(self) else self.take(self.draw(count, seed))

    def draw(self, count: int, seed: int) -> NDArray[np.int64]:
        """The places of `count` questions drawn at random, in their order."""
        return np.sort(np.random.default_rng(seed).permutation(len(self))[:count])

    def take(self, places: NDArray[np.integer]) -> Cases:
        """The questions at these places."""
        return Cases(self.users[places], self.histories.take(places), self.targets.take(places))


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of a Dataset. Made by `split`.

    dataset   what was split
    protocol  the name it was split by, as `leave-one-out` or `ratio:0.8,0.1`
    seed      decides ties in time, and who is drawn where the protocol draws
    users, items  codes of every user and item of the Dataset; the catalogue is complete, also where an item is never trained on
    rows      the interactions, ordered by user and then by time
    part      (R,) int8, the Part of each row
    keeps_seen  whether the items of a history stay candidates; None: where users come back to items in this data
    """

    dataset: Dataset
    protocol: str
    seed: int
    users: Vocabulary
    items: Vocabulary
    rows: Rows
    part: NDArray[np.int8]
    keeps_seen: bool | None = None

    @cached_property
    def train(self) -> Sequences:
        """One sequence of item codes a user (empty where nothing of the user is trained on), oldest first, with times where they are known."""
        return self._sequences(self.part == Part.TRAIN)

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """(N,) how often each item was met in the training part."""
        return np.bincount(self.train.values, minlength=len(self.items))

    @cached_property
    def features(self) -> Features:
        """What the items table says of each item of the catalogue."""
        return Features.of(self.dataset.items, "item", self.items)

    @cached_property
    def sizes(self) -> Sizes:
        """What the shape of a module depends on beside its settings."""
        return Sizes(len(self.items), len(self.users), self.features.fields)

    @property
    def mask_seen(self) -> bool:
        """Whether the items of a history are set aside when ranking: yes, unless users come back to items in this data, or the protocol keeps them."""
        return not (self.dataset.repeats_items if self.keeps_seen is None else self.keeps_seen)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over the data, the protocol and the part of every row."""
        digest = hashlib.sha256(f"{self.dataset.fingerprint} {self.protocol} {self.seed}".encode())
        for array in (self.rows.item, self.part):
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]

    def cases(self, part: Part) -> Cases:
        """The questions of the VALID or the TEST part: one for each user who has targets in it.

        A history holds what the user did before the first target: training and input rows, and for TEST the valid rows too. An item that a user
        met several times in the part is a target once, where it was met first.
        """
        if part not in (Part.VALID, Part.TEST):
            raise ValueError(f"only VALID and TEST hold questions, not {part.name}")
        target = self.part == part
        first = self.rows.first_of_user(target)
        known = np.isin(self.part, (Part.TRAIN, Part.INPUT, Part.VALID) if part == Part.TEST else (Part.TRAIN, Part.INPUT))
        earlier = known & (np.arange(len(self.part)) < first[self.rows.user])
        asked = np.flatnonzero(first < len(self.part)).astype(np.int32)
        return Cases(asked, self._sequences(earlier).take(asked), self._sequences(self._once(target)).take(asked))

    def _once(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The chosen rows (R,) without those in which a user meets an item again."""
        rows = np.flatnonzero(chosen)
        pairs = self.rows.user[rows].astype(np.int64) * len(self.items) + self.rows.item[rows]
        kept = np.zeros(len(chosen), bool)
        kept[rows[np.unique(pairs, return_index=True)[1]]] = True
        return kept

    def without_test(self) -> Split:
        """The same split with the test part gone from rows and Dataset, so that whoever gets it cannot look there.

        The vocabularies stay whole: codes mean what they meant, and the catalogue is the one that will be ranked.
        """
        return self.only(self.part != Part.TEST)

    def only(self, kept: NDArray[np.bool_]) -> Split:
        """The split of these rows (R,) alone; they are all that its Dataset holds, but the vocabularies stay whole."""
        table = self.dataset.interactions[np.sort(self.rows.index[kept])]
        return replace(self, dataset=replace(self.dataset, interactions=table), rows=self.rows.keep(kept), part=self.part[kept])

    def _sequences(self, chosen: NDArray[np.bool_]) -> Sequences:
        lengths = np.bincount(self.rows.user[chosen], minlength=len(self.users))
        return Sequences.from_lengths(self.rows.item[chosen], lengths, None if self.rows.time is None else self.rows.time[chosen])


def split(dataset: Dataset, protocol: str = "leave-one-out", *, seed: int = 0) -> Split:
    """Divide `dataset` by a protocol:

    leave-one-out        the last interaction of a user is test, the one before it valid; users with fewer than 3 are trained on whole
    global-time:0.8,0.9  valid is what happened after the first share of all interactions, test after the second
    ratio:0.8,0.1        of every user's interactions the first share is trained on, the next valid, the rest test
    random:0.8,0.1       rows at random whatever their time: for ratings and explanations; each user and item keeps one to be trained on
    cold-users:0.1       this share of the users is valid and as many are test; nothing of them is trained on
    cold-items:0.1       this share of the items is valid and as many are test; nothing of them is trained on
    few-shot:3           leave-one-out, but of every user this many interactions are trained on at most, the newest
    all                  for production: everything is trained on, but for the last interaction of a few users, which tells when to stop

    Raises SettingError for an unknown protocol or a number out of range, DataError where the data lack times or are too small.
    """
    if seed < 0:
        raise SettingError(f"split_seed: {seed} does not fit; it takes a whole number from 0.")
    name, numbers = parse_protocol(protocol)
    users = Vocabulary(dataset.interactions["user"].unique())
    items = Vocabulary(dataset.interactions["item"].unique())
    rows = Rows.of(dataset, users, items, seed)
    part = PROTOCOLS[name].divide(rows, dataset, seed, *numbers)
    return Split(dataset, protocol, seed, users, items, rows, part.astype(np.int8))
