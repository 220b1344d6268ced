"""Self-attention and the transformer block, over packed rows."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["pre", "post", "query"]
Activation = Literal["gelu", "relu"]
KeysValues = tuple[Tensor, Tensor]


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al., 2017, Eq. 1), with rotary positions if they are given."""

    def __init__(self, dim: int, heads: int, *, dropout: float = 0.0) -> None:
        """`dim` must be a multiple of `heads`; `dropout` acts on the attention weights, in training only."""
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key_value, self.out = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor, rotation: Tensor | None = None, before: KeysValues | None = None) -> Tensor:
        """Attend from `queries` (R, W, D) to `keys` (R, W, D) where `mask` (R, 1, W, W) allows. Returns (R, W, D).

        rotation  (R, 1, W, D / heads / 2) complex unit numbers that turn queries and keys by their positions
        before    P keys and values, (R, H, P, D / heads) each, that stand before those of `keys` and are not turned; the mask is then (R, 1, W, P + W)
        """
        rows, width, dim = queries.shape
        q = self.query(queries).view(rows, width, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(keys).view(rows, width, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        if before is not None:
            k, v = torch.cat([before[0].type_as(k), k], 2), torch.cat([before[1].type_as(v), v], 2)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, width, dim))
        return out


class TransformerBlock(nn.Module):
    """Attention and a feed-forward net, each with a residual.

    norm  `pre`: layer norm before each of the two, as in GPT-2; `post`: after each residual, as in BERT;
          `query`: only the query is normed and the residual adds the normed query, as in SASRec's own code
    """

    def __init__(self, dim: int, heads: int, *, hidden: int, dropout: float, attention_dropout: float, norm: Norm, activation: Activation) -> None:
        super().__init__()
        self.norm, self.dropout = norm, nn.Dropout(dropout)
        self.attention = SelfAttention(dim, heads, dropout=attention_dropout)
        self.attention_norm, self.feed_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.up, self.down = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.activation = F.gelu if activation == "gelu" else F.relu

    def forward(
        self, x: Tensor, mask: Tensor, rotation: Tensor | None = None, context: Tensor | None = None, before: KeysValues | None = None
    ) -> Tensor:  # fmt: skip
        """(R, W, D) -> (R, W, D). `context` (R, W, D) is what is looked at, where that is not `x` itself; `before`: see `SelfAttention`."""
        if self.norm == "post":
            x = self.attention_norm(x + self.dropout(self.attention(x, x if context is None else context, mask, rotation, before)))
            normed: Tensor = self.feed_norm(x + self._feed(x))
            return normed
        queries = self.attention_norm(x)
        if self.norm == "query":
            x = self.feed_norm(queries + self.dropout(self.attention(queries, x if context is None else context, mask, rotation, before)))
            return x + self._feed(x)
        keys = queries if context is None else self.attention_norm(context)
        x = x + self.dropout(self.attention(queries, keys, mask, rotation, before))
        return x + self._feed(self.feed_norm(x))

    def _feed(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.down(self.activation(self.up(x))))
        return out


def rotation_of(position: Tensor, width: int, base: float = 10_000.0) -> Tensor:
    """(..., width / 2) complex unit numbers for positions (...) (Su et al., 2021, RoFormer, Eq. 15)."""
    frequency = base ** (-torch.arange(0, width, 2, device=position.device, dtype=torch.float32) / width)
    angle = position[..., None].float() * frequency
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn each pair of coordinates of `x` (R, H, W, E) by `rotation` (R, 1, W, E / 2)."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rotation).flatten(-2).type_as(x)
