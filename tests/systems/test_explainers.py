"""Systems that explain: who is tuned in which stage, what they learn of a toy whose reasons follow from user and item, and what they refuse."""

from dataclasses import replace
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
from tastelm.explaining import judge_reasons
from tastelm.fitting import fit_system
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.rating import RatingError
from tastelm.prompting.reasons import reasoned
from tastelm.prompting.teaching import WriteTargets
from tastelm.runs import load
from tastelm.strategies import Partial, PLMTuning, PretrainOnly, PromptAndPLM, PromptTuning
from tastelm.systems.base import CandidateScorer, Explainer, Guided, Rater
from tastelm.systems.catalogue import system
from tastelm.systems.explained import text_and_rating
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.run import run_stage

# What sentences are about: the first half matters to some users, the second to the others.
FEATURES = ("battery", "camera", "screen", "sound", "cable", "fabric", "handle", "zip")
RATED = {2: "bad", 3: "fair", 4: "good", 5: "great"}
ITEMS = 20
# Of the sentences this share is about the feature that follows from user and item; the others are about any.
TO_THE_POINT = 0.95


def reasons(users: int) -> Dataset:
    """Users who say why: an item has a feature of each half and a user looks at one half, so that neither alone tells what a sentence is about.

    The rating is what the item is worth, 2 or 4, and one more from the friendlier users.
    """
    rng, half = np.random.default_rng(0), len(FEATURES) // 2
    rows = []
    for user in range(users):
        looks_at, friendly = user % 2, user // 2 % 2
        for at, item in enumerate(rng.choice(ITEMS, size=16, replace=False)):
            place = looks_at * half + (item % half if looks_at else item // half % half)
            feature = FEATURES[place if rng.random() < TO_THE_POINT else int(rng.integers(len(FEATURES)))]
            rating = 2 + 2 * int(item % 3 > 0) + friendly
            rows.append((f"u{user}", str(item), float(at), float(rating), f"the {feature} is {RATED[rating]} .", feature))
    schema = ["user", "item", "time", "rating", "explanation", "feature"]
    return Dataset.build(pl.DataFrame(rows, schema=schema, orient="row"), name="reasons")


SPLIT = split(reasons(12), "random:0.8,0.1")
WORDS = {"vocabulary": 400, "dim": 16, "hidden": 16, "layers": 1, "batch": 32}
MODEL = {"model": "scratch:dim=16,layers=1,heads=2,context=64,vocabulary=400", "batch": 32}
SYSTEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "att2seq": ("att2seq", WORDS),
    "attentive": ("att2seq", WORDS | {"attention": True}),
    "nrt": ("nrt", WORDS),
    "peter": ("peter", WORDS),
    "peter-known": ("peter", WORDS | {"feature": "known"}),
    "peter-given": ("peter", WORDS | {"feature": "given"}),
    "sequential": ("pepler", MODEL),
    "joint-mf": ("pepler", MODEL | {"training": "joint", "rating": "mf"}),
    "lora-mlp": ("pepler", MODEL | {"adapt": "lora", "rating": "mlp", "hidden": 8}),
    "discrete": ("pepler", MODEL | {"prompt": "discrete"}),
    "none": ("pepler", MODEL | {"prompt": "none"}),
}
LARGER_WORDS = {"dim": 32, "hidden": 64, "batch": 128, "lr": 1e-2, "dropout": 0.1}
LARGER_MODEL = {"model": "scratch:dim=32,layers=1,heads=2,context=64,vocabulary=400", "batch": 128, "lr": 1e-2, "pretrain_epochs": 1}
RATES = {"nrt", "peter", "peter-known", "peter-given", "joint-mf", "lora-mlp"}


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
    """Name and strategy of each stage, and which parameters moved in two steps of it."""
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


@pytest.mark.parametrize(("settings", "shares"), [
    ({}, [0.5, 0.25, 0.25]), ({"first": 0.2}, [0.5, 0.1, 0.4]), ({"first": 0.2, "pretrain_epochs": 0}, [0.2, 0.8]),
    ({"first": 0.2, "training": "joint"}, [0.5, 0.5]),
])  # fmt: skip
def test_how_long_vectors_are_learnt_alone_is_a_setting(settings: dict[str, Any], shares: list[float]) -> None:
    assert [stage.share for stage in made("sequential", **settings).stages(SPLIT)] == pytest.approx(shares)


def test_vectors_that_begin_at_words_do_so_after_the_model_has_read() -> None:
    stages = made("sequential", begin="words").stages(SPLIT)
    module: Any = next(stages).module
    with torch.no_grad():
        module.backbone.network.model.embed_tokens.weight.fill_(2.0)
    vectors = next(stages).module.state_dict()["prompt.item.weight"]
    torch.testing.assert_close(vectors, torch.full_like(vectors, 2.0))


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
            seen = [_pairs(stage.view), _pairs(stage.judges)]
            assert len(seen[0]) == int((SPLIT.part == Part.TRAIN).sum()) and not seen[0] & seen[1]
            assert len(seen[1]) == int((SPLIT.part == Part.VALID).sum())


def _pairs(view: Any) -> set[tuple[int, int]]:
    batches = view.batches(0, 0)
    return {pair for at in range(len(batches)) for pair in zip(batches[at].users.tolist(), batches[at].items.tolist(), strict=True)}


def test_stars_that_are_not_known_when_asked_change_nothing_then() -> None:
    module = list(made("att2seq").stages(SPLIT))[-1].module
    told = reasoned(explanations(SPLIT, Part.TEST, owner="x"))
    other = replace(told, ratings=7 - told.ratings)
    with torch.no_grad():
        assert torch.equal(module.eval().nll(told), module.nll(other))
        torch.manual_seed(0)
        first = module.train().nll(told)
        torch.manual_seed(0)
        assert not torch.equal(first, module.nll(other)), "in training those that were given are read"


def test_all_split_sentences_into_as_many_tokens_so_that_perplexities_compare() -> None:
    modules = [next(iter(made(name).stages(SPLIT))).module for name in ("att2seq", "nrt", "peter", "sequential", "none")]
    texts = explanations(SPLIT, Part.TEST, owner="x").texts
    assert len({tuple(module.lengths(texts).tolist()) for module in modules}) == 1
    assert len({module.tokens.to_json() for module in modules[:3]}) == 1


@pytest.mark.parametrize("name", ["peter", "peter-known", "peter-given"])
def test_the_feature_of_a_sentence_is_told_to_whom_it_is_given_and_to_nobody_else(name: str) -> None:
    module = fit_system(made(name), SPLIT, budget=Budget(steps=12)).recommender.module.eval()
    told = reasoned(explanations(SPLIT, Part.TEST, owner=name))
    other = replace(told, features=tuple(FEATURES[(FEATURES.index(feature) + 1) % 8] for feature in told.features))
    given, module = name == "peter-given", module.requires_grad_(False)
    assert torch.equal(module.nll(told), module.nll(other)) != given  # type: ignore[operator]
    assert isinstance(module, Guided) == (name != "peter")
    if isinstance(module, Guided):
        assert module.given == given
        plain = module.explain(told.users, told.items)
        assert plain == module.explain(told.users, told.items, ("",) * len(told))
        names = [module.features.chosen(user, item)[0] for user, item in zip(told.users, told.items, strict=True)]  # type: ignore[attr-defined]
        assert plain == module.explain(told.users, told.items, names), "without a word it is about what is known of the pair"
        assert torch.equal(module.context_nll(told), module.context_nll(other))  # type: ignore[operator]
        assert torch.equal(module.rated(told.users, told.items), module.rated(other.users, other.items))  # type: ignore[operator]


def test_in_training_the_known_feature_is_not_that_of_the_sentence_alone() -> None:
    """A feature that a single sentence has told is left out while that sentence is learnt: it would be the answer, in training and nowhere else."""
    one = reasons(6).interactions.with_columns(feature=pl.concat_str("feature", pl.lit("-"), pl.int_range(pl.len()).cast(pl.String)))
    parts = split(Dataset.build(one, name="single"), "random:0.8,0.1")
    module: Any = list(system("peter").create(WORDS | {"feature": "known"}).settle(parts).stages(parts))[-1].module.eval()
    told = explanations(parts, Part.TRAIN, owner="x")
    counted, asked = reasoned(told, counted=True), reasoned(told)
    hidden = [module.features.chosen(user, item, own)[0] for user, item, own in zip(told.users, told.items, counted.own, strict=True)]
    assert not any(name == feature for name, feature in zip(hidden, told.features, strict=True))
    with torch.no_grad():
        assert torch.equal(module.nll(counted), module.nll(replace(counted, features=("zip",) * len(told))))
        assert not torch.equal(module.nll(counted), module.nll(asked)), "what is not learnt from is asked with all that is known"


@pytest.mark.slow
def test_a_feature_that_is_given_is_named_and_the_judgement_says_so() -> None:
    parts = split(reasons(60), "random:0.8,0.1")
    model = fit_system(system("peter").create(WORDS | LARGER_WORDS | {"feature": "given"}), parts, budget=Budget(steps=200)).recommender
    judged = judge_reasons(model, parts)
    assert judged["given"] == "feature" and judged["metrics"]["fmr"] > TO_THE_POINT + 0.02, "more than can be known"
    user, item = parts.users.ids[0], parts.items.ids[0]
    assert model.explain(item, user=user).text, "who is asked without a feature has one that is known"


def test_vectors_alone_make_the_sentences_of_a_frozen_model_likelier() -> None:
    (prompt, _) = made("sequential", pretrain_epochs=0, prompt_lr=0.1).stages(SPLIT)
    with torch.no_grad():
        for value in prompt.module.backbone.parameters():
            value.mul_(4)  # as they come, weights are so small that no place hears of another
    told = reasoned(explanations(SPLIT, Part.TRAIN, owner="x"))
    losses = [prompt.module.eval().nll(told).mean().item()]
    run_stage(prompt, seed=0, budget=Budget(steps=100), validate=None, checkpoint=None, watch=Silent())
    losses += [module.eval().nll(told).mean().item() for module in (prompt.module, prompt.module.bare())]
    assert losses[1] < losses[0] - 1 and losses[1] < losses[2] - 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["att2seq", "attentive", "nrt", "peter", "joint-mf", "discrete"])
def test_the_feature_is_named_that_neither_user_nor_item_tells_alone(name: str) -> None:
    owner, settings = SYSTEMS[name]
    larger = LARGER_MODEL if owner == "pepler" else LARGER_WORDS
    parts = split(reasons(200), "random:0.8,0.1")
    module = fit_system(system(owner).create(settings | larger), parts, budget=Budget(steps=800 if owner == "pepler" else 500)).recommender.module
    told = explanations(parts, Part.TEST, owner=name)
    named = np.mean([feature in text.split() for feature, text in zip(told.features, module.explain(told.users, told.items), strict=True)])
    best = TO_THE_POINT + (1 - TO_THE_POINT) / len(FEATURES)
    assert 0.8 < named < best + 0.04, f"{named:.3f} of the features are named, {best:.2f} can be known"
    if isinstance(module, Rater):
        errors = np.abs(module.ratings(told.users, told.items).numpy() - told.ratings)
        assert errors.mean() < np.abs(told.ratings.mean() - told.ratings).mean() * (0.6 if name == "joint-mf" else 0.2)


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
    for name, other in (("discrete", "prompt=continuous"), ("peter-known", "feature=none"), ("peter-given", "feature=none")):
        with pytest.raises(DataError, match=f"Use {other}"):
            list(made(name).stages(featureless))
    for setting in ({"rating": "mf"}, {"begin": "words"}):
        with pytest.raises(SettingError, match=r"pepler\.prompt: discrete has no vectors, which rating and begin are about"):
            made("discrete", **setting)
    with pytest.raises(SettingError, match=r"peter\.dim: 15 is odd"):
        made("peter", dim=15, heads=1)
