"""OpenP5: its prompts, its ids, and a prompt that it was not trained on."""

import json
from dataclasses import replace
from typing import Any

import pytest

import tastelm as tl
from tastelm.data.split import split
from tastelm.errors import SettingError
from tastelm.evaluation import evaluate, protocol
from tastelm.fitting import fit_system
from tastelm.metrics import parse_metrics
from tastelm.systems.tuning_free.openp5 import OpenP5
from tastelm.testing import ITEMS, circle, train
from tastelm.text.family import family
from tastelm.text.segments import plain
from tastelm.train.budget import Budget

SMALL: dict[str, Any] = {"dim": 16, "layers": 1, "heads": 2, "ids": "random", "levels": 2, "codes": 8, "batch": 32}
SPLIT = split(circle(20))


def asked(**settings: Any) -> str:
    return str(json.loads(OpenP5.create(SMALL | settings).settle(SPLIT).config.prompt)["source"])


def test_each_task_has_ten_prompts_and_one_that_is_held_out() -> None:
    names = [template.name for template in family("openp5").templates]
    for task in ("sequential", "straightforward"):
        assert [name for name in names if name.startswith(task)] == [*(f"{task}-{number}" for number in range(1, 11)), f"{task}-unseen"]
    assert [template.name for template in family("openp5").held_out()] == ["sequential-unseen", "straightforward-unseen"]
    for template in family("openp5").templates:
        assert {"user", "dataset", "item"} <= template.slots.keys() and ("history" in template.slots) == template.name.startswith("sequential")


def test_it_is_trained_on_the_seen_prompts_which_name_the_data() -> None:
    following, suiting = OpenP5.create(SMALL).courses("circle")
    assert [len(following.templates), len(suiting.templates)] == [10, 10]
    assert all("circle" in template.source and not template.held_out for template in (*following.templates, *suiting.templates))
    (course, _) = OpenP5.create(SMALL).courses("a {b}")
    assert plain(course.templates[0].render_source({"user": "user_1", "history": ["x"]})) == "a {b}: user_1 has taken x so far. Which item is next?"


def test_task_and_ask_choose_the_prompt() -> None:
    prompts = {(task, ask): asked(task=task, ask=ask) for task in ("sequential", "straightforward") for ask in ("seen", "unseen")}
    assert len(set(prompts.values())) == 4 and all("circle" in prompt for prompt in prompts.values())
    assert all(("{history}" in prompt) == (task == "sequential") for (task, _), prompt in prompts.items())
    assert prompts["sequential", "unseen"] == family("openp5")["sequential-unseen"].source.replace("{dataset}", "circle")


@pytest.mark.parametrize("ids", ["random", "sequential", "collaborative", "hybrid", "semantic", "shuffled"])
def test_every_kind_of_ids_can_be_trained_on(ids: str) -> None:
    made = fit_system(OpenP5.create(SMALL | {"ids": ids}), SPLIT, budget=Budget(steps=1)).recommender
    assert len(made.recommend(["3"], ITEMS, keep_seen=True)) == ITEMS


def test_the_straightforward_task_knows_the_user_and_nothing_else() -> None:
    made = fit_system(OpenP5.create(SMALL | {"task": "straightforward"}), SPLIT, budget=Budget(steps=1)).recommender
    assert made.recommend(["3"], 5, keep_seen=True) == made.recommend(["4", "9"], 5, keep_seen=True)
    shown = [plain(tl.show_prompt("openp5", circle(20), user, set=SMALL | {"task": "straightforward"}).prompt) for user in ("u3", "u4")]
    assert shown[0] != shown[1] and not any("<i" in text for text in shown)


def test_history_and_user_stand_in_the_sequential_prompt() -> None:
    shown = plain(tl.show_prompt("openp5", circle(20), "u3", set=SMALL).prompt)
    code = int(SPLIT.users.encode(["u3"])[0])
    assert shown.startswith(f"circle: user_{code} has taken <i") and shown.endswith(" so far. Which item is next?")


def test_a_prompt_that_asks_for_no_item_is_refused() -> None:
    slots = {"history": "history", "candidates": "candidates", "t": "item"}
    choice = json.dumps({"name": "c", "source": "{history}: {candidates}", "target": "{t}", "slots": slots})
    with pytest.raises(SettingError, match=r"openp5\.ask: the prompt c does not ask for the next item of a history or user"):
        OpenP5.create(SMALL | {"prompt": choice}).settle(SPLIT).build(SPLIT.sizes)


@pytest.mark.slow
def test_an_unseen_prompt_asks_nearly_as_well_as_a_seen_one() -> None:
    data = circle(300)
    question = protocol(split(data), metrics=parse_metrics("hr@1"), seen="keep")
    made = train(OpenP5, data, {"batch": 128, "direct": 1, "dim": 32}, budget="400steps").recommender
    seen = evaluate(made.module, question).metrics["hr@1"]  # type: ignore[arg-type]
    other = OpenP5(replace(made.system.config, ask="unseen", prompt="")).settle(question.split).build(question.split.sizes)
    other.load_state_dict(made.module.state_dict())
    assert seen > 0.7 and evaluate(other, question).metrics["hr@1"] > 0.9 * seen


def test_random_ids_are_as_long_as_the_catalogue_wants() -> None:
    made = OpenP5.create(SMALL | {"codes": 3}).config.tokens(SPLIT)
    assert ITEMS == 20 and made.levels == (3, 3, 3) and len(made) == ITEMS
    assert OpenP5.create(SMALL).config.tokens(SPLIT).levels == (8, 8)
