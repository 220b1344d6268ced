"""The best items of a row of scores, with ties broken fairly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.errors import RunError

# Scores of one block of questions may take this much memory.
BLOCK_BYTES = 2**26
BLOCK_ROWS = 512


def block_rows(n_items: int) -> int:
    """Questions scored at once, so that memory follows the block and not the number of questions."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // (4 * max(n_items, 1))))


def top_k(scores: Tensor, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k best columns of each row, best first: codes (B, K) and scores (B, K), K = min(k, N).

    Items at -inf are no candidates; where fewer than K are left the codes are -1 and the scores -inf. Equal scores stand in
    a fixed order that is unrelated to the codes: `torch.topk` alone would leave them to chance or to the item's number.
    """
    n_items = scores.shape[1]
    keep = min(k, n_items)
    values, codes = scores.topk(min(k + 1, n_items), dim=1)
    tied = torch.nonzero((values[:, 1:] == values[:, :-1]).any(1)).flatten()
    values, codes = values[:, :keep], codes[:, :keep]
    if len(tied) and keep:
        codes[tied] = _fair(scores[tied], values[tied, -1], keep)
    return torch.where(values > -torch.inf, codes, -1).to(torch.int32).numpy(), values.numpy()


def _fair(scores: Tensor, lowest: Tensor, k: int) -> Tensor:
    """(B, k) codes of the best items of rows with ties, given the k-th best score of each row, `lowest` (B,)."""
    shuffle = _order(scores.shape[1])
    shuffled = scores[:, shuffle]
    level = shuffled == lowest[:, None]
    rows, places = torch.nonzero((shuffled > lowest[:, None]) | (level & (level.cumsum(1) <= k)), as_tuple=True)
    order = np.lexsort((places.numpy(), -shuffled[rows, places].numpy(), rows.numpy()))
    begin = np.searchsorted(rows.numpy(), np.arange(len(scores)))
    return shuffle[places[torch.from_numpy(order[begin[:, None] + np.arange(k)])]]


def set_aside(scores: Tensor, items: Sequences) -> None:
    """Put the scores (B, N) of the `items` of each row to -inf, in place: minus infinity is right for scores of any sign, zero is not."""
    rows = torch.from_numpy(items.owners)
    scores[rows, torch.from_numpy(items.values.astype(np.int64))] = -torch.inf


def check_scores(scores: Tensor, name: str) -> None:
    """Raises RunError if a score is not a number."""
    if bool(torch.isnan(scores).any()):
        raise RunError(f"{name} gave scores that are not numbers. Train it again, with a lower learning rate if it has one.")


@lru_cache(maxsize=4)
def _order(n_items: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).permutation(n_items))
