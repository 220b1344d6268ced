"""Encoders of item sequences, and the recommender that reads its answer off one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.nn.attention import Activation, Norm, TransformerBlock, rotation_of
from tastelm.nn.packing import ROW_WIDTH, Packing, pack
from tastelm.nn.prefix import Prefix


@dataclass(frozen=True)
class Shape:
    """Sizes and style of a sequence transformer.

    positions  learned vectors counted from the `start` of the window or from its `end`, or `rotary` (none added, queries and keys turned)
    init       `small`: linear weights start at N(0, .02), so that the first states are little more than the last item's vector;
               `xavier`: wide, for encoders whose masked places know only what attention brings them
    """

    dim: int
    layers: int
    heads: int
    max_len: int
    dropout: float
    attention_dropout: float = 0.0
    norm: Norm = "pre"
    activation: Activation = "gelu"
    feed_forward: int = 4
    positions: Literal["start", "end", "rotary"] = "start"
    position_scale: float = 1.0
    init: Literal["small", "xavier"] = "small"


def check_heads(dim: int, heads: int, positions: str) -> None:
    """Raises SettingError if the width cannot be divided among the heads, or a head cannot be turned by rotary positions."""
    if dim % heads:
        raise SettingError(f"heads: dim {dim} is not a multiple of heads {heads}. Choose another number of heads, or a dim that is a multiple of it.")
    if positions == "rotary" and dim // heads % 2:
        raise SettingError(f"positions: rotary turns pairs of numbers, but dim {dim} / heads {heads} is odd. Choose a dim that is a multiple of {2 * heads}.")


class SequenceTransformer(nn.Module):
    """A transformer over packed sequences: causal as in SASRec, or bidirectional as in BERT4Rec."""

    def __init__(self, shape: Shape, *, causal: bool) -> None:
        super().__init__()
        self.shape, self.causal = shape, causal
        self.positions = None if shape.positions == "rotary" else nn.Parameter(torch.empty(shape.max_len, shape.dim))
        self.dropout, self.norm = nn.Dropout(shape.dropout), nn.LayerNorm(shape.dim)
        self.blocks = nn.ModuleList(
            TransformerBlock(shape.dim, shape.heads, hidden=shape.feed_forward * shape.dim, dropout=shape.dropout,
                             attention_dropout=shape.attention_dropout, norm=shape.norm, activation=shape.activation)
            for _ in range(shape.layers)
        )  # fmt: skip
        self._start()

    @property
    def max_len(self) -> int:
        """The longest sequence that fits."""
        return self.shape.max_len

    def _start(self) -> None:
        if self.positions is not None:
            nn.init.normal_(self.positions, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02) if self.shape.init == "small" else nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor, lengths: NDArray[np.int64], prefix: int = 0) -> Tensor:
        """States of all tokens.

        tokens   (T, D) vectors of B sequences end to end
        lengths  (B,) how many tokens each has, at most `max_len` beside the prefix
        prefix   how many tokens at the head of each sequence are no items, as those of a prompt: they take no position, so that the
                 items stand where they would without them
        Returns (T, D): what the encoder knows at each token, from the token itself and all before it (and behind it, unless causal).
        """
        return self.within(self._layout(tokens, lengths, prefix), tokens, prefix)

    def within(self, layout: Packing, tokens: Tensor, free: int = 0, before: Prefix | None = None) -> Tensor:
        """States of tokens (T, D) that lie as `layout` says, whose positions of the first `free` tokens of a sequence are negative.

        before  keys and values that every token sees in each layer, one prefix for each of the R rows of the layout
        """
        x, mask, rotation = self._enter(tokens, layout, free), layout.mask(causal=self.causal), self._rotation(layout)
        if before is None:
            for block in self.blocks:
                x = block(x, mask, rotation)
            return self._leave(x, layout)
        mask = torch.cat([mask.new_ones(*mask.shape[:3], before.keys.shape[3]), mask], 3)
        for block, keys, values in zip(self.blocks, before.keys, before.values, strict=True):
            x = block(x, mask, rotation, before=(keys, values))
        return self._leave(x, layout)

    def streams(self, tokens: Tensor, questions: Tensor, lengths: NDArray[np.int64], turns: Tensor) -> Tensor:
        """States that know their place but not their own token: the query stream of two-stream attention (Yang et al. 2019, XLNet, Eq. 3 and 4).

        tokens     (T, D) vectors of B sequences end to end: the content stream
        questions  (T, D) vectors that hold nothing of the tokens: where the query stream starts
        turns      (T,) int64, when each token is told: 0 from the start, then 1, 2, ... Content looks at what is told by its own turn,
                   a question at what was told before it; one that could look at nothing has no answer and must not be used.
        Returns (T, D), the query stream's.
        """
        layout = self._layout(tokens, lengths)
        content, query, rotation = self._enter(tokens, layout), self._enter(questions, layout), self._rotation(layout)
        turn = layout.spread(turns.to(tokens.device))[:, None]
        same = layout.mask(causal=False)
        told = same & (turn[..., None, :] <= turn[..., None])
        before = same & (turn[..., None, :] < turn[..., None])
        # A row of the softmax may not be empty; whoever looks at itself here is nobody's answer and nobody's context.
        before = before | (torch.eye(turn.shape[-1], dtype=torch.bool, device=turn.device) & ~before.any(-1, keepdim=True))
        for block in self.blocks:
            content, query = block(content, told, rotation), block(query, before, rotation, context=content)
        return self._leave(query, layout)

    def _layout(self, tokens: Tensor, lengths: NDArray[np.int64], prefix: int = 0) -> Packing:
        """Where the tokens stand; the positions within a prefix are negative."""
        layout = pack(lengths, max(ROW_WIDTH, self.shape.max_len + prefix)).to(tokens.device)
        return replace(layout, position=layout.position - prefix) if prefix else layout

    def _enter(self, tokens: Tensor, layout: Packing, prefix: int = 0) -> Tensor:
        x = layout.spread(self.dropout(self._placed(tokens, layout, prefix)))
        return self.norm(x) if self.shape.norm == "post" else x  # BERT norms what enters; its blocks leave a normed state

    def _leave(self, x: Tensor, layout: Packing) -> Tensor:
        states = layout.gather(x)
        return states if self.shape.norm == "post" else self.norm(states)

    def _placed(self, tokens: Tensor, layout: Packing, prefix: int) -> Tensor:
        if self.positions is None:
            return tokens
        place = layout.from_end if self.shape.positions == "end" else layout.position
        if prefix:
            item = layout.position >= 0
            placed = nn.functional.embedding(torch.where(item, place, 0), self.positions) * item[:, None]
            return tokens + placed * self.shape.position_scale
        return tokens + nn.functional.embedding(place, self.positions) * self.shape.position_scale

    def _rotation(self, layout: Packing) -> Tensor | None:
        if self.positions is not None:
            return None
        return rotation_of(layout.spread(layout.position), self.shape.dim // self.shape.heads)[:, None]


class Encoder(Protocol):
    """What stands between item vectors and item scores."""

    @property
    def max_len(self) -> int:
        """The longest sequence that fits."""

    def __call__(self, tokens: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """(T, D) vectors of B sequences of `lengths` end to end -> (T, D) states."""


class Items(Protocol):
    """A catalogue on the way in and on the way out; `ItemTable` is one."""

    n_items: int

    @property
    def output(self) -> Tensor:
        """(N, D) the vectors that states are compared with."""

    @property
    def bias(self) -> Tensor | None:
        """(N,) added to the scores."""

    def __call__(self, codes: Tensor) -> Tensor:
        """(T,) -> (T, D)."""

    def scores(self, states: Tensor) -> Tensor:
        """(B, D) -> (B, N)."""


class SequenceRecommender(nn.Module):
    """Item vectors in, an encoder over them, item scores out. Parameter groups: `items`, `backbone`, `head`.

    items     an `Items`
    backbone  an `Encoder`
    ask  where the answer is read: `last`, the state of the last item; `mask`, the state of a mask put behind the history
    """

    prior: Tensor

    def __init__(self, items: Any, backbone: Any, *, head: nn.Module | None = None, ask: Literal["last", "mask"] = "last") -> None:
        super().__init__()
        self.items, self.backbone, self.head, self.ask = items, backbone, head or nn.Identity(), ask
        # What is recommended to somebody without any history, where the answer needs a last item. Set from the training part.
        self.register_buffer("prior", torch.zeros(items.n_items))

    @property
    def max_len(self) -> int:
        longest: int = self.backbone.max_len
        return longest

    def codes(self, sequences: Sequences) -> Tensor:
        """(T,) the items of all sequences, where the module lives."""
        return torch.from_numpy(np.ascontiguousarray(sequences.values)).to(self.prior.device)

    def beside(self, heads: Mapping[str, nn.Module]) -> SequenceRecommender:
        """The same parts once more, shared and not copied, with `heads` that further objectives ask for and no answer needs."""
        twin = copy.copy(self)
        twin._modules = {**self._modules, **heads}
        return twin

    def forward(self, sequences: Sequences) -> Tensor:
        """(T, D) states at every item of `sequences`, each at most `max_len` long."""
        states: Tensor = self.head(self.encode(self.items(self.codes(sequences)), sequences))
        return states

    def encode(self, tokens: Tensor, sequences: Sequences) -> Tensor:
        """(T, D) vectors -> (T, D) states of the encoder. For encoders that read more than the tokens to add it."""
        states: Tensor = self.backbone(tokens, sequences.lengths)
        return states

    def answers(self, sequences: Sequences) -> Tensor:
        """(T, D) states that items are scored by: all states, unless a module has others for another task."""
        states: Tensor = self(sequences)
        return states

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item for B histories of any length; nobody's identity is used."""
        window = histories.last(self.max_len) if self.ask == "last" else histories.last(self.max_len - 1).append(self.items.n_items)
        ends = window.offsets[1:] - 1
        known = window.lengths > 0
        scores = self.prior.repeat(len(window), 1) if not known.all() else None
        states = self.answers(window)[torch.from_numpy(ends[known]).to(self.prior.device)]
        answered: Tensor = self.items.scores(states)
        if scores is None:
            return answered
        scores[torch.from_numpy(known)] = answered
        return scores


def window_for(lengths: NDArray[np.integer], *, shortest: int = 20, longest: int = 200) -> int:
    """A window that holds 95 % of the histories whole, within limits and in steps of 10: what `max_len = 0` stands for."""
    longer = int(np.quantile(lengths, 0.95)) if len(lengths) else shortest
    return min(max(-(-longer // 10) * 10, shortest), longest)


class ClozeHead(nn.Module):
    """A dense layer, GELU and layer norm between the states and the item table, as in BERT and BERT4Rec's code."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(dim, dim), nn.LayerNorm(dim)
        nn.init.xavier_normal_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        out: Tensor = self.norm(nn.functional.gelu(self.dense(states)))
        return out
