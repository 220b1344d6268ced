"""Replaced-token detection: what is replaced, what counts as replaced, and where gradients go."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.masked import MaskedItems, hide
from tastelm.objectives.replaced import ReplacedItems, draw

from .toys import Recorder, rng

BATCH = Sequences.of([[0, 1, 2, 3], [5, 4, 3], [1, 2, 5, 0, 4]])


class Electra(Recorder):
    def __init__(self) -> None:
        super().__init__(mask=True, bias=True)
        self.discriminator = nn.Linear(4, 1)
        self.seen: list[np.ndarray] = []

    def forward(self, sequences: Sequences) -> torch.Tensor:
        self.seen.append(sequences.values.copy())
        return super().forward(sequences)


def test_only_hidden_items_are_replaced_and_by_items_hidden_in_the_batch() -> None:
    module = Electra()
    outcome = ReplacedItems(FullSoftmax(), rate=0.5, last=0.0, weight=3.0)(module, BATCH, rng())
    hidden = hide(BATCH, 0.5, 0.0, "exact", rng())
    masked, corrupted = module.seen
    assert (masked[hidden] == 6).all() and (corrupted[~hidden] == BATCH.values[~hidden]).all()
    assert set(corrupted[hidden]) <= set(BATCH.values[hidden])
    cloze = MaskedItems(FullSoftmax(), rate=0.5, last=0.0)(Recorder(mask=True, bias=True), BATCH, rng())
    logits = module.discriminator(module.places[: len(corrupted)])[:, 0]
    detection = F.binary_cross_entropy_with_logits(logits, torch.from_numpy(corrupted != BATCH.values).float())
    assert outcome.parts["detection"] == detection.item() and outcome.targets == hidden.sum() == cloze.targets
    torch.testing.assert_close(outcome.loss.detach(), outcome.parts["cloze"] + 3 * outcome.parts["detection"])


def test_a_drawn_item_that_is_the_true_one_counts_as_true() -> None:
    module = Electra()
    with torch.no_grad():  # the generator is sure of the truth: its states are the truth's own vectors, far apart
        module.items.weight.copy_(torch.eye(6, 4) * 50 - 100 * (torch.eye(6, 4).sum(1, keepdim=True) == 0))
    only = Sequences.of([[2, 2, 2]])
    outcome = ReplacedItems(FullSoftmax(), rate=0.5, last=0.0)(module, only, rng())
    assert (module.seen[1] == 2).all()
    logits = module.discriminator(module.places[:3])[:, 0]
    assert outcome.parts["detection"] == F.binary_cross_entropy_with_logits(logits, torch.zeros(3)).item()


def test_drawing_follows_the_softmax_and_takes_no_gradient() -> None:
    module = Electra()
    states = torch.randn(1, 4, generator=torch.Generator().manual_seed(3)).repeat(20_000, 1).requires_grad_()
    candidates = np.array([0, 2, 5])
    drawn = draw(states, module.items, candidates, rng())
    share = np.array([(drawn == code).mean() for code in candidates])
    expected = (module.items.scores(states[:1])[0, torch.from_numpy(candidates)]).softmax(0).detach().numpy()
    np.testing.assert_allclose(share, expected, atol=0.015)
    assert isinstance(drawn, np.ndarray)


def test_without_weight_it_is_the_cloze() -> None:
    one, other = Electra(), Recorder(mask=True, bias=True)
    other.load_state_dict({name: value for name, value in one.state_dict().items() if not name.startswith("discriminator")})
    replaced = ReplacedItems(FullSoftmax(), rate=0.4, last=0.3, weight=0.0)(one, BATCH, rng(4))
    torch.testing.assert_close(replaced.loss, MaskedItems(FullSoftmax(), rate=0.4, last=0.3)(other, BATCH, rng(4)).loss)
