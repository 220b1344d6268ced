"""Writing with what was kept of the prompt is writing with all of it read anew."""

import pytest
import torch

from tastelm.errors import SettingError
from tastelm.plm.causal import CausalLM
from tastelm.plm.greedy import write_greedily
from tastelm.plm.loading import causal_lm
from tastelm.plm.tokens import trained_on

IDS = torch.tensor([[11, 12, 13, 14, 15], [21, 22, 23, 0, 0], [1, 0, 0, 0, 0]])
MASK = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])
LONGEST = 9


@pytest.fixture(scope="module")
def model() -> CausalLM:
    torch.manual_seed(0)
    made = causal_lm("scratch:dim=16,layers=2,heads=2,context=32,vocabulary=300")
    made.write_with(trained_on(["a few words"], size=300))
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(4)  # as they come, all texts are nearly alike
    return made.eval()


@torch.no_grad()
def anew(model: CausalLM, ids: list[int], end: int) -> list[int]:
    """The same, one row and all of its tokens at a time."""
    written: list[int] = []
    while len(written) < LONGEST and (token := int(model.network(input_ids=torch.tensor([ids + written])).logits[0, -1].argmax())) != end:
        written.append(token)
    return written


def test_prompts_of_unequal_length_are_written_on_as_if_each_stood_alone(model: CausalLM) -> None:
    found = write_greedily(model, model.embed(IDS).detach(), MASK, longest=LONGEST)
    assert found == [anew(model, ids[mask].tolist(), model.tokens.end) for ids, mask in zip(IDS, MASK, strict=True)]
    assert len({tuple(row) for row in found}) == 3


def test_a_row_ends_where_its_text_does_while_others_go_on(model: CausalLM) -> None:
    rows = [anew(model, ids[mask].tolist(), -1) for ids, mask in zip(IDS, MASK, strict=True)]
    end = next(token for token in rows[0][1:] if token not in rows[1])
    model.tokens.end, before = end, model.tokens.end
    try:
        found = write_greedily(model, model.embed(IDS).detach(), MASK, longest=LONGEST)
    finally:
        model.tokens.end = before
    assert found[0] == rows[0][: rows[0].index(end)] and found[1] == rows[1]


def test_the_tokens_read_and_written_are_counted(model: CausalLM) -> None:
    before = model.spent().tokens
    found = write_greedily(model, model.embed(IDS).detach(), MASK, longest=LONGEST)
    assert model.spent().tokens - before == int(MASK.sum()) + sum(map(len, found))


def test_what_is_longer_than_the_model_reads_is_refused(model: CausalLM) -> None:
    with pytest.raises(SettingError, match="take 33, but the model reads 32"):
        write_greedily(model, model.embed(IDS).detach(), MASK, longest=28)
