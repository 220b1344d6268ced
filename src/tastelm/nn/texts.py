"""Texts among the weights: what items are called, for modules that read it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tastelm.data.sequences import Sequences
from tastelm.nn.ragged import Ragged


class Texts(Ragged):
    """N texts as buffers of bytes, in the order of the codes; empty until they are written or come with a run folder."""

    def write(self, texts: Sequence[str]) -> None:
        """Take over N texts."""
        self.fill(Sequences.of([np.frombuffer(text.encode(), np.uint8).astype(np.int32) for text in texts]))

    def texts(self) -> list[str]:
        """All N, as they were written."""
        content, offsets = self.values.cpu().numpy().astype(np.uint8).tobytes(), self.offsets.tolist()
        return [content[begin:end].decode() for begin, end in pairwise(offsets)]
