"""Beams of a language model with kept keys and values, against the network that reads every text anew."""

import numpy as np
import pytest
import torch

from tastelm.errors import SettingError
from tastelm.plm.beams import write_by_beams
from tastelm.plm.causal import CausalLM
from tastelm.plm.loading import causal_lm
from tastelm.plm.tokens import trained_on

SIZE = 300
IDS = torch.tensor([[11, 12, 13, 14, 15], [21, 22, 23, 0, 0]])
MASK = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])


@pytest.fixture(scope="module")
def model() -> CausalLM:
    torch.manual_seed(0)
    made = causal_lm(f"scratch:dim=16,layers=2,heads=2,context=32,vocabulary={SIZE}")
    made.write_with(trained_on(["a few words"], size=SIZE))
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(4)  # as they come, all texts are nearly alike
    return made.eval()


@torch.no_grad()
def likely(model: CausalLM, ids: torch.Tensor) -> torch.Tensor:
    """(R, V) log-probabilities behind R texts, read without a cache."""
    found: torch.Tensor = model.network(input_ids=ids).logits[:, -1].double().log_softmax(1)
    return found


def written(model: CausalLM, row: int, **sizes: int) -> tuple[list[list[int]], torch.Tensor]:
    with torch.no_grad():
        texts, totals = write_by_beams(model, model.embed(IDS), MASK, **sizes)
    return texts[row], totals[row]


@pytest.mark.parametrize("row", [0, 1])
def test_a_wide_beam_finds_the_best_of_all_texts(model: CausalLM, row: int) -> None:
    prompt, end = IDS[row][MASK[row]], model.tokens.end
    first = likely(model, prompt[None])[0]
    second = first[:, None] + likely(model, torch.cat([prompt.expand(SIZE, -1), torch.arange(SIZE)[:, None]], 1))
    second[end] = -torch.inf  # ended before
    every = torch.cat([second.flatten(), first[end][None]])
    expected, places = every.topk(50)
    texts, totals = written(model, row, longest=2, beams=SIZE)
    np.testing.assert_allclose(totals[:50].numpy(), expected.numpy(), atol=1e-4)
    named = [[] if place == SIZE**2 else [token for token in divmod(place, SIZE) if token != end] for place in places.tolist()]
    assert set(map(tuple, texts[:40])) <= set(map(tuple, named))


@pytest.mark.parametrize("row", [0, 1])
def test_long_texts_have_the_probability_that_the_network_gives_them(model: CausalLM, row: int) -> None:
    prompt, end = IDS[row][MASK[row]].tolist(), model.tokens.end
    texts, totals = written(model, row, longest=6, beams=5)
    assert len(set(map(tuple, texts))) == 5
    for text, total in zip(texts, totals.tolist(), strict=True):
        tokens = text if len(text) == 6 else [*text, end]
        steps = [float(likely(model, torch.tensor([prompt + tokens[:at]]))[0, token]) for at, token in enumerate(tokens)]
        assert sum(steps) == pytest.approx(total, abs=1e-3)


def test_a_text_that_does_not_fit_is_refused(model: CausalLM) -> None:
    with pytest.raises(SettingError, match="a prompt and 28 tokens behind it take 33, but the model reads 32"):
        written(model, 0, longest=28, beams=2)


def test_what_is_written_is_counted(model: CausalLM) -> None:
    before = model.spent().tokens
    written(model, 0, longest=3, beams=4)
    assert model.spent().tokens - before == 8 + 2 * 4 * 2, "two prompts of 8 tokens, then twice 4 beams of 2 rows"
