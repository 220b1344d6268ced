"""A recommender that reads when each item was met, from several views of the time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.nn.hstu import BUCKETS, time_bucket
from tastelm.nn.sequence import SequenceRecommender

HOUR, DAY = 3600.0, 86_400.0
# 1 January 1970 was a Thursday; with this shift day 0 is a Monday.
THURSDAY = 3


class TimeViews(nn.Module):
    """A vector for the hour of the day, one for the day of the week (both of universal time), and one for how long ago the item before was
    met, added up. All start at zero, so at first times say nothing."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.hours, self.days, self.gaps = (nn.Parameter(torch.zeros(count, dim)) for count in (24, 7, BUCKETS))

    def forward(self, sequences: Sequences) -> Tensor:
        """Sequences with times -> (T, D). The first item of a sequence has no item before it and counts as met at once."""
        assert sequences.times is not None
        times = np.ascontiguousarray(sequences.times)
        before = np.roll(times, 1)
        first = sequences.offsets[:-1][sequences.lengths > 0]
        before[first] = times[first]
        device = self.hours.device
        hour = torch.from_numpy((times % DAY // HOUR).astype(np.int64)).to(device)
        day = torch.from_numpy(((times // DAY + THURSDAY) % 7).astype(np.int64)).to(device)
        gap = time_bucket(torch.from_numpy(times - before)).to(device)
        return F.embedding(hour, self.hours) + F.embedding(day, self.days) + F.embedding(gap, self.gaps)


class DatedRecommender(SequenceRecommender):
    """Item vectors joined by those of their times. Groups: `items`, `backbone`, `head`, `times`.

    A masked place has no time: when the next item will be met is not known when it is asked for. Sequences without times are read
    without them; so are rearranged ones, where a time that does not fit its neighbours would give the order away.
    """

    def __init__(
        self, items: Any, backbone: Any, times: TimeViews, *, scale: float, head: nn.Module | None = None, ask: Literal["last", "mask"] = "last"
    ) -> None:
        """`scale` multiplies the vectors of times as the item table does its own."""
        super().__init__(items, backbone, head=head, ask=ask)
        self.times, self.scale = times, scale

    def encode(self, tokens: Tensor, sequences: Sequences) -> Tensor:
        if sequences.times is not None and len(tokens):
            known = (self.codes(sequences) != self.items.n_items)[:, None]
            tokens = tokens + self.times(sequences) * self.scale * known
        return super().encode(tokens, sequences)
