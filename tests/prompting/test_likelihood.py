"""Likelihoods of continuations: what is shared is read once, and nothing of it changes a number."""

import numpy as np
import pytest
import torch

from tastelm.errors import DataError, SettingError
from tastelm.plm.causal import CausalLM, Reading
from tastelm.prompting.branches import Branches, in_blocks
from tastelm.prompting.layout import lay_out
from tastelm.prompting.likelihood import log_likelihoods
from tastelm.text.segments import Text

from .toys import small_causal

PROMPTS = ["you liked alien,", "", "you liked toy story, toy soldiers, the matrix, and"]
judged = torch.no_grad()(log_likelihoods)
CONTINUATIONS = [[5, 6, 7], [5, 6], [5, 9], [12], [5, 6, 7, 8, 9], [30, 31, 32]]


@pytest.fixture(scope="module")
def model() -> CausalLM:
    return small_causal()


def reading(model: CausalLM, prompts: list[str]) -> Reading:
    layout = lay_out([(Text(prompt),) if prompt else () for prompt in prompts], model.tokens)
    with torch.no_grad():
        return model.read(layout.embed(model, {}), layout.mask())


@torch.no_grad()
def by_hand(model: CausalLM, prompt: str, continuation: list[int]) -> float:
    """The product of conditionals, each from a pass of its own over prompt and continuation."""
    ids, total = [model.tokens.start, *model.tokens.encode(prompt)], 0.0
    for token in continuation:
        row = torch.tensor([ids])
        states = model(model.embed(row), torch.ones_like(row, dtype=torch.bool))
        total += float(model.logits(states)[0, -1].log_softmax(0)[token])
        ids.append(token)
    return total


def test_it_is_the_product_of_the_conditionals(model: CausalLM) -> None:
    found = judged(model, reading(model, PROMPTS), [CONTINUATIONS] * 3)
    for prompt, values in zip(PROMPTS, found, strict=True):
        expected = [by_hand(model, prompt, continuation) for continuation in CONTINUATIONS]
        np.testing.assert_allclose(values.numpy(), expected, atol=1e-4, rtol=1e-5)


def test_each_text_may_have_its_own_continuations_and_company_changes_nothing(model: CausalLM) -> None:
    own = [CONTINUATIONS[:2], [CONTINUATIONS[3]], CONTINUATIONS[1:]]
    together = judged(model, reading(model, PROMPTS), own)
    for prompt, continuations, values in zip(PROMPTS, own, together, strict=True):
        alone = judged(model, reading(model, [prompt]), [continuations])[0]
        np.testing.assert_allclose(values.numpy(), alone.numpy(), atol=1e-5)


def test_a_reading_may_be_used_again(model: CausalLM) -> None:
    read = reading(model, PROMPTS)
    first, again = (judged(model, read, [CONTINUATIONS] * 3) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_permuting_the_continuations_permutes_the_values(model: CausalLM) -> None:
    order = np.random.default_rng(0).permutation(len(CONTINUATIONS))
    found = judged(model, reading(model, PROMPTS[:1]), [CONTINUATIONS])[0]
    turned = judged(model, reading(model, PROMPTS[:1]), [[CONTINUATIONS[index] for index in order]])[0]
    np.testing.assert_allclose(turned.numpy(), found.numpy()[order], atol=1e-6)


def test_many_continuations_go_in_blocks_and_none_is_lost(model: CausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = judged(model, reading(model, PROMPTS[:2]), [CONTINUATIONS, CONTINUATIONS[:3]])
    monkeypatch.setattr("tastelm.prompting.likelihood.BLOCK", 4)
    monkeypatch.setattr("tastelm.prompting.likelihood.LOGITS", 2)
    parts = judged(model, reading(model, PROMPTS[:2]), [CONTINUATIONS, CONTINUATIONS[:3]])
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other.numpy(), one.numpy(), atol=1e-5)


def test_a_constant_on_all_logits_changes_nothing(model: CausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(model, reading(model, PROMPTS[:1]), [CONTINUATIONS])[0]
    logits = model.logits
    monkeypatch.setattr(model, "logits", lambda states: logits(states) + 7.0)
    np.testing.assert_allclose(judged(model, reading(model, PROMPTS[:1]), [CONTINUATIONS])[0].numpy(), found.numpy(), atol=1e-4)


def test_an_empty_continuation_is_refused(model: CausalLM) -> None:
    with pytest.raises(DataError, match="a continuation is empty"):
        judged(model, reading(model, PROMPTS[:1]), [[[5], []]])


def test_shared_beginnings_are_read_once() -> None:
    branches = Branches.of([[5, 6, 7], [5, 6], [5, 9, 1]])
    assert branches.tokens.tolist() == [5, 6, 9] and branches.parents.tolist() == [-1, 0, 0] and branches.depths.tolist() == [0, 1, 1]
    assert branches.sees().tolist() == [[True, False, False], [True, True, False], [True, False, True]]
    assert list(zip(branches.owners.tolist(), branches.behind.tolist(), branches.taken.tolist(), strict=True)) == [
        (0, -1, 5), (0, 0, 6), (0, 1, 7), (1, -1, 5), (1, 0, 6), (2, -1, 5), (2, 0, 9), (2, 2, 1),
    ]  # fmt: skip


def test_blocks_hold_every_continuation_once() -> None:
    blocks = list(in_blocks(CONTINUATIONS, 4))
    assert sorted(np.concatenate(blocks).tolist()) == list(range(len(CONTINUATIONS)))
    assert all(sum(len(CONTINUATIONS[index]) for index in block) <= 4 or len(block) == 1 for block in blocks)
    assert list(in_blocks([], 4)) == []


def test_a_gradient_flows_through_them(model: CausalLM) -> None:
    layout = lay_out([(Text("alien"),)], model.tokens)
    embeds = layout.embed(model, {}).detach().requires_grad_()
    log_likelihoods(model, model.read(embeds, layout.mask()), [CONTINUATIONS])[0].sum().backward()
    assert embeds.grad is not None and (embeds.grad[0].abs().sum(1) > 0).all()


def test_a_branch_beyond_what_the_model_reads_is_refused() -> None:
    short = small_causal(context=8)
    layout = lay_out([(Text("alien"),)], short.tokens)
    with pytest.raises(SettingError, match=r"a prompt takes \d+ tokens, but the model reads 8"):
        judged(short, short.read(layout.embed(short, {}), layout.mask()), [[[5] * 12]])
