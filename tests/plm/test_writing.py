"""Writing on from what was written: the same states as writing all of it anew, whichever texts go on, for every kind of T5."""

import pytest
import torch
import transformers

from tastelm.plm.seq2seq import Seq2SeqLM
from tastelm.plm.writing import Writing


@pytest.fixture(params=["T5", "MT5", "UMT5", "LongT5"])
def model(request: pytest.FixtureRequest) -> Seq2SeqLM:
    torch.manual_seed(0)
    config = getattr(transformers, f"{request.param}Config")(
        vocab_size=50, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0, pad_token_id=0
    )
    return Seq2SeqLM(getattr(transformers, f"{request.param}ForConditionalGeneration")(config)).eval()


@torch.no_grad()
@pytest.mark.parametrize("whole", [True, False], ids=["texts of one length", "texts of several"])
def test_it_writes_what_is_written_anew(model: Seq2SeqLM, whole: bool) -> None:
    mask = torch.ones(3, 7, dtype=torch.bool)
    if not whole:
        mask[1, 4:] = mask[2, 2:] = False
    memory = model.read(model.embed(torch.randint(3, 50, (3, 7))), mask)
    writing, owners, texts = Writing(model, memory), torch.arange(3), model.starts(3, mask.device)
    found = writing.on(texts[:, 0], owners)
    torch.testing.assert_close(found, model.write(memory, texts)[:, -1])
    # As many of each; fewer and more; some that were read are left alone, and the order is another; one alone.
    for parents in ([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 3, 5], [6, 0, 4, 0], [3]):
        chosen, token = torch.tensor(parents), torch.randint(3, 50, (len(parents),))
        texts, owners = torch.cat([texts[chosen], token[:, None]], 1), owners[chosen]
        found, anew = writing.on(token, chosen), model.write(memory.take(owners), texts)[:, -1]
        torch.testing.assert_close(found, anew)
    strangers = model.write(memory.take((owners + 1) % 3), texts)[:, -1]
    assert not torch.allclose(found, strangers, atol=1e-3), "what was read matters"


@torch.no_grad()
def test_a_token_is_paid_for_once(model: Seq2SeqLM) -> None:
    memory = model.read(model.embed(torch.randint(3, 50, (2, 5))), torch.ones(2, 5, dtype=torch.bool))
    before, writing = model.meter.tokens, Writing(model, memory)
    for _ in range(3):
        writing.on(torch.tensor([4, 5]), torch.arange(2))
    assert model.meter.tokens - before == 6


def test_training_goes_on_as_before_where_something_was_written(model: Seq2SeqLM) -> None:
    ids, mask = torch.randint(3, 50, (2, 5)), torch.ones(2, 5, dtype=torch.bool)

    def gradient() -> torch.Tensor:
        states = model.write(model.read(model.embed(ids), mask), torch.tensor([[0, 7, 8], [0, 9, 4]]))
        (found,) = torch.autograd.grad(model.logits(states).square().mean(), [model.network.get_input_embeddings().weight])
        return found

    before = gradient()
    with torch.no_grad():
        Writing(model, model.read(model.embed(ids), mask)).on(torch.zeros(2, dtype=torch.long), torch.arange(2))
    torch.testing.assert_close(gradient(), before)
