"""lm-zeroshot with several templates: one run, whose folder holds the very words, and scores that are their mean."""

import json
from pathlib import Path

import pytest

import tastelm as tl
from tastelm.errors import SettingError
from tastelm.settings import decisive
from tastelm.systems.catalogue import system
from tastelm.systems.texts import read_all, read_back
from tastelm.testing import CHECKS, SMALL, circle

ZERO = system("lm-zeroshot")


@pytest.mark.parametrize("check", ["is_deterministic", "survives_saving", "bears_odd_histories", "ignores_the_batch"])
def test_several_templates_keep_the_contract(check: str) -> None:
    CHECKS[check](ZERO, {"model": SMALL["model"], "template": "0,5", "shown": 1})


def test_all_are_those_of_the_family_and_stand_in_the_run(tmp_path: Path) -> None:
    split = tl.split(circle(12))
    every, one = (ZERO.create({"template": names, "model": SMALL["model"]}).settle(split).config.prompt for names in ("all", "3"))
    assert [template.name for template in read_all(every)] == list("012345") and read_back(one).name == "3" and isinstance(json.loads(one), dict)
    tl.fit(ZERO.create({"template": "0,3", "model": SMALL["model"]}), circle(12), out=tmp_path)
    assert [template.name for template in tl.load(tmp_path).module.templates] == ["0", "3"]


def test_the_usual_template_is_what_it_was() -> None:
    assert decisive(ZERO.create().config)["template"] == "3" and len(read_all(ZERO.create().settle(tl.split(circle(12))).config.prompt)) == 1


def test_the_mean_is_told_where_the_prompt_is_shown() -> None:
    found = tl.show_prompt("lm-zeroshot", circle(12), "u3", set={"model": SMALL["model"], "template": "5,0"})
    assert found.of == 2 and found.prompt[0].text.startswith("Someone who liked")  # type: ignore[union-attr]


def test_what_does_not_fit_is_refused() -> None:
    split = tl.split(circle(12))
    with pytest.raises(SettingError, match="family 'sileo' has no template '9'"):
        ZERO.create({"template": "3,9"}).settle(split)
    several = ZERO.create({"template": "0,3"}).settle(split).config.prompt
    with pytest.raises(SettingError, match="prompt holds 2 templates, but only one can be asked with"):
        tl.fit("gpt4rec", circle(12), set={"prompt": several, "model": SMALL["model"]}, budget="1steps")
    for prompt in ("[]", "[1]", "null"):
        with pytest.raises(SettingError, match="is no template"):
            read_all(prompt)
