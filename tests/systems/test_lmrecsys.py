"""Titles in a blank as a system: the contract on a circle of numbers, and what is tuned and what is not."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError
from tastelm.fitting import fit_system
from tastelm.plm.loading import masked_lm
from tastelm.plm.tokens import MASK, trained_on
from tastelm.runs import load
from tastelm.systems.plm_tuning.lmrecsys import LMRecSys
from tastelm.testing import circle
from tastelm.train.budget import Budget


def sentence(source: str) -> str:
    slots = {"title": "item"} | ({"history": "history"} if "{history}" in source else {})
    return json.dumps({"name": "short", "source": source, "target": " {title}", "slots": slots})


# "Number 13" is four tokens; short sentences make quick tests.
MODEL = "scratch:dim=32,layers=1,heads=2,context=64,vocabulary=300"
SMALL: dict[str, Any] = {"model": MODEL, "prompt": sentence("{history}:"), "bare": sentence(":"), "shown": 1, "masks": 4, "batch": 256, "pretrain_epochs": 1}


def fitted(settings: dict[str, Any], *, data: Dataset | None = None) -> Any:
    return fit_system(LMRecSys.create({**SMALL, "batch": 32, **settings}), split(data or circle(20)), budget=Budget(epochs=2))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that comes with weights of its own."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    masked_lm(MODEL).network.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(trained_on([" Number"] * 3, size=300).to_json())
    return folder


def test_a_trained_model_is_left_as_it_is_without_tuning(trained: Path, tmp_path: Path) -> None:
    found = fitted({"model": f"folder:{trained}", "tune": "none"})
    assert [(stage.name, stage.trained_parameters) for stage in found.stages] == [("zero-shot", 0)]
    module = found.recommender.module
    assert module.blank.padding == "skip"
    for name, value in masked_lm(f"folder:{trained}").network.named_parameters():
        assert torch.equal(dict(module.backbone.network.named_parameters())[name], value)
    assert not any("network" in name for name in module.state_dict())
    found.recommender.save(tmp_path / "run")
    assert load(tmp_path / "run").recommend(["3", "4"], 5) == found.recommender.recommend(["3", "4"], 5)


def test_what_is_trained_follows_the_settings(trained: Path) -> None:
    model = f"folder:{trained}"
    assert [stage.name for stage in fitted({}).stages] == ["read", "tune"]
    assert [stage.name for stage in fitted({"tune": "none"}).stages] == ["read", "zero-shot"], "a model from scratch must first be able to read"
    tuned = fitted({"model": model})
    assert [stage.name for stage in tuned.stages] == ["tune"] and tuned.recommender.module.blank.padding == "paper"
    assert [stage.name for stage in fitted({"model": model, "adapt": True}).stages] == ["read", "tune"]
    assert [stage.name for stage in LMRecSys.create(SMALL).settle(split(circle(5))).from_scratch().stages(split(circle(5)))] == ["tune"]
    before = masked_lm(model).network.state_dict()
    assert any(not torch.equal(value, before[name]) for name, value in tuned.recommender.module.backbone.network.state_dict().items())


def test_the_run_folder_holds_the_very_words() -> None:
    config = LMRecSys.create({}).settle(split(circle(5))).config
    assert json.loads(config.prompt)["source"] == "After {history} this person goes on with"
    assert json.loads(config.bare)["source"] == "The next choice is"


def test_what_does_not_fit_is_refused(trained: Path, tmp_path: Path) -> None:
    events = pl.DataFrame([(f"u{at % 5}", str(at % 7), float(at)) for at in range(40)], schema=["user", "item", "time"], orient="row")
    with pytest.raises(DataError, match="lmrecsys reads the titles of items, but 7 of 7 have none, such as item '0'"):
        fitted({}, data=Dataset.build(events, name="bare"))
    shut = json.dumps({"name": "shut", "source": "after {history}", "target": " the end", "slots": {"history": "history"}})
    with pytest.raises(SettingError, match="template 'shut' has no places for a blank"):
        fitted({"prompt": shut})
    with pytest.raises(SettingError, match="template 'short' does not fit: it is for somebody without a history"):
        fitted({"bare": sentence("after {history}:")})
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        content = (trained / name).read_bytes()
        (tmp_path / name).write_bytes(content.replace(MASK.encode(), b"<|gap|>") if name == "tokenizer.json" else content)
    with pytest.raises(SettingError, match="the model's tokenizer has no token that hides others"):
        fitted({"model": f"folder:{tmp_path}"})
