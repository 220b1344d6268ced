"""The next item, and beside it what each item is worth in the long run: supervised learning with a critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import predict, shift
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import ItemLoss
from tastelm.objectives.rewarded import LARGEST, weighted_cross_entropy


@dataclass(frozen=True, eq=False)
class NextItemAndValue:
    """L = L_next + L_q, or with `actor` L = Q(s_t, a_t) L_next + L_q (Xin et al. 2020, SQN and SAC).

    L_q = (r_t + g Q'(s_t+1, argmax_a Q(s_t+1, a)) - Q(s_t, a_t))^2, double Q-learning: a coin says for every step which of two critics learns (Q)
    and which one judges (Q'). No gradient passes through what is aimed at, or through the weight of an actor.

    items      U sequences of item codes, T in all
    rewards    (T,) of each interaction
    item_loss  of the next item, where the critic weighs nothing
    discount   g, 0 to 1
    actor      weigh the softmax over the whole catalogue by Q, from 0: a critic that is wrong enough to be negative would have items unlearnt
    half       then score in bfloat16

    Takes a causal module with `forward(sequences) -> (T, D)`, a table `items` and two linear `critics` from D to the N items, and batches of
    `Sequences` of at least 2 neighbouring places 0 .. T-1 each, instead of item codes.
    """

    items: Sequences
    rewards: NDArray[np.float64]
    item_loss: ItemLoss
    discount: float = 0.5
    actor: bool = False
    half: bool = False

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        states = module(batch.replaced(self.items.values[batch.values]))
        known, reached = shift(batch.replaced(np.arange(len(batch.values))))
        before, behind = (states[torch.from_numpy(at.astype(np.int64)).to(states.device)] for at in (known.values, reached))
        places = batch.values[reached].astype(np.int64)
        targets = self.items.values[places].astype(np.int64)
        codes, rewards, goes_on = (torch.from_numpy(told).to(states.device) for told in (targets, self.rewards[places], ~self._ends(places)))
        critics: Any = module.critics
        learner, judge = critics if rng.random() < 0.5 else reversed(critics)
        with torch.no_grad():
            aim = rewards.float() + self.discount * goes_on * worth(judge, behind, best(learner, behind))
        own = worth(learner, before, codes)
        critic = F.mse_loss(own, aim)
        if self.actor:
            table: Any = module.items
            ahead = weighted_cross_entropy(before, table.output, codes, own.detach().clamp(min=0), table.bias, half=self.half)
        else:
            ahead = predict(module, before, targets, self.item_loss, rng).loss
        return Outcome(ahead + critic, len(targets), {"next": ahead.detach(), "critic": critic.detach()})

    def _ends(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Behind which places nothing is to come."""
        return np.isin(places, self.items.offsets[1:] - 1)


def worth(critic: nn.Linear, states: Tensor, codes: Tensor) -> Tensor:
    """(M,) Q of one item each, for (M, D) states."""
    return (states * critic.weight[codes]).sum(1) + critic.bias[codes]


def best(critic: nn.Linear, states: Tensor) -> Tensor:
    """(M,) int64 the item of the highest Q for each of (M, D) states; all are scored in parts."""
    rows = max(1, LARGEST // critic.out_features)
    return torch.cat([critic(part).argmax(1) for part in torch.split(states, rows)])
