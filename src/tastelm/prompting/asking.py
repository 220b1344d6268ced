"""Asking a language model about items: their titles, what of a history is shown, and who is liked where nothing is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.nn.texts import Texts
from tastelm.prompting.catalogue import everything, log_popularity
from tastelm.prompting.titles import Showing
from tastelm.text.segments import Slot
from tastelm.text.template import Template


class Asker(nn.Module):
    """What the ways to ask share.

    prior    (N,) what is ranked where nothing is asked: the log of how often an item was met in training
    """

    prior: Tensor

    def __init__(self, template: Template, items: int, *, showing: Showing) -> None:
        super().__init__()
        self.titles, self.template, self.showing = Texts(), template, showing
        self.register_buffer("prior", torch.zeros(items))
        self._names: list[str] = []

    def know(self, titles: Sequence[str], popularity: NDArray[np.int64]) -> None:
        """Take over the titles of N items, and how often each was met in training."""
        self.titles.write(titles)
        self._names = []
        self.prior.copy_(torch.from_numpy(log_popularity(popularity)))

    @property
    def names(self) -> list[str]:
        """(N,) the titles."""
        if not self._names:
            self._names = self.titles.texts()
        return self._names

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item; nobody's identity is used."""
        items = len(self.prior)
        return self.candidate_scores(histories, users, everything(len(histories), items)).view(len(histories), items)

    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        raise NotImplementedError

    def shown(self, history: NDArray[np.integer]) -> list[str]:
        """Titles of what a prompt shows of a history."""
        return [self.names[code] for code in self.showing(history)]

    def best(self, count: int) -> NDArray[np.int64]:
        """The items that the prior likes best, up to so many."""
        found: NDArray[np.int64] = self.prior.topk(min(count, len(self.prior))).indices.cpu().numpy()
        return found

    def slot(self, kind: str) -> str:
        """The slot of a kind in the source of the template. Raises SettingError if it has none, or several."""
        found = [segment.name for segment in self.template.source_prompt if isinstance(segment, Slot) and segment.kind == kind]
        if len(found) != 1:
            raise SettingError(f"template '{self.template.name}' does not fit: its source must hold one slot of the kind {kind}, not {len(found)}.")
        return found[0]
