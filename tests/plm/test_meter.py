"""Tokens are counted where they are read and written to answer, each once, and nowhere else."""

import copy

import numpy as np
import pytest
import torch
from prompting.toys import small_causal

from tastelm.plm.endpoint_meter import PerThousand
from tastelm.plm.greedy import write_greedily
from tastelm.plm.loading import masked_lm, seq2seq_lm
from tastelm.plm.meter import Bill, Spent, TokenMeter, per_thousand, spent_by
from tastelm.prompting.layout import lay_out
from tastelm.prompting.likelihood import log_likelihoods
from tastelm.text.segments import Text

PROMPTS = [(Text("you liked alien"),), (Text("toy story"),)]
SIZES = "scratch:dim=16,layers=1,heads=2,context=32,vocabulary=300"
IDS, MASK = torch.tensor([[11, 12, 13], [21, 22, 0]]), torch.tensor([[True] * 3, [True, True, False]])


@torch.no_grad()
def test_a_prompt_counts_once_and_so_does_what_continuations_share() -> None:
    model = small_causal()
    layout = lay_out(PROMPTS, model.tokens)
    reading = model.read(layout.embed(model, {}), layout.mask())
    assert model.spent() == Spent(int(layout.lengths.sum()))
    before = model.spent().tokens
    log_likelihoods(model, reading, [[[5, 6, 7], [5, 6, 8]], [[9]]])
    assert model.spent().tokens - before == 2, "5 and 6 are read once for both; the last token of each is judged, not read"


@torch.no_grad()
def test_what_is_written_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_causal()
    layout = lay_out(PROMPTS, model.tokens)
    written = write_greedily(model, layout.embed(model, {}), layout.mask(), longest=4)
    assert model.spent().tokens == int(layout.lengths.sum()) + sum(map(len, written)) > int(layout.lengths.sum())


@torch.no_grad()
def test_every_port_counts_places_that_hold_something() -> None:
    masked, seq2seq = masked_lm(SIZES), seq2seq_lm(SIZES)
    masked(masked.embed(IDS), MASK)
    assert masked.spent().tokens == 5
    memory = seq2seq.read(seq2seq.embed(IDS), MASK)
    seq2seq.write(memory, torch.zeros(2, 4, dtype=torch.long))
    assert seq2seq.spent().tokens == 5 + 8


def test_learning_is_not_counted_and_the_count_stands_in_no_checkpoint() -> None:
    model = small_causal()
    model(model.embed(IDS), MASK)
    assert model.spent().tokens == 0
    state = model.state_dict()
    with torch.no_grad():
        model(model.embed(IDS), MASK)
    assert model.spent().tokens == 5 and state.keys() == model.state_dict().keys() and not any("meter" in name for name in state)
    twin = copy.deepcopy(model)
    twin.load_state_dict(state)
    with torch.no_grad():
        twin(twin.embed(IDS), MASK)
    assert (model.spent().tokens, twin.spent().tokens) == (5, 10), "a copy counts on its own"


class Holder(torch.nn.Module):
    """A scorer with models in it, somewhere."""

    def __init__(self, *parts: torch.nn.Module) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleList(parts)


class Paid(torch.nn.Module):
    """A model behind an endpoint."""

    def __init__(self, *spent: Spent) -> None:
        super().__init__()
        self.told = list(spent)

    def spent(self) -> Spent:
        return self.told.pop(0)


def test_a_scorer_has_spent_what_its_models_have() -> None:
    one, two = small_causal(), small_causal(1)
    one.meter.tokens, two.meter.tokens = 3, 4
    assert spent_by(Holder(one, torch.nn.Linear(1, 1), Holder(two))) == Spent(7)
    assert spent_by(Holder(one, Paid(Spent(10, 1.5, 0.25)))) == Spent(13, 1.5, 0.25)
    assert spent_by(Holder(torch.nn.Linear(1, 1))) is None and spent_by(object()) is None


def test_the_cost_of_a_thousand() -> None:
    assert per_thousand(Spent(100), Spent(700), seconds=3.0, questions=20) == PerThousand(30_000, 150.0, None)
    # The endpoint tells its own seconds: those of who waited are shorter where answers were on disk.
    assert per_thousand(Spent(0, 0.0, 0.0), Spent(500, 8.0, 0.02), seconds=0.1, questions=4) == PerThousand(125_000, 2000.0, 5.0)


@torch.no_grad()
def test_a_bill_is_of_what_was_asked_since_it_was_made() -> None:
    model = small_causal()
    model(model.embed(IDS), MASK)
    bill = Bill(Holder(model))
    model(model.embed(IDS), MASK)
    seconds, found = bill.settle(2)
    assert found is not None and found.tokens == 2500 and found.money is None and found.seconds == 1000 * seconds / 2
    assert bill.settle(2).plain()["cost"]["tokens"] == 2500
    silent = Bill(torch.nn.Linear(1, 1)).settle(2)
    assert silent.cost is None and silent.plain().keys() == {"seconds"}


def test_numbers_of_arrays_are_counted_as_numbers() -> None:
    meter = TokenMeter()
    with torch.no_grad():
        meter.add(int(np.int64(3)))
        meter.add(torch.tensor([True, False, True]))
    assert meter.tokens == 5
