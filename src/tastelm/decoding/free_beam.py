"""Beam search over free text: the most probable texts of a model that writes token by token, whatever they say."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

# step(tokens (R,), parents (R,)) -> (R, V): the logits behind R texts, given their last token and which of the texts of the call before each
# goes on from, by which a cache of keys and values is put in order; at first these are the B rows.
Step = Callable[[Tensor, Tensor], Tensor]


def free_beam(first: Tensor, step: Step, *, end: int, longest: int, beams: int) -> tuple[list[list[list[int]]], Tensor]:
    """The most probable texts of each of B rows, out of all that end with a token or are as long as may be.

    first    (B, V) logits of their first tokens
    step     see `Step`; it is asked until nothing can get better
    end      the token that ends a text
    longest  tokens of a text at most, with the one that ends it, >= 1; a text of so many is as it is
    beams    how many unfinished texts of a row go on at each step, and how many are found at most, >= 1; as many as there are texts, and the
             search misses nothing

    Returns for each row its texts, best first, without the token that ends them, and their log-probabilities (B, beams) float64, -inf where
    fewer were found. There is no length penalty: the log-probability is the sum over all tokens, the one that ends a text among them. A finished
    text takes no place of an unfinished one, and an unfinished one is dropped when it is less probable than `beams` finished ones.
    """
    rows, words = first.shape
    logits, totals = first, first.new_zeros(rows, 1, dtype=torch.float64)
    written = torch.empty(rows, 1, 0, dtype=torch.long, device=first.device)
    found, found_totals = torch.full((rows, beams, longest), end, device=first.device), totals.new_full((rows, beams), -torch.inf)
    for length in range(1, longest + 1):
        width = totals.shape[1]
        grown = totals[..., None] + logits.log_softmax(1).view(rows, width, words)
        if length < longest:
            found, found_totals = _better(found, found_totals, written, grown[..., end].clone(), end)
            grown[..., end] = -torch.inf
        totals, places = grown.flatten(1).topk(min(beams, width * words), 1)
        parents, tokens = places // words, places % words
        written = torch.cat([_chosen(written, parents), tokens[..., None]], 2)
        if length == longest:
            found, found_totals = _better(found, found_totals, written, totals, end)
            break
        # What is already less probable than all that were found can only get less probable.
        totals = totals.masked_fill(totals <= found_totals[:, -1:], -torch.inf)
        if not bool((totals > -torch.inf).any()):
            break
        logits = step(tokens.flatten(), (parents + width * torch.arange(rows, device=first.device)[:, None]).flatten())
    texts, there = found.tolist(), (found_totals > -torch.inf).tolist()
    return [[_up_to(end, text) for text, is_there in zip(*row, strict=True) if is_there] for row in zip(texts, there, strict=True)], found_totals


def _better(found: Tensor, found_totals: Tensor, written: Tensor, totals: Tensor, end: int) -> tuple[Tensor, Tensor]:
    """The best of what was found and of further texts (B, W, t), which end here, with their log-probabilities (B, W)."""
    whole = F.pad(written, (0, found.shape[2] - written.shape[2]), value=end)
    best, places = torch.cat([found_totals, totals], 1).topk(found.shape[1], 1)
    return _chosen(torch.cat([found, whole], 1), places), best


def _chosen(texts: Tensor, places: Tensor) -> Tensor:
    """(B, W, t) texts and (B, K) places -> (B, K, t)."""
    return texts.gather(1, places[..., None].expand(-1, -1, texts.shape[2]))


def _up_to(end: int, text: list[int]) -> list[int]:
    return text[: text.index(end)] if end in text else text
