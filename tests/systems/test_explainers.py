"""Systems that explain: who is tuned in which stage, what they learn of a toy whose reasons follow from user and item, and what they refuse."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.explanations import explanations
from tastelm.data.split import Part, split
from tastelm.errors import DataError, SettingError
from tastelm.fitting import fit_system
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.rating import RatingError
from tastelm.prompting.reasons import reasoned
from tastelm.prompting.teaching import WriteTargets
from tastelm.runs import load
from tastelm.strategies import Partial, PLMTuning, PretrainOnly, PromptAndPLM, PromptTuning
from tastelm.systems.base import CandidateScorer, Explainer, Rater
from tastelm.systems.catalogue import system
from tastelm.systems.explained import text_and_rating
from tastelm.testing import reasons
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.run import run_stage

SPLIT = split(reasons(12), "random:0.8,0.1")
WORDS = {"vocabulary": 400, "dim": 16, "hidden": 16, "layers": 1, "batch": 32}
MODEL = {"model": "scratch:dim=16,layers=1,heads=2,context=64,vocabulary=400", "batch": 32}
SYSTEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "att2seq": ("att2seq", WORDS),
    "attentive": ("att2seq", WORDS | {"attention": True}),
    "nrt": ("nrt", WORDS),
    "peter": ("peter", WORDS),
    "sequential": ("pepler", MODEL),
    "joint-mf": ("pepler", MODEL | {"training": "joint", "rating": "mf"}),
    "lora-mlp": ("pepler", MODEL | {"adapt": "lora", "rating": "mlp", "hidden": 8}),
    "discrete": ("pepler", MODEL | {"prompt": "discrete"}),
    "none": ("pepler", MODEL | {"prompt": "none"}),
}
RATES = {"nrt", "peter", "joint-mf", "lora-mlp"}


def made(name: str, **more: Any) -> Any:
    owner, settings = SYSTEMS[name]
    return system(owner).create(settings | more).settle(SPLIT)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_run_folder_explains_without_the_data_as_what_was_trained(name: str, tmp_path: Path) -> None:
    model = fit_system(made(name), SPLIT, budget=Budget(steps=12)).recommender
    model.save(tmp_path)
    again, users, items = load(tmp_path).module, np.array([0, 5, -1, 3], np.int32), np.array([1, 0, 2, -1], np.int32)
    assert isinstance(again, Explainer) and isinstance(again, Rater) == isinstance(again, CandidateScorer) == (name in RATES)
    again.eval()
    assert again.explain(users, items) == model.module.explain(users, items)
    told = reasoned(explanations(SPLIT, Part.TEST, owner=name))
    with torch.no_grad():
        assert torch.equal(again.nll(told), model.module.eval().nll(told))
    if isinstance(again, Rater):
        found = again.ratings(users, items)
        assert torch.equal(found, model.module.ratings(users, items)) and bool(((found >= 2) & (found <= 5)).all())


def stages_of(name: str, **more: Any) -> list[tuple[str, type, dict[str, bool]]]:
    """Name and strategy of each stage, and which groups moved in two steps of it; those that hold nothing but an adapter's bases are left out."""
    found = []
    for stage in made(name, **more).stages(SPLIT):
        before = {key: value.clone() for key, value in stage.module.named_parameters()}
        run_stage(stage, seed=0, budget=Budget(steps=2), validate=None, checkpoint=None, watch=Silent())
        moved = {key: not torch.equal(value, before[key]) for key, value in stage.module.named_parameters()}
        found.append((stage.name, type(stage.strategy), moved))
    return found


def test_vectors_are_tuned_first_with_every_weight_of_the_model_at_rest_then_all() -> None:
    read, prompt, tune = stages_of("sequential")
    assert [stage[:2] for stage in (read, prompt, tune)] == [("pre-train", PretrainOnly), ("prompt", PromptTuning), ("tune", PromptAndPLM)]
    assert all(key.startswith("backbone.") for key in read[2]) and all(read[2].values())
    assert {key for key, moved in prompt[2].items() if moved} == {"prompt.user.weight", "prompt.item.weight"}
    assert not prompt[2]["backbone.network.model.embed_tokens.weight"]
    assert all(tune[2].values())


def test_joint_training_is_one_stage_and_a_model_without_prompts_is_tuned_alone() -> None:
    assert [stage[:2] for stage in stages_of("joint-mf", pretrain_epochs=0)] == [("tune", PromptAndPLM)]
    for name in ("discrete", "none"):
        ((_, strategy, moved),) = stages_of(name, pretrain_epochs=0)
        assert strategy is PLMTuning and all(key.startswith("backbone.") for key in moved) and all(moved.values())


def test_adapters_come_after_the_vectors_and_leave_the_model_as_it_was() -> None:
    prompt, tune = stages_of("lora-mlp", pretrain_epochs=0)
    assert not any("lora_" in key for key in prompt[2]) and tune[1] is Partial
    for key, moved in tune[2].items():
        assert moved == (key.startswith(("prompt.", "rater.")) or "lora_B" in key or ("lora_A" in key and moved)), key


def test_the_rating_is_a_weighted_part_of_the_loss_and_without_weight_none() -> None:
    stage = list(made("joint-mf", pretrain_epochs=0, weight=0.25).stages(SPLIT))[-1]
    batch, rng = reasoned(explanations(SPLIT, Part.TEST, owner="x")), np.random.default_rng(0)
    text, rating = (float(objective(stage.module, batch, rng).loss.detach()) for objective in (WriteTargets(), RatingError()))
    assert rating > 0 and isinstance(stage.objective, WeightedSum)
    assert float(stage.objective(stage.module, batch, rng).loss.detach()) == pytest.approx(text + 0.25 * rating)
    assert float(text_and_rating(0.0)(stage.module, batch, rng).loss.detach()) == text


def test_the_held_out_reasons_choose_the_weights_and_are_not_trained_on() -> None:
    for name in SYSTEMS:
        for stage in made(name).stages(SPLIT):
            assert stage.monitor == "likelihood" and stage.view is not None and stage.judges is not None
            seen = [{pair for batch in _all(view) for pair in zip(batch.users.tolist(), batch.items.tolist(), strict=True)} for view in (stage.view, stage.judges)]
            assert len(seen[0]) == int((SPLIT.part == Part.TRAIN).sum()) and not seen[0] & seen[1]
            assert len(seen[1]) == int((SPLIT.part == Part.VALID).sum())


def _all(view: Any) -> list[Any]:
    batches = view.batches(0, 0)
    return [batches[at] for at in range(len(batches))]


def test_stars_that_are_not_known_when_asked_change_nothing_then() -> None:
    module = list(made("att2seq").stages(SPLIT))[-1].module
    told = reasoned(explanations(SPLIT, Part.TEST, owner="x"))
    other = copy.replace(told, ratings=told.ratings[::-1].copy()) if hasattr(copy, "replace") else type(told)(
        told.users, told.items, told.ratings[::-1].copy(), told.texts, told.own
    )
    with torch.no_grad():
        assert torch.equal(module.eval().nll(told), module.nll(other))
        torch.manual_seed(0)
        first = module.train().nll(told)
        torch.manual_seed(0)
        assert not torch.equal(first, module.nll(other)), "in training those that were given are read"


def test_all_learn_their_words_from_the_same_sentences() -> None:
    tokens = [list(made(name, **({} if name in ("att2seq", "nrt", "peter") else {"pretrain_epochs": 0})).stages(SPLIT))[-1].module.tokens.to_json()
              for name in ("att2seq", "nrt", "peter")]  # fmt: skip
    assert len(set(tokens)) == 1
    module = list(made("sequential").stages(SPLIT))[-1].module
    text = SPLIT.dataset.interactions["explanation"][0]
    assert list(made("peter").stages(SPLIT))[-1].module.lengths([text]).tolist() == module.lengths([text]).tolist()


@pytest.mark.slow
def test_vectors_before_a_frozen_model_make_sentences_likelier() -> None:
    """The first stage alone, on a model that has learnt to attend: behind nothing it cannot know whose sentence it is."""
    stages = made("sequential", model="scratch:dim=32,layers=2,heads=2,context=64,vocabulary=400", lr=1e-2, prompt_lr=0.1).stages(SPLIT)
    read = next(stages)
    run_stage(read, seed=0, budget=Budget(steps=300), validate=None, checkpoint=None, watch=Silent())
    told = reasoned(explanations(SPLIT, Part.TRAIN, owner="x"))
    with torch.no_grad():
        before = float(read.module.eval().nll(told).mean())
    prompt = next(stages)
    run_stage(prompt, seed=0, budget=Budget(steps=300), validate=None, checkpoint=None, watch=Silent())
    with torch.no_grad():
        assert float(prompt.module.eval().nll(told).mean()) < before - 0.02


def test_what_cannot_be_learnt_is_refused() -> None:
    rows = [(f"u{user}", str(item), float(item)) for user in range(6) for item in range(6)]
    bare = split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="bare"))
    for name, (owner, _) in SYSTEMS.items():
        with pytest.raises(DataError, match=f"^bare: {owner} learns from reasons"):
            list(made(name).stages(bare))
    unrated = split(Dataset.build(reasons(6).interactions.drop("rating"), name="unrated"))
    for name in sorted(RATES):
        with pytest.raises(DataError, match=f"^unrated: {SYSTEMS[name][0]} learns ratings too, but the data have none"):
            list(made(name).stages(unrated))
    assert len(list(made("att2seq").stages(unrated))) == 1
    featureless = split(Dataset.build(reasons(6).interactions.drop("feature"), name="featureless"))
    with pytest.raises(DataError, match="Use prompt=continuous"):
        list(made("discrete").stages(featureless))
    with pytest.raises(SettingError, match=r"pepler\.rating: mf is made of vectors, but prompt=discrete has none"):
        made("discrete", rating="mf")
    with pytest.raises(SettingError, match=r"peter\.dim: 15 is odd"):
        made("peter", dim=15, heads=1)
