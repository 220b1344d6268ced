"""What a masked language model is taught of recommendation: to read the texts of histories, and to foresee the next title."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.base import Outcome
from tastelm.prompting.cloze import mask_of, states_of
from tastelm.prompting.layout import TOKEN, lay_out
from tastelm.prompting.teaching import like_lengths
from tastelm.prompting.title_cloze import TitleCloze


@dataclass(frozen=True, eq=False)
class Prefixes:
    """Every item of every history with what came before it, each once an epoch: the first one too, which foretells what strangers take.

    train  the training part
    shown  items before it at most
    batch  examples in a batch

    Batches are of non-empty `Sequences`, whose last item each is the one to be foreseen.
    """

    train: Sequences
    shown: int
    batch: int

    def batches(self, epoch: int, seed: int) -> _Prefixes:
        rng = np.random.default_rng((seed, epoch))
        places = np.arange(len(self.train.values))
        begins = self.train.offsets[np.searchsorted(self.train.offsets, places, side="right") - 1]
        lengths = np.minimum(places - begins, self.shown) + 1
        order, turns = like_lengths(lengths, self.batch, rng)
        return _Prefixes(self.train, places[order] + 1 - lengths[order], lengths[order], self.batch, turns)


@dataclass(frozen=True, eq=False)
class _Prefixes:
    train: Sequences
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    size: int
    turns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.turns)

    def __getitem__(self, index: int) -> Sequences:
        part = slice(self.turns[index] * self.size, (self.turns[index] + 1) * self.size)
        return self.train.windows(self.starts[part], self.lengths[part])


@dataclass(frozen=True)
class NextTitle:
    """L = -1/B sum_b log softmax_i s(u_b, i) at the item that came, over the whole catalogue (Zhang et al. 2021, fine-tuning).

    Takes a TitleCloze, and batches whose last items are to be foreseen.
    """

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        assert isinstance(module, TitleCloze)
        last = np.zeros(len(batch.values), bool)
        last[batch.offsets[1:] - 1] = True
        scores = module.scores(Sequences.from_lengths(batch.values[~last], batch.lengths - 1))
        targets = torch.from_numpy(batch.values[last].astype(np.int64)).to(scores.device)
        return Outcome(F.cross_entropy(scores, targets), len(targets))


@dataclass(frozen=True)
class HiddenWords:
    """Masked language modelling, L = -1/|M| sum_{w in M} log p(w | text without M) (Devlin et al. 2019, Sec. 3.1).

    rate    share of the tokens that are to be found; one of each text at least
    masked  share of these that the mask hides; half of the others become a token that is drawn, the rest stays

    Takes a TitleCloze, and batches of histories of one item or more, which it reads as its stories.
    """

    rate: float = 0.15
    masked: float = 0.8

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        assert isinstance(module, TitleCloze)
        model = module.backbone
        layout = lay_out(module.stories(batch), model.tokens, end=True, longest=model.context)
        words = layout.origin == TOKEN
        words[:, 0] = words[np.arange(len(words)), layout.lengths - 1] = False  # what begins and ends every text
        drawn = np.where(words, rng.random(words.shape), np.inf)
        hidden = words & ((drawn < self.rate) | (drawn == drawn.min(1, keepdims=True)))
        chance, others = rng.random(words.shape), rng.integers(model.tokens.size, size=words.shape)
        shown = np.where(chance < self.masked, mask_of(model.tokens), np.where(chance < (1 + self.masked) / 2, others, layout.ids))
        states = states_of(model, replace(layout, ids=np.where(hidden, shown, layout.ids)))
        device = states.device
        loss = F.cross_entropy(model.logits(states[torch.from_numpy(hidden).to(device)]).float(), torch.from_numpy(layout.ids[hidden]).to(device))
        return Outcome(loss, int(hidden.sum()))
