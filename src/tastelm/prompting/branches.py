"""Continuations of a text as a forest: a beginning that several share is read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Branches:
    """K continuations as Q nodes to be read and S steps to be judged. Nodes come before those that stand behind them.

    tokens   (Q,) the token of a node
    parents  (Q,) the node before it, -1 behind the text itself
    depths   (Q,) how many nodes stand before it
    owners   (S,) the continuation that a step belongs to
    behind   (S,) the node that it is taken from, -1 the text itself
    taken    (S,) the token that it takes
    count    K
    """

    tokens: NDArray[np.int64]
    parents: NDArray[np.int64]
    depths: NDArray[np.int64]
    owners: NDArray[np.int64]
    behind: NDArray[np.int64]
    taken: NDArray[np.int64]
    count: int

    @classmethod
    def of(cls, continuations: Sequence[Sequence[int]]) -> Branches:
        """Each continuation at least one token. The last token of one is judged, but read only if another goes on from it."""
        nodes, tokens, parents, depths = dict[tuple[int, int], int](), list[int](), list[int](), list[int]()
        steps = list[tuple[int, int, int]]()
        for owner, continuation in enumerate(continuations):
            at = -1
            for place, token in enumerate(continuation):
                steps.append((owner, at, token))
                if place + 1 < len(continuation):
                    if (at, token) not in nodes:
                        nodes[at, token] = len(tokens)
                        tokens.append(token)
                        parents.append(at)
                        depths.append(place)
                    at = nodes[at, token]
        owners, behind, taken = np.array(steps, np.int64).reshape(-1, 3).T
        read, before, depth = (np.array(values, np.int64) for values in (tokens, parents, depths))
        return cls(read, before, depth, owners, behind, taken, len(continuations))

    def sees(self) -> NDArray[np.bool_]:
        """(Q, Q) which nodes each sees: itself, and those before it in its branch."""
        found = np.eye(len(self.tokens), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                found[node] |= found[parent]
        return found


def in_blocks(continuations: Sequence[Sequence[int]], size: int) -> Iterator[NDArray[np.int64]]:
    """Which continuations go together, `size` tokens a block at most (or one that is longer): neighbours in the order of their tokens,
    so that they share beginnings."""
    order = sorted(range(len(continuations)), key=lambda index: tuple(continuations[index]))
    block, used = list[int](), 0
    for index in order:
        length = len(continuations[index])
        if block and used + length > size:
            yield np.array(block)
            block, used = [], 0
        block.append(index)
        used += length
    if block:
        yield np.array(block)
