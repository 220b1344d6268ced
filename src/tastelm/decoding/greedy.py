"""Greedy writing: the most probable token, one after the other, for many rows at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def greedy(first: Tensor, step: Callable[[Tensor], Tensor], *, end: int, longest: int) -> list[list[int]]:
    """Write B rows.

    first    (B, V) logits of their first tokens
    step     the tokens (B,) just written -> (B, V) logits of those behind; asked until every row has ended or is as long as may be
    longest  tokens of a row at most, >= 1
    Returns B rows of tokens, each up to the token `end`, which is not in it. Of equal logits the token with the lower number is written.
    """
    token = first.argmax(1)
    written, done = [token], token == end
    while len(written) < longest and not bool(done.all()):
        token = step(token).argmax(1)
        written.append(token)
        done |= token == end
    rows = torch.stack(written, 1).tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]
