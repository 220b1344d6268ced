"""A trained run is asked in another way: its weights stay, its prompt changes, and what was learnt by is not touched."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli.running import done, tastelm

import tastelm as tl
from tastelm.errors import SettingError
from tastelm.systems.catalogue import system
from tastelm.testing import ITEMS, circle
from tastelm.text.family import family
from tastelm.text.segments import plain

SMALL: dict[str, Any] = {"dim": 16, "layers": 1, "heads": 2, "ids": "random", "levels": 2, "codes": 8, "batch": 32, "candidates": 5}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tl.fit("p5", circle(20), set=SMALL, budget="3steps", out=folder)
    return folder


def asked(model: tl.Recommender) -> str:
    module: Any = model.module
    histories, users = model._read(["3", "4"])[0], model.users.encode(["u3"])
    return plain(module.prompts(histories, users)[0])


def test_another_prompt_asks_the_same_weights(run: Path) -> None:
    model = tl.load(run)
    before = model.recommend(["3", "4"], ITEMS, user="u3", keep_seen=True)
    unseen = model.asked_by({"ask": "2-13"})
    assert asked(unseen).startswith("Looking back, user_") and asked(model).startswith("So far user_")
    weights, again = model.module.state_dict(), unseen.module.state_dict()
    assert weights.keys() == again.keys() and all((weights[name] == again[name]).all() for name in weights)
    assert model.recommend(["3", "4"], ITEMS, user="u3", keep_seen=True) == before != unseen.recommend(["3", "4"], ITEMS, user="u3", keep_seen=True)
    assert unseen.asked_by({"ask": "2-3"}).recommend(["3", "4"], ITEMS, user="u3", keep_seen=True) == before
    assert asked(model.asked_by({"ask": "5-8"})).startswith("On the table lie <i")


def test_an_asked_run_is_judged_and_says_how_it_was_asked(run: Path) -> None:
    found = tl.evaluate(run, circle(20), set={"ask": "5-8"}, protocol="uniform-4", metrics="hr@1", seen="keep")
    assert found["remarks"] == ["Asked with ask=5-8, not as the run was fitted."]
    assert tl.evaluate(run, circle(20), metrics="hr@1")["remarks"] == []
    data = circle(20)
    data.interactions.write_csv(run.parent / "log.csv")
    said = done("evaluate", run, "--data", run.parent / "log.csv", "--set", "ask=2-13", "--set", "beams=3", "--metrics", "hr@1")
    assert "Asked with ask=2-13, beams=3, not as the run was fitted." in said.err and "hr@1" in said.out


def test_the_command_line_recommends_by_another_prompt_too(run: Path) -> None:
    said = json.loads(done("recommend", run, "--history", "3 4", "-k", 3, "--user", "u3", "--set", "ask=5-8", "--json").out)
    expected = tl.load(run).asked_by({"ask": "5-8"}).recommend(["3", "4"], 3, user="u3")
    assert [entry["item"] for entry in said["items"]] == expected.ids
    refused = tastelm("recommend", run, "--history", "3", "--set", "dim=32")
    assert refused.code == 2 and "p5.dim was decided when the run was trained" in refused.err
    refused = tastelm("explain", run, "--item", "3", "--set", "ask=5-9")
    assert refused.code == 2 and "there is no prompt '5-9'" in refused.err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("dim=32", r"p5\.dim was decided when the run was trained; only beams, ask_stars, .*, ask can be set afterwards\. Train another run for it\."),
        ("prompt={}", r"p5\.prompt was decided when the run was trained"),
        ("ask=5-9", r"p5\.ask: there is no prompt '5-9'"),
        ("aks=2-13", r"p5 has no setting 'aks'; did you mean 'ask'\?"),
    ],
)
def test_what_was_learnt_by_cannot_be_set_afterwards(given: str, sentence: str, run: Path) -> None:
    name, _, value = given.partition("=")
    with pytest.raises(SettingError, match=sentence):
        tl.load(run).asked_by({name: value})
    refused = tastelm("evaluate", run, "--data", run, "--set", given)
    assert refused.code == 2 and "Traceback" not in refused.err


def test_openp5_goes_on_naming_what_it_was_trained_on() -> None:
    model = tl.fit("openp5", circle(20), set={name: SMALL[name] for name in SMALL if name != "candidates"}, budget="1steps")
    unseen = model.asked_by({"ask": "unseen", "task": "straightforward"})
    assert unseen.system.config.prompt != model.system.config.prompt
    assert asked(unseen) == family("openp5")["straightforward-unseen"].source.replace("{dataset}", "circle").replace("{user}", asked(model).split()[1])


def test_a_prompt_that_was_given_in_full_is_not_lost() -> None:
    own = system("p5").create(SMALL | {"ask": "2-1"}).settle(tl.split(circle(20))).config.prompt.replace("Next item", "And then")
    model = tl.fit("p5", circle(20), set=SMALL | {"prompt": own}, budget="1steps")
    assert "And then" in asked(model.asked_by({"beams": 3}))
    with pytest.raises(SettingError, match=r"p5\.ask: the run was trained with a prompt in full, so ask chooses nothing"):
        model.asked_by({"ask": "2-13"})


def test_a_system_whose_settings_are_all_learnt_by_says_so() -> None:
    model = tl.fit("ease", circle(20))
    with pytest.raises(SettingError, match=r"ease\.l2 was decided when the run was trained; nothing can be set afterwards\. Train another run for it\."):
        model.asked_by({"l2": 1.0})
