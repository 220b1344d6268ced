"""Keys and values that stand before what is read, in every layer of a network: of language models and of encoders of items."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Prefix(NamedTuple):
    """Keys and values that every layer finds before the first token (Li and Liang 2021, prefix tuning): each (L, B, H, P, E).

    L layers, B rows, H heads of keys and values, P places, E numbers a head.
    """

    keys: Tensor
    values: Tensor


class KeyValueShape(NamedTuple):
    """What a prefix must look like: layers, heads of keys and values, numbers a head."""

    layers: int
    heads: int
    width: int
