"""Looking at prompts: what is shown is what a model is given."""

import polars as pl
import pytest

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.errors import DataError, SettingError
from tastelm.testing import SMALL, circle
from tastelm.text.segments import Text, plain

ZERO = {"model": SMALL["model"]}
SMALL_P5 = {"dim": 16, "layers": 1, "heads": 2, "codes": 8, "ids": "random"}


def test_a_prompt_is_that_of_the_test_question() -> None:
    data = circle(30)
    found = tl.show_prompt("lm-zeroshot", data, "u3", set=ZERO)
    events = data.interactions.filter(user="u3").sort("time")["item"].to_list()
    assert found.history == events[:-1] and all(f"Number {item}" in plain(found.prompt) for item in events[-6:-1])
    assert found.tokens > 5 and found.context == 512 and found.example is None
    (stage,) = found.training
    assert stage.strategy == "TuningFree" and not stage.trained and stage.frozen.keys() == {"backbone"}


def test_a_system_that_is_taught_shows_an_example() -> None:
    found = tl.show_prompt("p5", circle(30), "u3", set=SMALL_P5)
    assert "user_" in plain(found.prompt) and "<i" in plain(found.prompt)
    assert found.example is not None and all(segment.learn for segment in found.example[1] if isinstance(segment, Text))
    assert found.training[0].trained.keys() == {"backbone", "words"} and not found.training[0].frozen


@pytest.mark.parametrize("kind", ["continuous", "discrete", "none"])
def test_a_system_that_gives_reasons_shows_that_of_the_item_in_question(kind: str) -> None:
    rows = [(f"u{user}", f"i{item}", float(item), "the zip is fine", ("zip", "hem")[item % 2]) for user in range(4) for item in range(9)]
    data = Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time", "explanation", "feature"], orient="row"), name="reasons")
    made = {"model": "scratch:dim=16,layers=1,heads=2,context=64,vocabulary=300", "prompt": kind, "pretrain_epochs": 0}
    found = tl.show_prompt("pepler", data, "u1", set=made, split="random:0.6,0.1")
    assert found.item is not None and found.item not in found.history and found.example is not None
    shown = plain(found.prompt)
    assert {"continuous": shown.startswith("[user:2][item:"), "discrete": {"zip", "hem"} >= set(shown.split()) > set(), "none": shown == ""}[kind]
    assert plain(found.example[1]).strip() == "the zip is fine" and all(segment.learn for segment in found.example[1] if isinstance(segment, Text))


def test_who_and_what_has_no_prompt() -> None:
    with pytest.raises(SettingError, match="ease gives no prompt to a language model"):
        tl.show_prompt("ease", circle(30), "u3")
    with pytest.raises(DataError, match="the user 'u33' is asked nothing under leave-one-out; did you mean 'u"):
        tl.show_prompt("lm-zeroshot", circle(30), "u33", set=ZERO)
