"""A T5 that comes trained: its own tokenizer, its own scale, and room for more tokens."""

import re
from pathlib import Path

import pytest
import torch

from plm.tiny_t5 import tiny_t5
from tastelm.errors import DataError, SettingError
from tastelm.plm.loading import causal_lm, masked_lm, seq2seq_lm, tokens_of
from tastelm.plm.tokens import trained_on


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tiny_t5(tmp_path, tied=request.param)


@torch.no_grad()
def test_what_it_says_is_what_the_library_says(folder: Path) -> None:
    model = seq2seq_lm(f"folder:{folder}").eval()
    ids = torch.tensor([[5, 6, 7, model.tokens.end]])
    memory = model.read(model.embed(ids), torch.ones(1, 4, dtype=torch.bool))
    ours = model.logits(model.write(memory, torch.tensor([[0, 8, 9]])))
    torch.testing.assert_close(ours, model.network(input_ids=ids, decoder_input_ids=torch.tensor([[0, 8, 9]])).logits)


@torch.no_grad()
def test_more_tokens_leave_what_it_says_of_the_old_ones_as_it_was(folder: Path) -> None:
    model, grown = (seq2seq_lm(f"folder:{folder}").eval() for _ in range(2))
    before = model.vocabulary
    grown.grow(before + 30)
    assert grown.vocabulary == before + 30 == grown.network.get_output_embeddings().weight.shape[0]
    states = torch.randn(4, model.width)
    torch.testing.assert_close(grown.logits(states)[:, :before], model.logits(states))
    ids = torch.arange(before)[None]
    torch.testing.assert_close(grown.embed(ids), model.embed(ids))
    new, old = grown.embed(torch.arange(before, before + 30)), model.embed(ids)[0]
    assert float(torch.pdist(new).min()) > 0.1 * float(torch.pdist(old).mean()), "new tokens differ from each other"
    grown.grow(5)
    assert grown.vocabulary == before + 30, "it never gets smaller"


def test_its_tokenizer_begins_nothing_and_takes_marks_whole(folder: Path) -> None:
    tokens = tokens_of(f"folder:{folder}")
    assert not tokens.begins and tokens.word(tokens.end) == "</s>"
    more = tokens.extended(["<i0>", "<i1>"])
    assert more.size == tokens.size + 2 and more.encode("<i1><i0>") == [tokens.size + 1, tokens.size]
    assert more.encode("Number 3") == tokens.encode("Number 3") and more.decode(more.encode("Number 3")) == "Number 3"
    assert trained_on(["a"], size=300).begins


def test_models_of_another_kind_are_refused_in_a_sentence(tmp_path: Path) -> None:
    causal_lm("scratch:dim=8,layers=1").network.save_pretrained(tmp_path / "llama")
    masked_lm("scratch:dim=8,layers=1").network.save_pretrained(tmp_path / "bert")
    for kind in ("llama", "bert"):
        for load in (seq2seq_lm, tokens_of):
            with pytest.raises(DataError, match=rf"{kind}: it is a model of the kind {kind}, and no encoder-decoder of the kind of T5"):
                load(f"folder:{tmp_path / kind}")
    (tmp_path / "bert" / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"its config\.json cannot be read"):
        tokens_of(f"folder:{tmp_path / 'bert'}")
    with pytest.raises(SettingError, match="scratch: has no tokenizer yet"):
        tokens_of("scratch:")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(DataError, match="it is a GGUF file, and no encoder-decoder"):
        tokens_of(f"folder:{tmp_path / 'model.gguf'}")


def test_a_decoder_needs_a_token_that_begins_a_text(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "llama"
    causal_lm("scratch:dim=8,layers=1,vocabulary=300").network.save_pretrained(other)
    (other / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    with pytest.raises(DataError, match=re.escape("the tokenizer has no token that begins and ends a text")):
        causal_lm(f"folder:{other}")
