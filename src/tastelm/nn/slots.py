"""A prompt of slots: the state of a history, the step it is at and the reward that is wanted, mixed into the state that answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.nn.attention import TransformerBlock
from tastelm.nn.sequence import SequenceRecommender

SLOTS = 3
# Gauss-Hermite quadrature of a normal distribution: standard deviations from its mean, and shares.
NODES = ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6))


class RewardPrompt(nn.Module):
    """The two slots beside the state: T[t], a table of steps, and R_t w, the wanted reward times one learned vector (Xin et al. 2022)."""

    def __init__(self, dim: int, steps: int) -> None:
        super().__init__()
        self.steps, self.reward = nn.Embedding(steps, dim), nn.Parameter(torch.empty(dim))
        # A step that nobody reached in training says nothing. A reward starts as large as a state, or the way to its first effect is long.
        nn.init.zeros_(self.steps.weight)
        nn.init.normal_(self.reward)

    def forward(self, steps: Tensor, returns: Tensor) -> Tensor:
        """(M,) int64 steps within the table and (M,) rewards-to-go -> (M, 2, D)."""
        return torch.stack([self.steps(steps), returns[:, None] * self.reward], 1)


class SlotMixer(nn.Module):
    """One self-attention block over K slots, in which every slot sees every other, then one learned weighted sum of them.

    Slots have no positions: what tells them apart is what stands in them, and the weights of the sum. The block is that of SASRec's own code,
    whose keys are not normed: a norm before them would hide how large a reward is.
    """

    def __init__(self, dim: int, heads: int, *, dropout: float, relu: bool, slots: int = SLOTS) -> None:
        """`relu`: negative numbers of the mixed state become 0."""
        super().__init__()
        self.dropout, self.relu = nn.Dropout(dropout), relu
        self.block = TransformerBlock(dim, heads, hidden=dim, dropout=dropout, attention_dropout=0.0, norm="query", activation="relu")
        self.weight, self.bias = nn.Parameter(torch.full((slots,), 1 / slots)), nn.Parameter(torch.zeros(1))

    def forward(self, slots: Tensor) -> Tensor:
        """(M, K, D) -> (M, D)."""
        every = torch.ones(1, 1, slots.shape[1], slots.shape[1], dtype=torch.bool, device=slots.device)
        mixed = torch.einsum("mkd,k->md", self.block(self.dropout(slots), every), self.weight) + self.bias
        return F.relu(mixed) if self.relu else mixed


class RewardRecommender(SequenceRecommender):
    """Says which item follows a history if so much reward is still to come. Parameter groups: `items`, `backbone`, `prompt`, `head`.

    prompt  None: the slots of step and reward stay empty (zero), and what is asked for changes nothing
    steps   how many steps are told apart; later ones count as the last
    ask     multiplies the mean reward-to-go of the training part at the step of a history: what is asked for when nobody says it
    spread  standard deviation of what is asked for, in those of the training part at that step; the answer is then the mean
            probability, by a quadrature of three points instead of the paper's draws, so that the same question has the same answer
    """

    mean: Tensor
    deviation: Tensor
    unit: Tensor

    def __init__(self, items: Any, backbone: Any, mixer: SlotMixer, prompt: RewardPrompt | None, *, steps: int, ask: float, spread: float = 0.0) -> None:
        super().__init__(items, backbone, head=mixer)
        self.prompt, self.wanted, self.spread = prompt, ask, spread
        # Counted in the training part, and kept with the weights. Rewards are read in this unit, so that w learns alike in all data.
        for name, value in (("mean", torch.zeros(steps)), ("deviation", torch.zeros(steps)), ("unit", torch.ones(()))):
            self.register_buffer(name, value)

    def fill(self, mean: NDArray[np.float64], deviation: NDArray[np.float64], unit: float) -> None:
        """Set what is usual at each step, (steps,) each, and the unit of rewards, above 0."""
        for buffer, value in ((self.mean, mean), (self.deviation, deviation), (self.unit, np.array(unit))):
            buffer.copy_(torch.from_numpy(value))

    def forward(self, sequences: Sequences) -> Tensor:
        """(T, D) states of the backbone at every item of `sequences`; `prompted` makes answers of them."""
        return self.encode(self.items(self.codes(sequences)), sequences)

    def prompted(self, states: Tensor, steps: Tensor, returns: Tensor) -> Tensor:
        """(M, D) states that items are scored by.

        states   (M, D) of the backbone
        steps    (M,) int64, items that the whole history of each holds
        returns  (M,) the reward-to-go that is known, in training, or wanted
        """
        if self.prompt is None:
            rest = states.new_zeros(len(states), SLOTS - 1, states.shape[1])
        else:
            rest = self.prompt(steps.clamp(max=len(self.mean) - 1), returns / self.unit)
        answers: Tensor = self.head(torch.cat([states[:, None], rest], 1))
        return answers

    def asked(self, histories: Sequences, returns: Tensor) -> Tensor:
        """(B, N) scores of every item for B histories of any length, if `returns` (B,) of reward is to come. One without items gets what is popular."""
        window, known = histories.last(self.max_len), histories.lengths > 0
        scores, chosen = self.prior.repeat(len(histories), 1), torch.from_numpy(known).to(self.prior.device)
        if known.any():
            states = self(window)[torch.from_numpy(window.offsets[1:][known] - 1).to(self.prior.device)]
            answers = self.prompted(states, self._steps(histories)[chosen], returns[chosen])
            scores[chosen] = self.items.scores(answers).to(scores.dtype)
        return scores

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item for B histories of any length, if `ask` times the usual reward is to come; nobody's identity is used."""
        steps = self._steps(histories).clamp(max=len(self.mean) - 1)
        middle, around = self.wanted * self.mean[steps], self.spread * self.deviation[steps]
        if self.prompt is None or not self.spread:
            return self.asked(histories, middle)
        chances = [math.log(share) + self.asked(histories, (middle + node * around).clamp(min=0)).log_softmax(1) for node, share in NODES]
        return torch.logsumexp(torch.stack(chances), 0)

    def _steps(self, histories: Sequences) -> Tensor:
        return torch.from_numpy(histories.lengths).to(self.prior.device)
