"""Convolutional encoders of item sequences. They look a fixed way back or around, over ragged sequences and without padding."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F


class Neighbourhood:
    """Which token stands a given number of places from each, within its own sequence."""

    def __init__(self, lengths: NDArray[np.int64], device: torch.device) -> None:
        count = int(lengths.sum())
        begins = np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.here = torch.arange(count, device=device)
        self.begins = torch.from_numpy(begins).to(device)
        self.ends = torch.from_numpy(begins + np.repeat(lengths, lengths)).to(device)

    def shifted(self, tokens: Tensor, offset: int) -> Tensor:
        """(T, D) -> (T, D): the token `offset` places behind each (before it, if negative), zero beyond the ends of its sequence."""
        if offset == 0:
            return tokens
        place = self.here + offset
        inside = (place >= self.begins) & (place < self.ends)
        return F.embedding(place.clamp(0, max(len(tokens) - 1, 0)), tokens) * inside[:, None]


class DilatedConvolution(nn.Module):
    """A convolution of `kernel` taps, `dilation` apart: over the token and those before it if causal, else around it."""

    def __init__(self, dim: int, *, kernel: int, dilation: int, causal: bool) -> None:
        super().__init__()
        behind = kernel - 1 if causal else (kernel - 1) // 2
        self.offsets = [dilation * (tap - behind) for tap in range(kernel)]
        self.mix = nn.Linear(kernel * dim, dim)

    def forward(self, tokens: Tensor, around: Neighbourhood) -> Tensor:
        """(T, D) -> (T, D)."""
        out: Tensor = self.mix(torch.cat([around.shifted(tokens, offset) for offset in self.offsets], 1))
        return out


class DilatedBlock(nn.Module):
    """Two dilated convolutions, the second twice as wide apart, each with a norm and ReLU, and a residual around both (Yuan et al. 2019,
    NextItNet, the second kind of residual block)."""

    def __init__(self, dim: int, *, kernel: int, dilation: int, causal: bool, dropout: float) -> None:
        super().__init__()
        self.first = DilatedConvolution(dim, kernel=kernel, dilation=dilation, causal=causal)
        self.second = DilatedConvolution(dim, kernel=kernel, dilation=2 * dilation, causal=causal)
        self.first_norm, self.second_norm, self.dropout = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.Dropout(dropout)

    def forward(self, tokens: Tensor, around: Neighbourhood, patches: tuple[nn.Module, nn.Module] | None = None) -> Tensor:
        """(T, D) -> (T, D). Each of the `patches` adjusts what comes out of a convolution, before its norm (PeterRec, Fig. 3)."""
        x = self.first(tokens, around)
        x = F.relu(self.first_norm(x if patches is None else patches[0](tokens, x)))
        y = self.second(x, around)
        x = F.relu(self.second_norm(y if patches is None else patches[1](x, y)))
        out: Tensor = tokens + self.dropout(x)
        return out


def widening(blocks: int) -> tuple[int, ...]:
    """The dilation that each block begins with: 1, 4 and again, so that its convolutions stand 1, 2, 4 and 8 apart (Yuan et al. 2019)."""
    return tuple((1, 4)[index % 2] for index in range(blocks))


class DilatedEncoder(nn.Module):
    """Stacked dilated blocks (NextItNet, Yuan et al. 2019), causal or looking both ways.

    dilations  of the first convolution of each block; the paper repeats 1, 4
    """

    def __init__(self, dim: int, *, dilations: tuple[int, ...], kernel: int, max_len: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.max_len, self.dropout, self.norm = max_len, nn.Dropout(dropout), nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(DilatedBlock(dim, kernel=kernel, dilation=dilation, causal=causal, dropout=dropout) for dilation in dilations)

    def forward(self, tokens: Tensor, lengths: NDArray[np.int64], patches: nn.ModuleList | None = None) -> Tensor:
        """(T, D) vectors of B sequences of `lengths` end to end -> (T, D). `patches` holds two for each block."""
        around, x = Neighbourhood(lengths, tokens.device), self.dropout(tokens)
        for index, block in enumerate(self.blocks):
            x = block(x, around, None if patches is None else (patches[2 * index], patches[2 * index + 1]))
        out: Tensor = self.norm(x)
        return out


class CaserEncoder(nn.Module):
    """The last L items as an image: horizontal filters of every height with max-pooling, vertical filters, and a dense layer
    (Tang and Wang 2018, Eq. 3 to 8).

    window      L
    horizontal  filters of each height 1 .. L
    vertical    filters over the window, each a weighted sum of its items
    """

    def __init__(self, dim: int, *, window: int, horizontal: int, vertical: int, max_len: int, dropout: float) -> None:
        super().__init__()
        self.window, self.max_len = window, max_len
        self.horizontal = nn.ModuleList(nn.Conv1d(dim, horizontal, height) for height in range(1, window + 1))
        self.vertical = nn.Linear(window, vertical, bias=False)
        self.join, self.dropout = nn.Linear(horizontal * window + vertical * dim, dim), nn.Dropout(dropout)

    def forward(self, tokens: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """(T, D) vectors of B sequences of `lengths` end to end -> (T, D), each from the token and the L - 1 before it."""
        around = Neighbourhood(lengths, tokens.device)
        image = torch.stack([around.shifted(tokens, -back) for back in range(self.window - 1, -1, -1)], 2)  # (T, D, L)
        pieces = [F.relu(convolution(image)).amax(2) for convolution in self.horizontal]
        out: Tensor = F.relu(self.join(self.dropout(torch.cat([*pieces, self.vertical(image).flatten(1)], 1))))
        return out
