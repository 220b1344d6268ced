"""Beam search over the items of a catalogue: the most probable items of a model that writes token by token."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.decoding.trie import Codes, Trie
from tastelm.errors import RunError, SettingError, ShapeError

# score(prefixes (R, t), owners (R,), parents (R,)) -> (R, V): the log-probability of each next token behind each of R prefixes.
#   owners   which of the rows a prefix belongs to
#   parents  which of the R prefixes of the call before it goes on from, by which a cache of keys and values is put in order; 0..R-1 at first
# What it is given is on the CPU; what it gives may be anywhere.
Score = Callable[[Tensor, Tensor, Tensor], Tensor]
Floats = NDArray[np.float64]


def beam_search(score: Score, trie: Trie, *, rows: int, beams: int, k: int, keep: NDArray[np.bool_] | None = None) -> tuple[Tensor, Tensor]:
    """The k most probable items of each row that a beam of unfinished prefixes comes across.

    score  see `Score`; log-probabilities are at most 0. An item of probability 0 is not found
    rows   B
    beams  how many unfinished prefixes of a row go on at each step; as many as there are items, and the search misses nothing
    keep   (B, N) the items that may be found; None: all. A prefix that leads to none of them is not followed

    Returns items (B, k) int64, best first, -1 where fewer were found, and their log-probabilities (B, k) float64, -inf there. A finished item
    takes no place of a beam and is never dropped for a prefix; a prefix is dropped when k finished items are more probable than it, for
    it can only get less probable. There is no length penalty: the log-probability of an item is the sum over its tokens, all of them.
    Equally probable items stand in a fixed order that is unrelated to their tokens, as equally probable prefixes do.

    Raises SettingError for beams or k below 1, ShapeError where `keep` or a score does not fit, RunError for scores that are not numbers.
    """
    _check(rows, beams, k, keep, trie)
    kept_before = None if keep is None else np.pad(np.cumsum(keep[:, trie.order], axis=1, dtype=np.int32), ((0, 0), (1, 0)))
    fair = np.random.default_rng(0).permutation(len(trie))
    found, found_totals = np.full((rows, k), -1), np.full((rows, k), -np.inf)
    owners, parents, states, totals = np.arange(rows), np.arange(rows), np.zeros(rows, np.int64), np.zeros(rows)
    prefixes = np.zeros((rows, 0), np.int64)
    while len(states):
        source, token, state, log_probs = _extended(score, trie, prefixes, owners, parents, states)
        total, owner = totals[source] + log_probs, owners[source]

        item = trie.item(state)
        ends = (item >= 0) & (True if keep is None else keep[owner, item])
        _add(found, found_totals, owner[ends], state[ends], total[ends], fair)

        first, beyond = trie.below(state)
        more = beyond - first if kept_before is None else kept_before[owner, beyond] - kept_before[owner, first]
        going = np.flatnonzero((more > 0) & (total > -np.inf) & (total >= found_totals[owner, -1]))
        chosen = going[_best(owner[going], total[going], fair[state[going]], rows, beams)]
        owners, parents, states, totals = owner[chosen], source[chosen], state[chosen], total[chosen]
        prefixes = np.column_stack([prefixes[parents], token[chosen]])
    return torch.from_numpy(trie.item(found)), torch.from_numpy(found_totals)


def exhaustive(score: Score, trie: Trie, rows: int) -> Tensor:
    """(B, N) float64 log-probability of every item for every row, by writing all of them. For small catalogues, and to test a search."""
    result = np.full((rows, trie.n_items), -np.inf)
    owners, parents, states, totals = np.arange(rows), np.arange(rows), np.zeros(rows, np.int64), np.zeros(rows)
    prefixes = np.zeros((rows, 0), np.int64)
    while len(states):
        source, token, state, log_probs = _extended(score, trie, prefixes, owners, parents, states)
        total, item = totals[source] + log_probs, trie.item(state)
        result[owners[source][item >= 0], item[item >= 0]] = total[item >= 0]
        first, beyond = trie.below(state)
        going = np.flatnonzero(beyond > first)
        owners, parents, states, totals = owners[source][going], source[going], state[going], total[going]
        prefixes = np.column_stack([prefixes[parents], token[going]])
    return torch.from_numpy(result)


def _extended(score: Score, trie: Trie, prefixes: Codes, owners: Codes, parents: Codes, states: Codes) -> tuple[Codes, Codes, Codes, Floats]:
    """Every token that may stand behind a prefix: behind which, the token, the state it leads to and its log-probability; four (C,)."""
    given = score(torch.from_numpy(prefixes), torch.from_numpy(owners), torch.from_numpy(parents))
    if given.shape != (len(states), trie.vocabulary):
        raise ShapeError(f"a score of shape {tuple(given.shape)} for {len(states)} prefixes: it must be {(len(states), trie.vocabulary)}.")
    source, token, state = trie.children(states)
    places = torch.from_numpy(source).to(given.device), torch.from_numpy(token).to(given.device)
    log_probs = given.detach()[places].cpu().double().numpy()
    if np.isnan(log_probs).any():
        raise RunError("the model gave log-probabilities that are not numbers. Train it again, with a lower learning rate if it has one.")
    return source, token, state, log_probs


def _add(found: Codes, found_totals: Floats, owner: Codes, state: Codes, total: Floats, fair: Codes) -> None:
    """Put finished items among the best k of their rows, in place: `found` holds their states (B, k), best first."""
    rows, k = found.shape
    there = found >= 0
    owner = np.concatenate([np.nonzero(there)[0], owner])
    state, total = np.concatenate([found[there], state]), np.concatenate([found_totals[there], total])
    likely = np.flatnonzero(total > -np.inf)
    chosen = likely[_best(owner[likely], total[likely], fair[state[likely]], rows, k)]
    places = owner[chosen], _within(owner[chosen])
    found[places], found_totals[places] = state[chosen], total[chosen]


def _best(owner: Codes, total: Floats, fair: Codes, rows: int, count: int) -> Codes:
    """The places of the `count` largest totals of each row, row by row and the largest first; equal ones by `fair`."""
    chosen = np.argsort(owner, kind="stable")
    width = int(np.bincount(owner, minlength=rows).max(initial=0))
    if width > count:
        # Most are far from the best: a partition leaves few to sort.
        table = np.full((rows, width), -np.inf)
        table[owner[chosen], _within(owner[chosen])] = total[chosen]
        chosen = chosen[total[chosen] >= np.partition(table, width - count, axis=1)[owner[chosen], width - count]]
    chosen = chosen[np.lexsort((fair[chosen], -total[chosen], owner[chosen]))]
    return chosen[_within(owner[chosen]) < count]


def _within(owner: Codes) -> Codes:
    """(C,) rows in rising order -> (C,) the place of each within its row."""
    return np.arange(len(owner)) - np.searchsorted(owner, owner)


def _check(rows: int, beams: int, k: int, keep: NDArray[np.bool_] | None, trie: Trie) -> None:
    for name, value in (("beams", beams), ("k", k)):
        if value < 1:
            raise SettingError(f"{name}: {value} does not fit; it takes a whole number from 1.")
    if keep is not None and keep.shape != (rows, trie.n_items):
        raise ShapeError(f"keep of shape {keep.shape}: give a yes or no for each row and item, {(rows, trie.n_items)}.")
