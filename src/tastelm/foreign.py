"""A run meets data with another catalogue than the one it was trained on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.data.vocabulary import Vocabulary
from tastelm.plm.meter import Spent, spent_by
from tastelm.recommender import Recommender
from tastelm.systems.base import CandidateScorer, ItemScorer


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
        scores = self.scorer.item_scores(self._known_of(histories), self._users[users])
        translated = torch.full((len(histories), self.n_items), -torch.inf)
        translated[:, self._known] = scores[:, torch.from_numpy(self._items[self._items >= 0].astype(np.int64))].float().cpu()
        return translated

    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end; -inf where the run does not know the item."""
        if not isinstance(self.scorer, CandidateScorer):
            return self.item_scores(histories, users)[torch.from_numpy(candidates.owners), torch.from_numpy(candidates.values.astype(np.int64))]
        known = self._known_of(candidates)
        rows, scores = np.flatnonzero(known.lengths), torch.full((len(candidates.values),), -torch.inf)
        if len(rows):
            found = self.scorer.candidate_scores(self._known_of(histories).take(rows), self._users[users[rows]], known.take(rows))
            scores[torch.from_numpy(self._items[candidates.values] >= 0)] = found.float().cpu()
        return scores

    def spent(self) -> Spent | None:
        """What the language models of the run have cost until now; None if it asks none."""
        return spent_by(self.scorer)

    def _known_of(self, sequences: Sequences) -> Sequences:
        """The items that the run knows, by its own codes."""
        codes = self._items[sequences.values]
        kept = codes >= 0
        return Sequences.from_lengths(codes[kept], np.bincount(sequences.owners[kept], minlength=len(sequences)))
