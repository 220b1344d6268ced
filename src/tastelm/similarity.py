"""Which items were met by the same users: counts, and what is made of them without descent."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError
from tastelm.nn.sessions import incidence


def cosine_neighbours(histories: Sequences, n_items: int, count: int, shrink: float, *, block: int = 4096) -> tuple[Tensor, Tensor]:
    """The `count` most similar items of each item by shrunk cosine: codes (N, count) int32 and similarities (N, count), 0 where there are fewer.

    Worked out `block` items at a time, so that memory follows the block and not the catalogue.
    """
    met = incidence(histories, n_items)
    columns = met.T.tocsr()
    norm = np.sqrt(np.asarray(met.sum(0)).ravel())
    codes, weights = np.zeros((n_items, count), np.int32), np.zeros((n_items, count), np.float32)
    for at in range(0, n_items, block):
        together = (columns[at : at + block] @ met).tocsr()
        rows = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr)) + at
        together.data *= rows != together.indices
        together.data /= norm[rows] * norm[together.indices] + shrink + 1e-12
        codes[at : at + block], weights[at : at + block] = _strongest(together, count)
    return torch.from_numpy(codes), torch.from_numpy(weights)


def alike(histories: Sequences, n_items: int, count: int = 1) -> NDArray[np.int32]:
    """(N, count) codes of the items most like each, by the cosine of who met them; -1 where there are fewer."""
    codes, weights = cosine_neighbours(histories, n_items, count, shrink=0.0)
    found: NDArray[np.int32] = np.where(weights.numpy() > 0, codes.numpy(), -1)
    return found


def transitions(histories: Sequences, n_items: int, count: int, *, reach: int, shrink: float) -> tuple[Tensor, Tensor]:
    """The `count` most frequent followers of each item: codes (N, count) int32 and c(i, j) / (sum_j c(i, j) + shrink), 0 where there are fewer.

    c counts a follower at distance d as 1 / d, up to distance `reach`.
    """
    left = histories.offsets[1:][histories.owners] - 1 - np.arange(len(histories.values))  # items behind each in its history
    sources = [np.flatnonzero(left >= distance) for distance in range(1, reach + 1)]
    counted = np.concatenate([np.full(len(source), 1 / distance, np.float32) for distance, source in enumerate(sources, start=1)])
    followers = np.concatenate([histories.values[source + distance] for distance, source in enumerate(sources, start=1)])
    total = sparse.csr_matrix((counted, (histories.values[np.concatenate(sources)], followers)), (n_items, n_items))
    total.sum_duplicates()
    total.data /= np.repeat(np.asarray(total.sum(1)).ravel(), np.diff(total.indptr)) + shrink
    codes, weights = _strongest(total, count)
    return torch.from_numpy(codes), torch.from_numpy(weights)


def _strongest(matrix: sparse.csr_matrix, count: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Columns and values of the `count` largest entries of each row, 0 where there are fewer."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    codes, weights = np.zeros((matrix.shape[0], count), np.int32), np.zeros((matrix.shape[0], count), np.float32)
    # Sort all entries by row and falling value, then keep the first of each row.
    order = np.lexsort((-matrix.data, rows))
    rank = np.arange(len(order)) - matrix.indptr[rows[order]]
    kept = order[rank < count]
    codes[rows[kept], rank[rank < count]] = matrix.indices[kept]
    weights[rows[kept], rank[rank < count]] = matrix.data[kept]
    return codes, weights


def ease_weights(histories: Sequences, n_items: int, l2: float) -> Tensor:
    """(N, N) item-to-item weights B with a zero diagonal that minimise |X - XB|^2 + l2 |B|^2 (Steck, 2019, Eq. 8: B = I - P / diag P)."""
    met = incidence(histories, n_items)
    gram = torch.from_numpy((met.T @ met).toarray())
    gram.diagonal().add_(l2)
    factor, failed = torch.linalg.cholesky_ex(gram, out=(gram, torch.empty((), dtype=torch.int32)))
    if int(failed):
        raise DataError(f"ease: the item matrix cannot be inverted with l2 = {l2:g}. Raise it with --set l2=...")
    precision = torch.cholesky_inverse(factor)
    del gram, factor
    diagonal = precision.diagonal().clone()
    precision.div_(-diagonal[None, :]).fill_diagonal_(0)
    return precision
