"""p5 is asked by any member of its families that names an item: openly, among candidates, or yes or no."""

import json
from typing import Any

import pytest

import tastelm as tl
from tastelm.data.split import split
from tastelm.errors import SettingError
from tastelm.fitting import fit_system
from tastelm.runs import load
from tastelm.systems.tuning_free.p5 import P5
from tastelm.testing import ITEMS, circle
from tastelm.text.family import family
from tastelm.text.segments import plain
from tastelm.train.budget import Budget

SMALL: dict[str, Any] = {"dim": 16, "layers": 1, "heads": 2, "ids": "random", "levels": 2, "codes": 8, "batch": 32, "candidates": 5}
SPLIT = split(circle(20))
MEMBERS = [template.name for name in ("p5-sequential", "p5-direct") for template in family(name).templates]


def test_every_member_can_ask_and_is_judged_by_what_it_shows() -> None:
    openly = {"2-1", "2-2", "2-3", "2-4", "2-5", "2-6", "2-13"}
    assert len(MEMBERS) == 21
    for ask in MEMBERS:
        made = P5.create(SMALL | {"ask": ask}).settle(SPLIT)
        asking = made.build(SPLIT.sizes).asking
        assert asking.template.name == ask and asking.openly == (ask in openly)
        assert made.judging.ranking == ("full" if ask in openly else "uniform-99")


@pytest.mark.parametrize("ask", ["2-13", "5-3", "5-8"])
def test_the_prompt_is_shown(ask: str) -> None:
    shown = plain(tl.show_prompt("p5", circle(20), "u3", set=SMALL | {"ask": ask}).prompt)
    assert "user_" in shown and "<i" in shown


@pytest.mark.parametrize("ask", ["5-1", "5-8", "2-8"])
def test_a_run_that_chooses_or_says_yes_ranks_the_catalogue_and_comes_back(ask: str, tmp_path: Any) -> None:
    made = fit_system(P5.create(SMALL | {"ask": ask}), SPLIT, budget=Budget(steps=2)).recommender
    found = made.recommend(["3", "4"], ITEMS, user="u3", keep_seen=True)
    assert sorted(found.ids) == sorted(made.items.ids)
    made.save(tmp_path)
    assert load(tmp_path).recommend(["3", "4"], ITEMS, user="u3", keep_seen=True) == found
    told = tl.evaluate(made, circle(20), protocol="uniform-4", metrics="hr@1", seen="keep")
    assert told["protocol"]["ranking"] == "uniform-4" and 0 <= told["metrics"]["hr@1"] <= 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ask": "2-11", "prompts": "2-3", "direct": 0}, r"it asks for yes or no about an item, they ask for any item\. Choose one of them, or train"),
        ({"ask": "5-5", "prompts": "2-3,2-11", "direct": 0}, r"it asks for one of several candidates, they ask for any item or yes or no about an item\."),
        ({"ask": "Z-3"}, r"p5\.ask: there is no prompt 'Z-3' in p5-sequential, p5-direct"),
    ],
)
def test_what_was_not_taught_cannot_be_asked(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        P5.create(SMALL | settings).settle(SPLIT)


def test_a_prompt_that_asks_for_a_letter_is_refused() -> None:
    slots = {"user": "user", "candidates": "candidates", "letter": "text"}
    letter = json.dumps({"name": "abc", "source": "{user}: {candidates}", "target": "{letter}", "slots": slots, "numbering": "letters"})
    with pytest.raises(SettingError, match=r"p5\.ask: the prompt abc asks for a letter, which is not taught here"):
        P5.create(SMALL | {"prompt": letter}).settle(SPLIT)
