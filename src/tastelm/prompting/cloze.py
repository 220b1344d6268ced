"""Texts in a blank: what a masked language model would write into several places at once, and how well it finds that words fit among others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tastelm.errors import DataError, SettingError
from tastelm.plm.masked import MaskedLM
from tastelm.plm.tokens import MASKS, Tokens
from tastelm.prompting.layout import TOKEN, Layout, lay_out
from tastelm.text.segments import Prompt, Slot, Text, Vectors
from tastelm.text.template import Template

# What stands in a prompt for the places of a blank, until the tokens of the model are known.
BLANK = "blank"
# How tokenizers write what fills the end of a row, in the order of preference; what ends a text does where there is none.
PADS = ("[PAD]", "<pad>")


@dataclass(frozen=True, eq=False)
class InBlank:
    """N texts as they stand in a blank of M places. A cell is a place with a token in it; texts share cells.

    places   (U,) int64 of the cells, below M
    tokens   (U,) int64 of the cells; no cell is there twice
    cells    (S,) int64, those of all texts, end to end
    offsets  (N,) int64, where each text begins there
    """

    places: NDArray[np.int64]
    tokens: NDArray[np.int64]
    cells: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]], places: int, *, pad: int | None = None) -> InBlank:
        """Texts as tokens, each cut to `places`. A shorter one leaves the places behind it out, or has the token `pad` there.

        Raises DataError for a text without a token.
        """
        for row, text in enumerate(texts):
            if not len(text):
                raise DataError(f"text {row + 1} of {len(texts)} has no token, so no blank can hold it: an item without text cannot be scored by its text.")
        rows = [list(text[:places]) + ([] if pad is None else [pad] * (places - len(text))) for text in texts]
        lengths = np.array([len(row) for row in rows], np.int64)
        offsets = np.cumsum(lengths) - lengths
        owners = np.repeat(np.arange(len(rows)), lengths)
        taken = np.array([token for row in rows for token in row], np.int64)
        size = int(taken.max(initial=0)) + 1
        keys, cells = np.unique((np.arange(len(taken)) - offsets[owners]) * size + taken, return_inverse=True)
        return cls(keys // size, keys % size, cells.astype(np.int64), offsets)

    def scores(self, logits: Tensor, *, mean: bool = False) -> Tensor:
        """(B, M, V) logits of a blank -> (B, N) sum over the places j of a text of log p(token_j), or their mean.

        Places know nothing of each other: p(text) = prod_j p(token_j | masks) (Zhang et al. 2021, multi-token cloze).
        """
        cells, tokens, places, offsets = (torch.from_numpy(array).to(logits.device) for array in (self.cells, self.tokens, self.places, self.offsets))
        likely = logits.float().log_softmax(2).flatten(1).index_select(1, places * logits.shape[2] + tokens)
        return F.embedding_bag(cells, likely.T.contiguous(), offsets, mode="mean" if mean else "sum").T


def open_end(template: Template, places: int) -> tuple[str, Prompt]:
    """The target of a template with a blank of `places` where its slot was, and the white space before it, which belongs to what fills it.

    Raises SettingError for a template whose target has no slot to be left blank, or several.
    """
    slots = [at for at, segment in enumerate(template.target_prompt) if isinstance(segment, Slot)]
    if len(slots) != 1:
        raise SettingError(
            f"template '{template.name}' has {len(slots) or 'no'} places for a blank: its target must hold one slot, which is left open. "
            "Choose another template."
        )
    before, behind = template.target_prompt[: slots[0]], template.target_prompt[slots[0] + 1 :]
    words = "".join(segment.text for segment in before if isinstance(segment, Text))
    stays = words.rstrip()
    return words[len(stays) :], (*([Text(stays)] if stays else []), Vectors(BLANK, tuple(range(places))), *behind)


def mask_of(tokens: Tokens) -> int:
    """The token that hides others. Raises SettingError for a tokenizer that has none."""
    if tokens.mask is None:
        raise SettingError(f"the model's tokenizer has no token that hides others ({', '.join(MASKS)}), so it fills no blanks. Take a masked language model.")
    return tokens.mask


def pad_of(tokens: Tokens) -> int:
    """The token that fills a row up: the tokenizer's own, or else what ends a text."""
    return next((found for name in PADS if (found := tokens.number(name)) is not None), tokens.end)


def blank_logits(model: MaskedLM, prompts: Sequence[Prompt]) -> Tensor:
    """(B, M, V) what a model would write at the M places of the blank in each of B prompts, all places of a prompt in one pass.

    Raises SettingError for a model without a mask, DataError for prompts whose blanks differ in places and for one longer than the model reads.
    """
    layout = lay_out(prompts, model.tokens, end=True, longest=model.context)
    if layout.sources != (BLANK,) or len(widths := np.unique((layout.origin == 0).sum(1))) != 1:
        raise DataError("each prompt must have a blank, and all of them as many places; other vectors are not read here.")
    blanks = layout.origin == 0
    masked = replace(layout, ids=np.where(blanks, mask_of(model.tokens), layout.ids), origin=np.where(blanks, TOKEN, layout.origin), sources=())
    states = states_of(model, masked)[torch.from_numpy(blanks).to(model.digest.device)]
    return model.logits(states.view(len(prompts), int(widths[0]), -1))


def states_of(model: MaskedLM, layout: Layout) -> Tensor:
    """(B, W, D) states of rows of tokens."""
    states: Tensor = model(layout.embed(model, {}), layout.mask(model.digest.device))
    return states


def pseudo_likelihoods(model: MaskedLM, prompts: Sequence[Prompt], *, mean: bool = False, batch: int = 64) -> Tensor:
    """(B,) sum, or mean, over the learnt tokens of each prompt of log p(token | all others), each hidden in turn (Salazar et al. 2020, Eq. 2).

    batch  rows that are read together; a prompt takes one for each learnt token

    Raises SettingError for a model without a mask, DataError for a prompt that has nothing learnt or is longer than the model reads.
    """
    layout = lay_out(prompts, model.tokens, end=True, longest=model.context)
    learnt = layout.learn.copy()
    learnt[np.arange(len(learnt)), layout.lengths - 1] = False  # that the text ends there is no word of it
    counts = torch.from_numpy(learnt.sum(1)).to(model.digest.device)
    for row in np.flatnonzero(~learnt.any(1)):
        raise DataError(f"prompt {row + 1} has no learnt words, so nothing of it is judged. Give it the words of an item to learn.")
    owners, places = np.nonzero(learnt)
    parts = [_hidden(model, layout, owners[at : at + batch], places[at : at + batch]) for at in range(0, len(owners), batch)]
    found = torch.zeros(len(prompts), device=counts.device).index_add(0, torch.from_numpy(owners).to(counts.device), torch.cat([*parts, counts.new_empty(0)]))
    return found / counts if mean else found


def _hidden(model: MaskedLM, layout: Layout, rows: NDArray[np.int64], places: NDArray[np.int64]) -> Tensor:
    """(R,) log p of the token at a place of each row, with the mask in its place."""
    here = np.arange(len(rows))
    ids = layout.ids[rows]
    ids[here, places] = mask_of(model.tokens)
    part = replace(layout, ids=ids, origin=layout.origin[rows], rows=layout.rows[rows], learn=layout.learn[rows])
    likely = model.logits(states_of(model, part)[here, places]).float().log_softmax(1)
    return likely[here, torch.from_numpy(layout.ids[rows, places]).to(likely.device)]
