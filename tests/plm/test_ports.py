"""What every port promises: masked places are not there, a prefix of no length is no prefix, weights stay where they came from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tastelm.errors import SettingError, ShapeError
from tastelm.plm.causal import CausalLM
from tastelm.plm.deep_prefix import DeepPrefix
from tastelm.plm.loading import causal_lm, masked_lm, seq2seq_lm
from tastelm.plm.port import LanguageModel, Prefix
from tastelm.plm.tokens import START, from_json, trained_on

SIZES = "scratch:dim=16,layers=2,heads=2,context=32,vocabulary=300"
IDS = torch.tensor([[11, 12, 13, 14, 15], [21, 22, 23, 0, 0]])
MASK = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
PORTS = {"causal": causal_lm, "masked": masked_lm, "seq2seq": seq2seq_lm}


def made(kind: str, seed: int = 0) -> LanguageModel:
    torch.manual_seed(seed)
    model: LanguageModel = PORTS[kind](SIZES)
    return model.eval()


@pytest.mark.parametrize("kind", PORTS)
@torch.no_grad()
def test_what_is_masked_is_not_there(kind: str) -> None:
    model = made(kind)
    states = model(model.embed(IDS), MASK)
    alone = model(model.embed(IDS[1:, :3]), MASK[1:, :3])
    np.testing.assert_allclose(states[1, :3].numpy(), alone[0].numpy(), atol=1e-5)
    assert states.shape == (2, 5, model.width) and model.logits(states).shape == (2, 5, 300)


@pytest.mark.parametrize("kind", ["causal", "masked"])
def test_short_texts_are_learnt_in_half_precision_without_the_kernel_whose_way_back_is_slow(kind: str) -> None:
    model = made(kind)
    single = torch.autograd.grad(model(model.embed(IDS), MASK).square().sum(), list(model.network.base_model.parameters()), allow_unused=True)
    fused = {}
    for halves in (False, True):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen, torch.autocast("cpu", torch.bfloat16, enabled=halves):
            loss = model(model.embed(IDS), MASK).float().square().sum()
        fused[halves] = any("flash_attention" in event.key for event in seen.key_averages())
    assert fused == {False: True, True: False}
    learnt = torch.autograd.grad(loss, list(model.network.base_model.parameters()), allow_unused=True)
    for one, other in zip(single, learnt, strict=True):
        if one is not None and one.norm() > 1:
            assert float((one - other).norm() / one.norm()) < 0.1


@pytest.mark.parametrize("kind", PORTS)
@torch.no_grad()
def test_who_sees_what(kind: str) -> None:
    model = made(kind)
    changed = IDS.clone()
    changed[0, 3] = 99
    moved = (model(model.embed(IDS), MASK) - model(model.embed(changed), MASK))[0].abs().sum(1) > 1e-6
    assert moved.tolist() == ([False, False, False, True, True] if kind == "causal" else [True] * 5)


@torch.no_grad()
def test_a_prefix_is_seen_by_all_and_one_of_no_length_is_none() -> None:
    model = made("causal")
    shape = model.kv_shape

    def with_prefix(places: int) -> torch.Tensor:
        torch.manual_seed(places)
        keys, values = (torch.randn(shape.layers, 2, shape.heads, places, shape.width) for _ in range(2))
        found: torch.Tensor = model(model.embed(IDS), MASK, Prefix(keys, values))
        return found

    bare = model(model.embed(IDS), MASK)
    torch.testing.assert_close(with_prefix(0), bare)
    assert ((with_prefix(3) - bare)[MASK].abs().sum(1) > 1e-4).all()
    with pytest.raises(SettingError, match="takes no prefix"):
        made("masked")(torch.zeros(1, 1, 16), MASK[:1, :1], Prefix(torch.zeros(0), torch.zeros(0)))


@torch.no_grad()
def test_a_learnt_prefix_begins_as_words_said_over_and_over() -> None:
    model: CausalLM = made("causal")  # type: ignore[assignment]
    model.write_with(trained_on(["once upon a time"], size=300))
    prefix = DeepPrefix(model.kv_shape, 9)
    prefix.begin(model, "once upon")
    ids = torch.tensor([(model.tokens.encode("once upon") * 9)[:9]])
    cache = model.read(model.embed(ids), torch.ones(1, 9, dtype=torch.bool)).cache
    for layer, kept in enumerate(cache.layers):
        torch.testing.assert_close(prefix(2).keys[layer], kept.keys.expand(2, -1, -1, -1))
        torch.testing.assert_close(prefix(2).values[layer], kept.values.expand(2, -1, -1, -1))
    with pytest.raises(SettingError, match="should begin as is empty"):
        prefix.begin(model, "")


@torch.no_grad()
def test_a_written_text_is_judged_as_the_network_itself_does() -> None:
    model: LanguageModel = made("seq2seq")
    memory = model.read(model.embed(IDS), MASK)  # type: ignore[operator]
    told = torch.tensor([[0, 5, 6], [0, 7, 8]])
    states = model.write(memory, told)  # type: ignore[operator]
    expected = model.network(input_ids=IDS, attention_mask=MASK.long(), decoder_input_ids=told).logits
    torch.testing.assert_close(model.logits(states), expected)


def test_a_model_from_scratch_is_whole_in_its_state() -> None:
    model = made("causal")
    model.write_with(trained_on(["toy story"] * 3, size=300))
    other = made("causal", seed=1)
    assert not torch.equal(next(iter(other.parameters())), next(iter(model.parameters())))
    other.load_state_dict(model.state_dict())
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))
    assert other.tokens.encode("toy 12") == model.tokens.encode("toy 12") and other.tokens.decode(model.tokens.encode("toy 12")) == "toy 12"


def test_weights_that_can_be_had_again_are_stored_only_where_they_were_trained(tmp_path: Path) -> None:
    source = made("causal")
    source.network.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(trained_on(["toy"], size=300).to_json())
    model = causal_lm(f"folder:{tmp_path}")
    assert model.external and torch.equal(model.embed(IDS), source.embed(IDS))
    for value in model.parameters():
        value.requires_grad_(False)
    assert set(model.state_dict()) == {"digest", "written"}
    name, trained = next((name, value) for name, value in model.named_parameters() if "layers.1" in name)
    trained.requires_grad_(True)
    with torch.no_grad():
        trained.add_(1)
    state = model.state_dict()
    assert set(state) == {"digest", "written", name}
    again = causal_lm(f"folder:{tmp_path}")
    again.load_state_dict(state)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), again.parameters(), strict=True))
    with torch.no_grad():
        source.network.model.norm.weight.add_(1)
    source.network.save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match="the pre-trained model is another one than it was trained with"):
        causal_lm(f"folder:{tmp_path}").load_state_dict(state)


def test_tokenizers() -> None:
    tokens = trained_on(["user_23 liked item_7"] * 2, size=300)
    assert tokens.word(tokens.start) == START and tokens.mask is not None
    digits = tokens.encode("23")
    assert [tokens.decode([digit]) for digit in digits] == ["2", "3"], "each digit is a token of its own"
    assert from_json(tokens.to_json()).encode("naïve ☃") == tokens.encode("naïve ☃") and tokens.decode(tokens.encode("naïve ☃")) == "naïve ☃"
    assert tokens.encode_all(["a b", ""]) == [tokens.encode("a b"), []]
    with pytest.raises(ShapeError, match="does not fit a model that has 200"):
        causal_lm("scratch:dim=8,layers=1,vocabulary=200").write_with(tokens)


def test_a_damaged_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="the text of the tokenizer is damaged"):
        from_json("{}")
    with pytest.raises(ValueError, match="has no token that begins and ends a text"):
        from_json(trained_on(["a"], size=300).to_json().replace("<|start|>", "<1>").replace("<|end|>", "<2>"))
