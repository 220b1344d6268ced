"""The transformer block against formulas written out by hand."""

from typing import cast

import pytest
import torch

from tastelm.nn.attention import Activation, Norm, TransformerBlock

from . import naive


def block(norm: str, activation: str = "gelu") -> TransformerBlock:
    made = TransformerBlock(
        6, 2, hidden=12, dropout=0.5, attention_dropout=0.5, norm=cast("Norm", norm), activation=cast("Activation", activation)
    )  # fmt: skip
    naive.wild(made)
    return made.eval()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("norm", ["pre", "post", "query"])
def test_a_block_by_hand(norm: str, activation: str, causal: bool) -> None:
    made, x = block(norm, activation), torch.randn(5, 6)
    mask = torch.ones(5, 5, dtype=torch.bool)
    found = made(x[None], (mask.tril() if causal else mask)[None, None])[0]
    torch.testing.assert_close(found, naive.block(made, x, causal=causal, rotary=False), atol=1e-5, rtol=1e-5)


def test_the_paper_block_adds_the_normed_query() -> None:
    """Without attention and feed-forward, what is left of SASRec's block is LN(LN(x)), and of a pre-norm block x itself."""
    x, mask = torch.randn(1, 4, 6), torch.ones(1, 1, 4, 4, dtype=torch.bool)
    for norm in ("query", "pre"):
        made = block(norm)
        with torch.no_grad():
            for layer in (made.attention.out, made.down):
                layer.weight.zero_()
                layer.bias.zero_()
        expected = naive.norm(made.feed_norm, naive.norm(made.attention_norm, x[0])) if norm == "query" else x[0]
        torch.testing.assert_close(made(x, mask)[0], expected, atol=1e-5, rtol=1e-5)


def test_the_paper_block_reads_keys_and_values_unnormed() -> None:
    """Scaling x leaves the normed query alone but must scale what attention reads."""
    made, x, mask = block("query"), torch.randn(1, 4, 6), torch.ones(1, 1, 4, 4, dtype=torch.bool)
    assert not torch.allclose(made(x, mask), made(3 * x, mask), atol=1e-3)
    pre = made.attention(made.attention_norm(x), made.attention_norm(x), mask)
    torch.testing.assert_close(pre, made.attention(made.attention_norm(3 * x), made.attention_norm(3 * x), mask), atol=1e-3, rtol=1e-3)
