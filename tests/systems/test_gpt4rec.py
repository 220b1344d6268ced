"""Written queries as a system: what they are worth beside the title of the newest item, what is tuned, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError
from tastelm.evaluation import evaluate, protocol
from tastelm.fitting import Fitted, fit_system
from tastelm.metrics import parse_metrics
from tastelm.plm.loading import causal_lm
from tastelm.plm.tokens import trained_on
from tastelm.systems.plm_tuning import gpt4rec
from tastelm.systems.plm_tuning.gpt4rec import GPT4Rec
from tastelm.testing import circle
from tastelm.train.budget import Budget

MODEL = "scratch:dim=32,layers=1,heads=2,context=64,vocabulary=300"
SHORT = json.dumps({"name": "short", "source": "{history} then", "target": " {title}", "slots": {"history": "history", "title": "item"}})
SMALL: dict[str, Any] = {"model": MODEL, "prompt": SHORT, "shown": 1, "batch": 64, "beams": 2, "longest": 6, "results": 4, "lr": 1e-2}


def fitted(settings: dict[str, Any], data: Dataset | None = None, *, budget: Budget | None = None) -> Fitted:
    return fit_system(GPT4Rec.create(settings), split(data or circle(20)), budget=budget or Budget(steps=2))


def found(made: Fitted, data: Dataset) -> float:
    question = protocol(split(data), metrics=parse_metrics("hr@1"), seen="keep")
    return evaluate(made.recommender.module, question).metrics["hr@1"]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that comes with weights of its own."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    causal_lm(MODEL).network.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(trained_on([" Number"] * 3, size=300).to_json())
    return f"folder:{folder}"


def test_written_queries_beat_the_title_of_the_newest_item() -> None:
    """The next number of a circle shares no rare word with the one before: only what was learnt can name it."""
    data = circle(300)
    assert found(fitted({"queries": "last"}, data), data) < 0.2
    made = fitted(SMALL, data, budget=Budget(steps=350))
    assert found(made, data) > 0.7
    made.recommender.module.searching = replace(made.recommender.module.searching, merge="sum")
    assert found(made, data) < 0.6, "added up, the second-best query weighs as much as the best"


def test_without_a_model_there_is_none_and_nothing_is_learnt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpt4rec, "causal_lm", lambda source: pytest.fail("it needs no model"))
    made = fitted({"queries": "last"})
    assert [(stage.name, stage.trained_parameters, stage.steps) for stage in made.stages] == [("search", 0, 0)]
    made.recommender.save(tmp_path / "run")
    again = GPT4Rec.create(vars(made.recommender.system.config)).build(split(circle(20)).sizes)
    again.load_state_dict(made.recommender.module.state_dict())
    assert made.recommender.recommend(["7"], 1, keep_seen=True).ids == ["7"] and not list(again.parameters())


def test_it_looks_for_what_the_title_says() -> None:
    colours = ("red", "blue", "green", "grey")
    shop = pl.DataFrame({"item": [str(item) for item in range(20)], "title": [f"{colours[item % 4]} thing {item}" for item in range(20)]})
    data = circle(40)
    made = fitted({"queries": "last"}, Dataset.build(data.interactions, items=shop, name="shop"))
    assert {int(item) % 4 for item in made.recommender.recommend(["6"], 4).ids} == {2}


def test_what_is_tuned_follows_the_settings(trained: str) -> None:
    scratch, adapters, whole = fitted(SMALL), fitted({**SMALL, "model": trained}), fitted({**SMALL, "model": trained, "adapt": "full"})
    assert [made.recommender.system.config.adapt for made in (scratch, adapters, whole)] == ["full", "lora", "full"]
    before = dict(causal_lm(trained).network.named_parameters())
    assert all(torch.equal(value, before[name]) for name, value in adapters.recommender.module.backbone.network.named_parameters() if name in before)
    assert 0 < adapters.stages[0].trained_parameters < whole.stages[0].trained_parameters == sum(value.numel() for value in before.values())
    assert any(not torch.equal(value, before[name]) for name, value in whole.recommender.module.backbone.network.named_parameters())


def test_the_prompt_is_shown_and_the_run_holds_its_words() -> None:
    shown = tl.show_prompt("gpt4rec", circle(20), "u3", set={"model": MODEL, "shown": 1, "batch": 4})
    assert shown.prompt[0].text.startswith("This person has chosen Number ") and shown.prompt[0].text.endswith(". Their next search will be for")  # type: ignore[union-attr]
    assert shown.example is not None and shown.example[1][0].text.startswith(" Number ")  # type: ignore[union-attr]
    assert json.loads(GPT4Rec.create({"model": MODEL}).settle(split(circle(5))).config.prompt)["target"] == " {query}"
    with pytest.raises(SettingError, match="gpt4rec gives no prompt to a language model"):
        tl.show_prompt("gpt4rec", circle(20), "u3", set={"queries": "last"})


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingError, match=r"gpt4rec\.adapt: a model from scratch knows nothing that adapters could adapt"):
        fitted({**SMALL, "adapt": "lora"})
    direct = json.dumps({"name": "blind", "source": "Next:", "target": " {title}", "slots": {"title": "item"}})
    with pytest.raises(SettingError, match=r"gpt4rec\.prompt: template 'blind' asks for no item behind a history"):
        fitted({**SMALL, "prompt": direct})
    events = circle(20).interactions
    with pytest.raises(DataError, match="gpt4rec reads the titles of items, but 20 of 20 have none"):
        fitted({"queries": "last"}, Dataset.build(events, name="bare"))
