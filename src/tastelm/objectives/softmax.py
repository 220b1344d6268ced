"""Cross-entropy over a whole catalogue, made in chunks whose gradients are finished while their logits are still warm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# A chunk of 64 states was the fastest of 32 .. 256 on two cores, 128 in half precision; logits of more than 256 MiB would leave the budget
# of a small machine.
CHUNK, HALF_CHUNK = 64, 128
LARGEST = 2**28
# Below this bound no exponential can overflow single precision, not even summed over a hundred million items.
SAFE_LOGIT = 60.0


def chunked_cross_entropy(states: Tensor, table: Tensor, targets: Tensor, *, chunk: int = 0, half: bool = False) -> Tensor:
    """Mean of -log softmax(states @ table.T)[targets], with no more than `chunk` x N logits in memory at any time.

    states   (M, D)
    table    (N, D)
    targets  (M,) int64 in 0 .. N-1
    chunk    states scored at once; 0 chooses
    half     score in bfloat16, and sum in the precision of the table: half the time where the processor multiplies bfloat16, and gradients
             that are 0.2 % off

    Equals `F.cross_entropy(states @ table.T, targets)` and its gradients. Both gradients are made in the forward pass, so
    the logits are computed once; a backward pass through the backward pass is therefore not possible.
    """
    if chunk == 0:
        chunk = max(1, min(HALF_CHUNK if half else CHUNK, LARGEST // (len(table) * states.element_size())))
    # Under mixed precision the states may come in half of it: enough for them, not for a sum over the whole catalogue.
    with torch.autocast(states.device.type, enabled=False):
        loss: Tensor = _ChunkedCrossEntropy.apply(states.to(table.dtype), table, targets, chunk, half)  # type: ignore[no-untyped-call]
    return loss


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, targets: Tensor, chunk: int, half: bool) -> Tensor:
        count, total = len(states), states.new_zeros(())
        learns = any(ctx.needs_input_grad)
        d_states, d_table = (torch.empty_like(states), torch.zeros_like(table)) if learns else (states, table)
        # Items run down and states across: so laid out, all three products are fast on a CPU. One buffer serves all
        # chunks, because fresh pages cost more than the product that fills them.
        read, scored = (table.bfloat16(), states.bfloat16()) if half else (table, states)
        buffer = scored.new_empty(len(table) * min(chunk, count))
        wide = read.T.contiguous()
        gold = (states * table[targets]).sum(1)
        # |logit| <= |state| |item|: as long as that is small the usual pass for the largest logit is not needed.
        safe = bool(states.norm(dim=1).amax() * table.norm(dim=1).amax() < SAFE_LOGIT)
        for at in range(0, count, chunk):
            part = scored[at : at + chunk]
            logits = torch.mm(read, part.T, out=buffer[: len(table) * len(part)].view(len(table), len(part)))
            peak = logits.new_zeros(len(part)) if safe else logits.amax(0)
            norm = (logits if safe else logits.sub_(peak)).exp_().sum(0, dtype=states.dtype)
            total += (norm.log() + peak - gold[at : at + chunk]).sum()
            if learns:
                torch.div((wide @ logits).T, norm[:, None], out=d_states[at : at + chunk])
                pulled = part / norm[:, None]
                d_table = d_table.add_(logits @ pulled.bfloat16()) if half else d_table.addmm_(logits, pulled)
        if learns:
            d_states -= table[targets]
            d_table.index_add_(0, targets, states, alpha=-1)
            ctx.save_for_backward(d_states.div_(count), d_table.div_(count))
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        d_states, d_table = ctx.saved_tensors
        return grad * d_states, grad * d_table, None, None, None
