"""Who is pre-trained on and who is tuned on: a split whose users are divided in two, and shares of the second half, each inside the next.

Source users are pre-trained on. Target users are asked, all of them and the same questions in every split made here; a share of them is
tuned on. A history that is trained on has its validation question too, and nobody else has one: whoever learns from few users can be
steered by few. The histories of all other target users are input, read when their question is asked; of users who are neither asked nor
trained on nothing is left at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tastelm.data.protocols import Part, mixed
from tastelm.data.split import Split
from tastelm.errors import DataError, SettingError


@dataclass(frozen=True, eq=False)
class Shares:
    """The users of `base`, divided by a hash under its seed.

    base         a split of all users in which each is trained on and asked
    source_part  share of the users that is pre-trained on; those of whom nothing is asked are added, they can be nothing else

    Raises SettingError for a share that is none, DataError where a half would be empty.
    """

    base: Split
    source_part: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.source_part < 1:
            raise SettingError(f"source: {self.source_part} does not fit; it takes a share of the users above 0 and below 1.")
        if len(self.targets) == 0 or len(self.source) == 0:
            raise DataError(
                f"{self.base.dataset.name}: {len(self._asked)} users have a question, too few to be divided into {self.source_part:.0%} to pre-train on "
                "and the rest to tune on. Use more data."
            )

    @cached_property
    def _asked(self) -> NDArray[np.int32]:
        """Codes of the users that have a test question and something to train on."""
        asked, taught = (np.bincount(self.base.rows.user[self.base.part == part], minlength=len(self.base.users)) > 0 for part in (Part.TEST, Part.TRAIN))
        return np.flatnonzero(asked & taught).astype(np.int32)

    @cached_property
    def targets(self) -> NDArray[np.int32]:
        """Codes of the target users."""
        return _shuffled(self._asked, self.base.seed)[round(len(self._asked) * self.source_part) :]

    @cached_property
    def source(self) -> NDArray[np.int32]:
        """Codes of the source users."""
        return np.setdiff1d(self.base.rows.user, self.targets).astype(np.int32)

    def drawn(self, share: float, draw: int) -> NDArray[np.int32]:
        """Codes of the target users in a share (above 0, at most 1). A larger share of the same `draw` holds all users of a smaller one.

        Raises DataError where it would hold nobody with a history to learn from.
        """
        # Another draw than the one that parted source from target: under one hash the first share would be the edge of the other half.
        users = _shuffled(self.targets, self.base.seed + (draw + 1) * 1_000_003)[: round(len(self.targets) * share)]
        if not (self.base.train.lengths[users] >= 2).any():
            raise DataError(
                f"{self.base.dataset.name}: {100 * share:g} % of {len(self.targets)} target users are {len(users)}, and no history of theirs is long enough to "
                "learn from. Give larger --shares, or more data."
            )
        return users

    def split(self, share: float = 0.0, draw: int = 0, *, source: bool = False) -> Split:
        """A split that trains on a share of the target users (0: on none), on the `source` users, or on both.

        The test questions are those of all target users, and each is asked from the user's whole history, whatever is trained on.
        """
        rows, base = self.base.rows.user, self.base.part
        taught = np.zeros(len(self.base.users), bool)
        if share:
            taught[self.drawn(share, draw)] = True
        if source:
            taught[self.source] = True
        target = np.zeros(len(self.base.users), bool)
        target[self.targets] = True
        known = np.isin(base, (Part.TRAIN, Part.VALID, Part.INPUT))
        part = np.select(
            [taught[rows] & known, target[rows] & known, target[rows] & (base == Part.TEST)], [base, Part.INPUT, Part.TEST], Part.UNUSED
        )  # fmt: skip
        name = f"{self.base.protocol}, transfer from {self.source_part:g}: {'source and ' if source else ''}{share:g} of the others, draw {draw}"
        return replace(self.base, protocol=name, part=part.astype(np.int8))


def _shuffled(users: NDArray[np.int32], seed: int) -> NDArray[np.int32]:
    """The users in an order that follows the seed and nothing else."""
    return users[np.argsort(mixed(users.astype(np.uint64), seed), kind="stable")]
