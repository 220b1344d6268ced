"""Answers from sessions like this one: the stored sessions are the model."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.ragged import Ragged


class SessionNeighbours(nn.Module):
    """The k stored sessions most like a history vote for their items.

    Items of the history weigh more the newer they are: linearly, from 1 / n for the oldest to 1 for the newest (V-SkNN, Ludewig and
    Jannach 2018). A session is as like as the weights it shares over the square root of its length, times the weight of the history's.

    neighbours  k
    sample      of the sessions that share an item with a history the newest this many are compared; 0: all
    """

    def __init__(self, n_items: int, *, neighbours: int, sample: int) -> None:
        super().__init__()
        self.n_items, self.neighbours, self.sample = n_items, neighbours, sample
        self.sessions = Ragged()

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N), zero for an empty history and for one that shares nothing with any session."""
        met = incidence(self.sessions.sequences(), self.n_items)
        asked = _weighed(histories, self.n_items)
        length = np.sqrt(np.maximum(np.diff(met.indptr), 1))
        alike = (asked @ met.T).tocsr()
        alike.data /= length[alike.indices]
        return torch.from_numpy(np.asarray((self._nearest(alike) @ met).toarray(), np.float32))

    def _nearest(self, alike: sparse.csr_matrix) -> sparse.csr_matrix:
        """The entries of the k most similar sessions of each row, of the newest that share anything; later sessions win ties."""
        alike.sort_indices()
        rows = np.repeat(np.arange(alike.shape[0]), np.diff(alike.indptr))
        kept = np.ones(len(rows), bool)
        if self.sample:
            from_end = alike.indptr[1:][rows] - 1 - np.arange(len(rows))
            kept = from_end < self.sample
        order = np.lexsort((-alike.indices, -np.where(kept, alike.data, -1), rows))
        rank = np.arange(len(order)) - alike.indptr[rows[order]]
        chosen = order[(rank < self.neighbours) & kept[order]]
        return sparse.csr_matrix((alike.data[chosen], (rows[chosen], alike.indices[chosen])), alike.shape)


def incidence(histories: Sequences, n_items: int) -> sparse.csr_matrix:
    """(U, N) float32, 1 where a user, or a session, met an item, however often."""
    ones = np.ones(len(histories.values), np.float32)
    # A copy: summing duplicates sorts the codes in place, and these belong to the histories.
    matrix = sparse.csr_matrix((ones, histories.values, histories.offsets), (len(histories), n_items), copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _weighed(histories: Sequences, n_items: int) -> sparse.csr_matrix:
    """(B, N) float32, the weight of each item of a history by how new it is; that of its newest copy where it was met again."""
    lengths = histories.lengths[histories.owners]
    place = np.arange(len(histories.values)) - histories.offsets[:-1][histories.owners] + 1
    order = np.lexsort((place, histories.values, histories.owners))
    owners, items = histories.owners[order], histories.values[order]
    newest = np.ones(len(order), bool)
    newest[:-1] = (owners[1:] != owners[:-1]) | (items[1:] != items[:-1])
    weights = (place / np.maximum(lengths, 1))[order][newest].astype(np.float32)
    return sparse.csr_matrix((weights, (owners[newest], items[newest])), (len(histories), n_items))
