"""Small language models of random weights, which are as good as any for what must hold of all."""

import torch

from tastelm.plm.causal import CausalLM
from tastelm.plm.loading import causal_lm
from tastelm.plm.tokens import trained_on

WORDS = ["the matrix", "the godfather", "toy story", "toy soldiers", "alien", "aliens", "you liked alien, toy story, and will like"]


def small_causal(seed: int = 0, *, context: int = 64) -> CausalLM:
    torch.manual_seed(seed)  # the first weights of a module follow torch's generator
    model = causal_lm(f"scratch:dim=32,layers=2,heads=2,context={context},vocabulary=320")
    model.write_with(trained_on(WORDS, size=320))
    # Weights as they come are so small that any two texts are nearly alike.
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(4)
    return model.eval()
