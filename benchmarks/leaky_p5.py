"""P5 with the numbers of its paper, which were given along all data: a demonstration of what that leak is worth, no system.

The library refuses such tokens wherever they come from. Here alone the check is lifted, for this one class, which is in no table of systems.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.sequential import file_order_tokens, first_met
from tastelm.prompting.writer import ItemWriter
from tastelm.systems import written
from tastelm.systems.tuning_free.p5 import P5


def along_all_data(split: Split, base: int) -> ItemTokens:
    """Items numbered along whole histories, one user after the other, with the items that are to be predicted."""
    cases = split.cases(Part.TEST)
    everything = Sequences.of([np.concatenate([cases.histories[row], cases.targets[row]]) for row in range(len(cases))])
    return file_order_tokens(first_met(everything, len(split.items), seed=0), base=base)


class LeakyP5(P5):
    """P5 as it is, but for the tokens of its items."""

    card = replace(P5.card, name="p5-leaky", summary="A demonstration: what P5 scores where the numbers of the items know the answers.")

    @dataclass(frozen=True)
    class Config(P5.Config):
        def tokens(self, split: Split) -> ItemTokens:
            return along_all_data(split, self.codes)

        def spell(self, module: ItemWriter, split: Split, texts: Iterable[str], words: int) -> None:
            with patch.object(written, "check_split"):
                super().spell(module, split, texts, words)
