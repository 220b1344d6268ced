"""Cross-entropy over a whole catalogue, made in chunks whose gradients are finished while their logits are still warm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# A chunk of 64 states was the fastest of 32 .. 256 on two cores; logits of more than 256 MiB would leave the budget of a small machine.
CHUNK = 64
LARGEST = 2**28
# Below this bound no exponential can overflow single precision, not even summed over a hundred million items.
SAFE_LOGIT = 60.0


def chunked_cross_entropy(states: Tensor, table: Tensor, targets: Tensor, *, chunk: int = 0) -> Tensor:
    """Mean of -log softmax(states @ table.T)[targets], with no more than `chunk` x N logits in memory at any time.

    states   (M, D)
    table    (N, D)
    targets  (M,) int64 in 0 .. N-1
    chunk    states scored at once; 0 chooses

    Equals `F.cross_entropy(states @ table.T, targets)` and its gradients. Both gradients are made in the forward pass, so
    the logits are computed once; a backward pass through the backward pass is therefore not possible.
    """
    if chunk == 0:
        chunk = max(1, min(CHUNK, LARGEST // (len(table) * states.element_size())))
    # Under mixed precision the states may come in half of it: enough for them, not for a sum over the whole catalogue.
    with torch.autocast(states.device.type, enabled=False):
        loss: Tensor = _ChunkedCrossEntropy.apply(states.to(table.dtype), table, targets, chunk)  # type: ignore[no-untyped-call]
    return loss


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, targets: Tensor, chunk: int) -> Tensor:
        count, total = len(states), states.new_zeros(())
        learns = any(ctx.needs_input_grad)
        d_states, d_table = (torch.empty_like(states), torch.zeros_like(table)) if learns else (states, table)
        # Items run down and states across: so laid out, all three products are fast on a CPU. One buffer serves all
        # chunks, because fresh pages cost more than the product that fills them.
        buffer = states.new_empty(len(table) * min(chunk, count))
        wide = table.T.contiguous()
        gold = (states * table[targets]).sum(1)
        # |logit| <= |state| |item|: as long as that is small the usual pass for the largest logit is not needed.
        safe = bool(states.norm(dim=1).amax() * table.norm(dim=1).amax() < SAFE_LOGIT)
        for at in range(0, count, chunk):
            part = states[at : at + chunk]
            logits = torch.mm(table, part.T, out=buffer[: len(table) * len(part)].view(len(table), len(part)))
            peak = logits.new_zeros(len(part)) if safe else logits.amax(0)
            norm = (logits if safe else logits.sub_(peak)).exp_().sum(0)
            total += (norm.log() + peak - gold[at : at + chunk]).sum()
            if learns:
                torch.div((wide @ logits).T, norm[:, None], out=d_states[at : at + chunk])
                d_table.addmm_(logits, part / norm[:, None])
        if learns:
            d_states -= table[targets]
            d_table.index_add_(0, targets, states, alpha=-1)
            ctx.save_for_backward(d_states.div_(count), d_table.div_(count))
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_states, d_table = ctx.saved_tensors
        return grad * d_states, grad * d_table, None, None
