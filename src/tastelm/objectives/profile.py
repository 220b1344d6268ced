"""What a history tells of its user: attributes, and whom the user knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences, UserWindows
from tastelm.objectives.base import Outcome
from tastelm.objectives.contrastive import info_nce
from tastelm.objectives.order import pooled


@dataclass(frozen=True, eq=False)
class UserAttributes:
    """Mean over fields of -log p(attribute of the user | history) (UPRec, Xiao et al. 2021; survey 4.1).

    labels  field -> (U,) int64 code of each user's attribute, -1 where it is not known

    Takes a module with `forward(sequences) -> (T, D)` and `profile(states, sequences)`, logits (B, categories) by field, and batches
    that say whose each sequence is. Users of whom nothing is known leave the loss.
    """

    labels: Mapping[str, NDArray[np.int64]]

    def __call__(self, module: nn.Module, batch: UserWindows, rng: np.random.Generator) -> Outcome:
        states = module(batch)
        profile: Any = module.profile
        logits, losses = profile(states, batch), []
        for field, labels in self.labels.items():
            wanted = torch.from_numpy(labels[batch.users]).to(states.device)
            if (wanted >= 0).any():
                losses.append(F.cross_entropy(logits[field], wanted, ignore_index=-1))
        loss = torch.stack(losses).mean() if losses else states.sum() * 0
        return Outcome(loss, len(batch))


@dataclass(frozen=True, eq=False)
class UserNumbers:
    """Mean squared error of what is known of users in numbers, such as their age, told from their histories.

    values  (U, F) float32 on one scale, NaN where a number is not known

    Takes a module with `forward(sequences) -> (T, D)` and `numbers`, a map from a mean state (B, D) to (B, F), and batches that say whose each
    sequence is. Users of whom no number is known leave the loss.
    """

    values: NDArray[np.float32]

    def __call__(self, module: nn.Module, batch: UserWindows, rng: np.random.Generator) -> Outcome:
        states = module(batch)
        head: Any = module.numbers
        told = head(pooled(states, batch))
        wanted = torch.from_numpy(self.values[batch.users]).to(told)
        known = ~wanted.isnan()
        return Outcome(((told - wanted.nan_to_num()) ** 2 * known).sum() / known.sum().clamp(min=1), len(batch))


@dataclass(frozen=True, eq=False)
class Acquaintance:
    """InfoNCE of a user's history and that of one whom the user knows, among those of the batch (UPRec's social relations).

    friends    for each of U users the codes of those the user knows; a relation counts in both directions only if both name it
    sequences  (U) histories of the training part
    window     items of a friend's history that are read, its last

    Takes what `UserAttributes` takes. Users who know nobody with a history contribute nothing. Who is known too, and oneself, is no stranger.
    """

    friends: Sequences
    sequences: Sequences
    window: int
    temperature: float = 0.1

    def __call__(self, module: nn.Module, batch: UserWindows, rng: np.random.Generator) -> Outcome:
        counts = self.friends.lengths[batch.users]
        drawn = self.friends.offsets[:-1][batch.users] + np.floor(rng.random(len(batch)) * np.maximum(counts, 1)).astype(np.int64)
        friend = np.where(counts > 0, self.friends.values[np.minimum(drawn, len(self.friends.values) - 1)], -1)
        known = np.flatnonzero((friend >= 0) & (self.sequences.lengths[friend] > 0))
        if len(known) < 2:
            return Outcome(next(module.parameters()).sum() * 0, len(batch))
        left, right = batch.take(known), self.sequences.take(friend[known]).last(self.window)
        states = F.normalize(torch.cat([pooled(module(part), part) for part in (left, right)]), dim=1)
        alike = torch.from_numpy(self._familiar(batch.users[known], friend[known])).to(states.device)
        return Outcome(info_nce(states[: len(known)], states[len(known) :], temperature=self.temperature, same=alike), len(batch))

    def _familiar(self, users: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.bool_]:
        """(B, B) whether user i is, or knows, other j."""
        circles, size = self.friends.take(users), len(self.friends)
        known = np.isin(np.arange(len(users))[:, None] * size + others, circles.owners * size + circles.values)
        return np.asarray(known | (users[:, None] == others))
