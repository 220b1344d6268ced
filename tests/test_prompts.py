"""Looking at prompts: what is shown is what a model is given."""

import pytest

import tastelm as tl
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


def test_who_and_what_has_no_prompt() -> None:
    with pytest.raises(SettingError, match="ease gives no prompt to a language model"):
        tl.show_prompt("ease", circle(30), "u3")
    with pytest.raises(DataError, match="the user 'u33' is asked nothing under leave-one-out; did you mean 'u"):
        tl.show_prompt("lm-zeroshot", circle(30), "u33", set=ZERO)
