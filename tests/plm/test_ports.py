"""What every port promises: masked places are not there, a prefix of no length is no prefix, weights stay where they came from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from tastelm.errors import SettingError, ShapeError
from tastelm.plm.causal import CausalLM
from tastelm.plm.deep_prefix import DeepPrefix
from tastelm.plm.loading import causal_lm, masked_lm, seq2seq_lm
from tastelm.plm.masked import MaskedLM
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


def roberta() -> LanguageModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 300}
    return MaskedLM(transformers.RobertaForMaskedLM(transformers.RobertaConfig(**sizes))).eval()


# Where a prefix may stand: before what is read, of an encoder-decoder before what is written.
READS: dict[str, tuple[Callable[[], LanguageModel], Callable[..., torch.Tensor]]] = {
    "causal": (lambda: made("causal"), lambda model, ids, mask, prefix: model(model.embed(ids), mask, prefix)),
    "bert": (lambda: made("masked"), lambda model, ids, mask, prefix: model(model.embed(ids), mask, prefix)),
    "roberta": (roberta, lambda model, ids, mask, prefix: model(model.embed(ids), mask, prefix)),
    "t5": (lambda: made("seq2seq"), lambda model, ids, mask, prefix: model.write(model.read(model.embed(READ), READ > 0).take(ROWS[: len(ids)]), ids, prefix)),
}
READ, ROWS = torch.tensor([[7, 8, 9]]), torch.zeros(2, dtype=torch.long)


@pytest.mark.parametrize("kind", READS)
@torch.no_grad()
def test_a_prefix_is_seen_by_all_is_its_rows_own_and_one_of_no_length_is_none(kind: str) -> None:
    model, states = READS[kind][0](), READS[kind][1]
    shape = model.kv_shape
    none, learnt = (DeepPrefix(shape, places)(2) for places in (0, 3))
    keys, values = (torch.randn(shape.layers, 2, shape.heads, 3, shape.width) for _ in range(2))
    bare = states(model, IDS, MASK, None)
    torch.testing.assert_close(states(model, IDS, MASK, none)[MASK], bare[MASK])
    for prefix in (learnt, Prefix(keys, values)):
        found = states(model, IDS, MASK, prefix)
        assert ((found - bare)[MASK].abs().sum(1) > 1e-5).all()
        alone = states(model, IDS[1:, :3], MASK[1:, :3], Prefix(prefix.keys[:, 1:], prefix.values[:, 1:]))
        torch.testing.assert_close(found[1, :3], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", READS)
@torch.no_grad()
def test_what_the_layers_keep_of_tokens_stands_for_the_tokens(kind: str) -> None:
    """Without positions, which a prefix does not take; T5 knows distances, and the prefix stands at those of the tokens."""
    model, states = READS[kind][0](), READS[kind][1]
    for name, value in model.named_parameters():
        if "position_embeddings" in name:
            value.zero_()
    if kind == "causal":
        model.network.model.rotary_emb.inv_freq.zero_()
    kept = dict[str, list[torch.Tensor]](keys=[], values=[])
    for name, module in model.named_modules():
        which = {"key": "keys", "k": "keys", "k_proj": "keys", "value": "values", "v": "values", "v_proj": "values"}.get(name.rsplit(".", 1)[-1])
        if which is not None and "EncDecAttention" not in name and "encoder.block" not in name:
            module.register_forward_hook(lambda _, __, out, to=kept[which]: to.append(out.detach()))
    ones = torch.ones(1, 5, dtype=torch.bool)
    whole, shape = states(model, IDS[:1], ones, None), model.kv_shape
    keys, values = (torch.stack([one[:, :2].view(1, 2, shape.heads, shape.width).transpose(1, 2) for one in part[: shape.layers]]) for part in kept.values())
    behind = states(model, IDS[:1, 2:], ones[:, 2:], Prefix(keys, values))
    torch.testing.assert_close(behind, whole[:, 2:], atol=1e-5, rtol=1e-5)


def test_a_prefix_is_learnt_and_what_has_no_way_in_for_it_is_refused() -> None:
    for build, states in READS.values():
        model = build()
        prefix = DeepPrefix(model.kv_shape, 2)
        states(model, IDS, MASK, prefix(2)).square().sum().backward()
        assert all(value.grad is not None and bool((value.grad.abs().sum((2, 3)) > 0).all()) for value in prefix.parameters())
    nothing = Prefix(torch.zeros(2, 1, 2, 1, 8), torch.zeros(2, 1, 2, 1, 8))
    with pytest.raises(SettingError, match=r"an encoder of T5 takes no prefix of keys and values\. Give it vectors before its text, or its decoder the prefix"):
        made("seq2seq")(torch.zeros(1, 1, 16), MASK[:1, :1], nothing)
    sizes = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": 300}
    other = MaskedLM(transformers.DistilBertForMaskedLM(transformers.DistilBertConfig(**sizes)))
    with pytest.raises(SettingError, match=r"DistilBertModel has no way in for a prefix of keys and values\. Give it vectors before its text, or take BERT\."):
        other(torch.zeros(1, 1, 16), MASK[:1, :1], nothing)


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
