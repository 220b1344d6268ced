"""How right a state is about the item that came next: one signature, six losses.

    loss = item_loss(states, table, targets, rng, bias)

    states   (M, D) one state for each prediction
    table    (N, D) the items' output vectors; an item's score is the dot product (plus its `bias` (N,), if given)
    targets  (M,) int64 codes of the items that came
    rng      a generator for the losses that draw negatives; the same generator gives the same loss
    returns  the mean over the M predictions

None keeps anything between two calls. `FullSoftmax` is exact; the others look at a few drawn items instead of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tastelm.errors import ShapeError
from tastelm.objectives.softmax import chunked_cross_entropy

LossName = Literal["full", "sampled", "gbce", "bce", "bpr", "bpr-max"]
ITEM_LOSSES: tuple[LossName, ...] = get_args(LossName)


class ItemLoss(Protocol):
    """What every loss in this file is."""

    def __call__(self, states: Tensor, table: Tensor, targets: Tensor, rng: np.random.Generator, bias: Tensor | None = None) -> Tensor: ...


@dataclass(frozen=True)
class FullSoftmax:
    """-log softmax over the whole catalogue: the best model for the minutes wherever a step fits them.

    `chunk` states are scored at once (0: as many as keep the logits small), so memory does not grow with M x N. `smoothing` is the share
    of the target that is spread evenly over the catalogue (label smoothing, Szegedy et al. 2016, Sec. 7). `half` scores in bfloat16.
    """

    chunk: int = 0
    smoothing: float = 0.0
    half: bool = False

    def __call__(self, states: Tensor, table: Tensor, targets: Tensor, rng: np.random.Generator, bias: Tensor | None = None) -> Tensor:
        _check(states, table, targets)
        if bias is not None:  # a bias is one more coordinate that every state has
            states, table = torch.cat([states, states.new_ones(len(states), 1)], 1), torch.cat([table, bias[:, None]], 1)
        loss = chunked_cross_entropy(states, table, targets, chunk=self.chunk, half=self.half)
        if self.smoothing:
            # A softmax is linear in its target but for the norm, which stays: the mean of all logits is the logit of the mean item.
            states = states.to(table.dtype)
            loss = loss + self.smoothing * (states * (table[targets] - table.mean(0))).sum(1).mean()
        return loss


@dataclass(frozen=True)
class Negatives:
    """Where negatives come from.

    count       how many
    popularity  (N,) training counts to draw in proportion to `counts ** power`; None draws uniformly
    shared      one draw for the whole batch (one matrix product), instead of one for each prediction
    """

    count: int
    popularity: NDArray[np.integer] | None = None
    power: float = 0.75
    shared: bool = True

    def draw(self, n_items: int, predictions: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Codes (K,) or (M, K), and the log-probability with which each was drawn."""
        shape = self.count if self.shared else (predictions, self.count)
        if self.popularity is None:
            codes = rng.integers(n_items, size=shape)
            return torch.from_numpy(codes), torch.full(codes.shape, -math.log(n_items))
        weight = np.maximum(self.popularity, 1e-9) ** self.power
        share = np.cumsum(weight) / weight.sum()
        codes = np.minimum(np.searchsorted(share, rng.random(shape), side="right"), n_items - 1)
        return torch.from_numpy(codes), torch.from_numpy(np.log(weight[codes] / weight.sum())).float()


@dataclass(frozen=True, eq=False)
class _Sampled:
    """What the sampled losses share: the target's score, the negatives' scores, and their log-probabilities."""

    negatives: Negatives = field(default_factory=lambda: Negatives(256))

    def _scores(self, states: Tensor, table: Tensor, targets: Tensor, rng: np.random.Generator, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """(M, 1) of the targets; (M, K) of the negatives, -inf where a negative is the target; (K,) or (M, K) log-probabilities."""
        _check(states, table, targets)
        codes, log_q = (tensor.to(states.device) for tensor in self.negatives.draw(len(table), len(states), rng))
        positive = (states * table[targets]).sum(1, keepdim=True)
        negative = states @ table[codes].T if codes.ndim == 1 else (states[:, None] * table[codes]).sum(2)
        if bias is not None:
            positive, negative = positive + bias[targets][:, None], negative + bias[codes]
        return positive, negative.masked_fill(codes == targets[:, None], -torch.inf), log_q


class SampledSoftmax(_Sampled):
    """Softmax over the target and the drawn items, each score corrected by its log-probability (Bengio and Senecal, 2008):
    its gradient is the full softmax's in expectation as the number of negatives grows."""

    def __call__(self, states: Tensor, table: Tensor, targets: Tensor, rng: np.random.Generator, bias: Tensor | None = None) -> Tensor:
        positive, negative, log_q = self._scores(states, table, targets, rng, bias)
        # Each drawn item stands for 1 / (K q) items of its kind; the target stands for itself.
        corrected = negative - log_q - math.log(self.negatives.count)
        return (torch.logsumexp(torch.cat([positive, corrected], 1), 1) - positive[:, 0]).mean()


@dataclass(frozen=True, eq=False)
class GBCE(_Sampled):
    """Binary cross-entropy whose positive is raised to the power beta, against over-confidence (Petrov and Macdonald, 2023, Eq. 16).

    calibration  t in [0, 1]: 0 is plain BCE, 1 fully calibrated; beta = 1 - t (1 - alpha), alpha = K / (N - 1)
    centred      read a score of 0 as the odds beta / K that the loss is least at for a scorer that knows nothing (the prior of Lin et al. 2017,
                 Sec. 3.3). Else thousands of steps go by in which all scores sink together, for want of a bias, and little is learnt
    """

    calibration: float = 0.75
    centred: bool = False

    def __call__(self, states: Tensor, table: Tensor, targets: Tensor, rng: np.random.Generator, bias: Tensor | None = None) -> Tensor:
        positive, negative, _ = self._scores(states, table, targets, rng, bias)
        rate = min(self.negatives.count / max(len(table) - 1, 1), 1.0)
        beta = 1 - self.calibration * (1 - rate)
        even = math.log(self.negatives.count / beta) if self.centred else 0.0
        total = beta * F.softplus(even - positive[:, 0]) + F.softplus(negative - even).sum(1)
        return (total / (self.negatives.count + 1)).mean()


class BCE(GBCE):
    """-[log sig(s+) + sum log(1 - sig(s-))] / (K + 1) (Kang and McAuley, 2018, Eq. 6, with K = 1)."""

    def __init__(self, negatives: Negatives, *, centred: bool = False) -> None:
        super().__init__(negatives, calibration=0.0, centred=centred)


class BPR(_Sampled):
    """-log sig(s+ - s-), mean over the negatives (Rendle et al., 2009)."""

    def __call__(self, states: Tensor, table: Tensor, targets: Tensor, rng: np.random.Generator, bias: Tensor | None = None) -> Tensor:
        positive, negative, _ = self._scores(states, table, targets, rng, bias)
        return F.softplus(negative - positive).mean()


@dataclass(frozen=True, eq=False)
class BPRMax(_Sampled):
    """-log sum_j w_j sig(s+ - s_j) + bpreg sum_j w_j s_j^2, w the softmax of the negatives' scores: those that score high count, so that many
    easy negatives do not thin the gradient out (Hidasi and Karatzoglou, 2018, the ranking-max loss with its score regularisation)."""

    bpreg: float = 1.0

    def __call__(self, states: Tensor, table: Tensor, targets: Tensor, rng: np.random.Generator, bias: Tensor | None = None) -> Tensor:
        positive, negative, _ = self._scores(states, table, targets, rng, bias)
        hit = negative.isneginf()
        # Where every negative is the target itself, one of score 0 stands in for them and is then left out of the mean's sum.
        nothing = hit.all(1, keepdim=True)
        weight = negative.masked_fill(nothing, 0).log_softmax(1)
        ahead = torch.logsumexp(weight + F.logsigmoid(positive - negative), 1)
        size = (weight.exp() * negative.masked_fill(hit, 0).square()).sum(1)
        return (self.bpreg * size - ahead).masked_fill(nothing[:, 0], 0).mean()


def item_loss(
    name: LossName, *, negatives: int, popularity: NDArray[np.integer] | None = None, alpha: float = 0.75, calibration: float = 0.75,
    bpreg: float = 1.0, smoothing: float = 0.0, half: bool = False, centred: bool = True,
) -> ItemLoss:  # fmt: skip
    """The loss a setting names: `full`, `sampled`, `gbce`, `bce`, `bpr` or `bpr-max`.

    popularity  (N,) training counts, for `sampled`, which corrects for it, and `bpr` and `bpr-max`, which do not (Hidasi and Karatzoglou
                2018, additional sampling): they draw in proportion to `popularity ** alpha`. The binary losses are calibrated for even draws.
    half        score in bfloat16, for `full`, whose time is that of scoring the catalogue
    centred     of `gbce` and `bce`; one negative against a plain positive is centred as it is

    Fewer than 16 negatives are drawn for each prediction anew, more for the whole batch at once.
    """
    # A few items as the negatives of a whole batch would teach it about those few alone.
    even, drawn = Negatives(negatives, shared=negatives >= FEW), Negatives(negatives, popularity, alpha, shared=negatives >= FEW)
    choices: dict[LossName, ItemLoss] = {
        "full": FullSoftmax(smoothing=smoothing, half=half),
        "sampled": SampledSoftmax(drawn),
        "gbce": GBCE(even, calibration, centred),
        "bce": BCE(even, centred=centred),
        "bpr": BPR(drawn),
        "bpr-max": BPRMax(drawn, bpreg),
    }
    return choices[name]


# From so many negatives on, one draw serves all predictions of a batch: one matrix product instead of many gathered vectors.
FEW = 16


def _check(states: Tensor, table: Tensor, targets: Tensor) -> None:
    if states.ndim != 2 or table.ndim != 2 or states.shape[1] != table.shape[1] or targets.shape != states.shape[:1]:
        shapes = f"states {tuple(states.shape)}, table {tuple(table.shape)}, targets {tuple(targets.shape)}"
        raise ShapeError(f"an item loss takes states (M, D), a table (N, D) and targets (M,), not {shapes}.")
