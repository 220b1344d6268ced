"""OpenP5: the two tasks of P5 that name an item, with eleven prompts each, and the choice of what the tokens of items follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.prompting.lessons import can_ask
from tastelm.settings import setting
from tastelm.systems.many_prompts import Course, ManyPrompts, ManyPromptsConfig
from tastelm.systems.written import Ids
from tastelm.text.bound import bound
from tastelm.text.family import family
from tastelm.text.template import Template

FAMILY = "openp5"


class OpenP5(ManyPrompts["OpenP5.Config"]):
    """OpenP5 (Xu et al., 2024), with the indexes of Hua et al. (2023).

    Sequential: from a history to the item behind it. Straightforward: from the user alone to an item. Ten prompts of each are trained on,
    one is not; `task` and `ask` choose by which one it is asked afterwards. Every prompt names the data set.

    Deviations: the model and its tokenizer are made from scratch, at a size for a CPU, for one data set; items are tokens of their own and not
    the pieces of numbers, so nothing is gained by counting from 1001, which keeps low numbers from sharing pieces there; `semantic` follows the
    titles, not categories; `hybrid` is collaborative with a token of each item's own; the search writes no item that is not there.
    """

    card = Card(
        name="openp5",
        paper="Xu et al. 2024, OpenP5: An Open-Source Platform for Developing, Training, and Evaluating LLM-based Recommender Systems",
        summary="P5's two tasks that name an item; compares ways to spell items, and prompts seen in training with one that was not.",
        paradigm=Paradigm.TUNING_FREE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.TEXT),
    )

    @dataclass(frozen=True)
    class Config(ManyPromptsConfig):
        ids: Ids = setting("collaborative", "what the tokens of an item follow", source="Hua et al. 2023, all of them")
        sequential: int = setting(5, "examples of the sequential task of each user in an epoch", source="3 of a prefix in the paper", at_least=1, at_most=1000)
        direct: int = setting(2, "examples of the straightforward task of each user in an epoch", source="3 of an item in the paper", at_least=0, at_most=1000)
        task: Literal["sequential", "straightforward"] = setting("sequential", "asked by a history, or the user alone", source="both in the paper", after=True)
        ask: Literal["seen", "unseen"] = setting("seen", "by a prompt that was trained on, or by the one that was not", source="both in the paper", after=True)

    def asked(self, data: str) -> Template:
        config = self.config
        prompts = family(FAMILY).seen() if config.ask == "seen" else family(FAMILY).held_out()
        return _of_task(prompts, data, history=config.task == "sequential")[0]

    def courses(self, data: str) -> list[Course]:
        following, suiting = (_of_task(family(FAMILY).seen(), data, history=history) for history in (True, False))
        return [Course(following, self.config.sequential), Course(suiting, self.config.direct)]


def _of_task(prompts: tuple[Template, ...], data: str, *, history: bool) -> list[Template]:
    """The prompts with a history, or without, in which the data set is named."""
    named = (bound(prompt, "dataset", data.strip() or "the shop") for prompt in prompts)
    return [prompt for prompt in named if can_ask(prompt, needs={"history": history})]
