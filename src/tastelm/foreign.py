"""A run meets data with another catalogue than the one it was trained on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.data.vocabulary import Vocabulary
from tastelm.recommender import Recommender
from tastelm.systems.base import ItemScorer


class Translated:
    """An ItemScorer over the codes of other data: items that the run does not know are dropped from histories and never ranked.

    remarks  sentences on what was not known
    """

    def __init__(self, model: Recommender, items: Vocabulary, users: Vocabulary) -> None:
        assert isinstance(model.module, ItemScorer)
        self.scorer, self.n_items = model.module, len(items)
        self._items, self._users = model.items.encode(items.ids), model.users.encode(users.ids)
        self._known = torch.from_numpy(np.flatnonzero(self._items >= 0))
        unknown = int((self._items < 0).sum())
        self.remarks = [f"{unknown:,} of {len(items):,} items are not known to the run: they count as misses."] if unknown else []

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) over the items of the data; -inf where the run does not know the item."""
        codes = self._items[histories.values]
        kept = codes >= 0
        lengths = np.bincount(histories.owners[kept], minlength=len(histories))
        scores = self.scorer.item_scores(Sequences.from_lengths(codes[kept], lengths), self._users[users])
        translated = torch.full((len(histories), self.n_items), -torch.inf)
        translated[:, self._known] = scores[:, torch.from_numpy(self._items[self._items >= 0].astype(np.int64))].float().cpu()
        return translated
