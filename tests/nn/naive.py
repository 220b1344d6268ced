"""The sequence transformer written out for a single sequence, position by position, from the papers: what the packed one is held against."""

import math

import numpy as np
import torch
from torch import Tensor

from tastelm.nn.attention import SelfAttention, TransformerBlock
from tastelm.nn.sequence import SequenceTransformer


def wild(module: torch.nn.Module, seed: int = 0, scale: float = 0.4) -> None:
    """Weights far from their quiet start, so that a mistake anywhere shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * scale)


def attend(layer: SelfAttention, queries: Tensor, keys: Tensor, *, causal: bool, rotary: bool) -> Tensor:
    """(T, D) queries and keys -> (T, D), one position and one head at a time."""
    length, dim = queries.shape
    width = dim // layer.heads
    q = layer.query(queries)
    k, v = layer.key_value(keys).split(dim, dim=1)
    out = torch.empty(length, dim)
    for head in range(layer.heads):
        part = slice(head * width, (head + 1) * width)
        for t in range(length):
            seen = range(t + 1) if causal else range(length)
            at_t = turn(q[t, part], t) if rotary else q[t, part]
            scores = torch.stack([at_t @ (turn(k[s, part], s) if rotary else k[s, part]) for s in seen]) / math.sqrt(width)
            out[t, part] = scores.softmax(0) @ v[list(seen)][:, part]
    mixed: Tensor = layer.out(out)
    return mixed


def turn(vector: Tensor, position: int) -> Tensor:
    """RoFormer's rotation: the i-th pair of coordinates by position * 10000 ^ (-2 i / E)."""
    width, out = len(vector), vector.clone()
    for i in range(width // 2):
        angle = position * 10_000 ** (-2 * i / width)
        x, y = vector[2 * i], vector[2 * i + 1]
        out[2 * i] = x * math.cos(angle) - y * math.sin(angle)
        out[2 * i + 1] = x * math.sin(angle) + y * math.cos(angle)
    return out


def block(layer: TransformerBlock, x: Tensor, *, causal: bool, rotary: bool) -> Tensor:
    """(T, D) -> (T, D)."""

    def mixed(queries: Tensor, keys: Tensor) -> Tensor:
        return attend(layer.attention, queries, keys, causal=causal, rotary=rotary)

    def feed(y: Tensor) -> Tensor:
        out: Tensor = layer.down(layer.activation(layer.up(y)))
        return out

    if layer.norm == "post":
        x = layer.attention_norm(x + mixed(x, x))
        out: Tensor = layer.feed_norm(x + feed(x))
        return out
    if layer.norm == "query":  # SASRec's code: Q = LN(x); x = Q + attention(Q, x); x = LN(x); x = x + ffn(x)
        query = layer.attention_norm(x)
        x = layer.feed_norm(query + mixed(query, x))
        return x + feed(x)
    normed = layer.attention_norm(x)
    x = x + mixed(normed, normed)
    return x + feed(layer.feed_norm(x))


def encode(encoder: SequenceTransformer, tokens: Tensor) -> Tensor:
    """(T, D) vectors of one sequence -> (T, D) states."""
    shape, length = encoder.shape, len(tokens)
    if encoder.positions is not None:
        place = np.arange(length) if shape.positions == "start" else np.arange(length)[::-1].copy()
        tokens = tokens + encoder.positions[torch.from_numpy(place)] * shape.position_scale
    x = norm(encoder.norm, tokens) if shape.norm == "post" else tokens
    for layer in encoder.blocks:
        x = block(layer, x, causal=encoder.causal, rotary=shape.positions == "rotary")  # type: ignore[arg-type]
    return x if shape.norm == "post" else norm(encoder.norm, x)


def norm(layer: torch.nn.LayerNorm, x: Tensor) -> Tensor:
    """(T, D) -> (T, D), from the definition."""
    centred = x - x.mean(1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(1, keepdim=True) + layer.eps) * layer.weight + layer.bias
