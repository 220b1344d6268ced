"""A prompt system of one's own is a file of templates and a class of forty lines."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tastelm
from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.split import Split, split
from tastelm.evaluation import evaluate, protocol
from tastelm.metrics import parse_metrics
from tastelm.settings import setting
from tastelm.systems import catalogue
from tastelm.systems.baselines.popularity import Popularity
from tastelm.systems.many_prompts import Course, ManyPrompts, ManyPromptsConfig
from tastelm.testing import CHECKS, circle, train
from tastelm.text.family import family
from tastelm.text.template import Template

TEMPLATES = """
[family]
name = "diary"
about = "the next entry of a diary"
paper = "none"

[slots]
entries = "history"
entry = "item"

[[template]]
name = "next"
source = "Dear diary, I had {entries}. Tomorrow:"
target = "{entry}"

[[template]]
name = "what"
source = "{entries}, and what then?"
target = "{entry}"
separator = " and "

[[template]]
name = "unseen"
source = "Turn the page after {entries}"
target = "{entry}"
held_out = true
"""


class Diary(ManyPrompts["Diary.Config"]):
    """Reads a diary and writes its next entry."""

    card = Card(
        name="diary",
        paper="-",
        summary="Goes on with a diary.",
        paradigm=Paradigm.PRETRAIN_ONLY,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(ManyPromptsConfig):
        family: str = setting("diary.toml", "the file of templates")
        ask: str = setting("next", "the one that asks")

    def asked(self, split: Split) -> Template:
        return family(self.config.family)[self.config.ask]

    def courses(self, split: Split) -> list[Course]:
        return [Course(family(self.config.family).seen(), self.config.sequential)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    place = tmp_path_factory.mktemp("templates") / "diary.toml"
    place.write_text(TEMPLATES)
    catalogue.add(Diary)
    yield {"family": str(place), "batch": 128}
    del catalogue._ADDED["diary"]


def test_it_takes_no_more_than_forty_lines() -> None:
    assert len(inspect.getsource(Diary).splitlines()) <= 40


def test_it_beats_popularity_by_far(settings: dict[str, Any]) -> None:
    data = circle(200)
    question = protocol(split(data), metrics=parse_metrics("hr@1"), seen="keep")
    made = [train(kind, data, given, budget="120steps").recommender.module for kind, given in ((Diary, settings | {"lr": 2e-2}), (Popularity, {}))]
    ours, popular = (evaluate(module, question).metrics["hr@1"] for module in made)  # type: ignore[arg-type]
    assert ours > 0.4 > 4 * popular


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "learns"])
def test_it_keeps_the_contract(check: str, settings: dict[str, Any]) -> None:
    CHECKS[check](Diary, settings)


@pytest.mark.slow
def test_it_learns_all_that_can_be_known(settings: dict[str, Any]) -> None:
    CHECKS["learns"](Diary, settings)


def test_it_is_shown_and_fitted_like_any_other_and_needs_its_file_no_more(settings: dict[str, Any], tmp_path: Path) -> None:
    small = {"ids": "random", "codes": 8, "dim": 16, "layers": 1, "heads": 2, "ask": "unseen"}
    shown = tastelm.show_prompt("diary", circle(20), "u3", set=settings | small)
    assert shown.prompt[0].text.startswith("Turn the page after <i")  # type: ignore[union-attr]
    model = tastelm.fit("diary", circle(20), set=settings | small, budget="2steps", out=tmp_path / "run")
    Path(settings["family"]).rename(tmp_path / "moved.toml")
    try:
        assert tastelm.load(tmp_path / "run").recommend(["1"], 5) == model.recommend(["1"], 5)
    finally:
        (tmp_path / "moved.toml").rename(settings["family"])
