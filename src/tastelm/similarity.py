"""Which items were met by the same users: counts, and what is made of them without descent."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError


def incidence(histories: Sequences, n_items: int) -> sparse.csr_matrix:
    """(U, N) float32, 1 where a user met an item, however often."""
    ones = np.ones(len(histories.values), np.float32)
    # A copy: summing duplicates sorts the codes in place, and these belong to the histories.
    matrix = sparse.csr_matrix((ones, histories.values, histories.offsets), (len(histories), n_items), copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


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
        # Sort all pairs by item and falling similarity, then keep the first of each item.
        order = np.lexsort((-together.data, rows))
        rank = np.arange(len(order)) - together.indptr[rows[order] - at]
        kept = order[rank < count]
        codes[rows[kept], rank[rank < count]] = together.indices[kept]
        weights[rows[kept], rank[rank < count]] = together.data[kept]
    return torch.from_numpy(codes), torch.from_numpy(weights)


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
