"""What a system that prompts gives its model to read, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tastelm.data.split import Part, Split
from tastelm.errors import DataError, SettingError, nearest
from tastelm.plm.endpoint_lm import EndpointLM
from tastelm.plm.endpoint_meter import tokens_in
from tastelm.plm.port import LanguageModel
from tastelm.prompting.layout import lay_out
from tastelm.prompting.teaching import Written
from tastelm.strategies import group_of, prepare
from tastelm.systems.base import Prompted, System
from tastelm.text.segments import Prompt, plain


@dataclass(frozen=True)
class Training:
    """A stage: its strategy, and group of parameters -> how many numbers are trained, and how many stay as they are."""

    name: str
    strategy: str
    trained: dict[str, int]
    frozen: dict[str, int]


@dataclass(frozen=True)
class ShownPrompt:
    """What a model is given for one user.

    history   ids of the items that are known of the user, oldest first
    prompt    its segments; tokens is how many of the model's tokens (or vectors) they take, of the `context` that it reads at most; behind
              an endpoint they are estimated, and nobody knows the context
    example   source and target of one example of training, for a system that is taught by texts
    training  the stages
    """

    system: str
    user: str
    history: list[str]
    prompt: Prompt
    tokens: int
    context: int | None
    example: tuple[Prompt, Prompt] | None
    training: list[Training]


def show_prompt(system: System[Any], split: Split, user: str) -> ShownPrompt:
    """The prompt of the test question of `user`. Nothing is trained.

    Raises SettingError for a system without prompts, DataError for a user who is asked nothing.
    """
    settled = system.settle(split)
    stages = list(settled.stages(split))
    module = stages[-1].module
    backbone = getattr(module, "backbone", None)
    if not isinstance(module, Prompted) or not isinstance(backbone, LanguageModel | EndpointLM):
        raise SettingError(f"{system.card.name} gives no prompt to a language model. Take a system that does, such as lm-zeroshot or p5.")
    cases = split.cases(Part.TEST)
    code = int(split.users.encode([user])[0])
    row = np.flatnonzero(cases.users == code)
    if code < 0 or not len(row):
        known = split.users.decode(cases.users[:1000])
        raise DataError(f"{split.dataset.name}: the user {user!r} is asked nothing under {split.protocol}; {nearest(user, known[:20])}")
    history = cases.histories.take(row)
    prompt = module.prompts(history, cases.users[row])[0]
    tokens, context = _sizes(prompt, backbone)
    view = stages[0].view
    first = view.batches(0, 0)[0] if view is not None else None
    example = (first.sources[0], first.targets[0]) if isinstance(first, Written) else None
    training = []
    for stage in stages:
        plan, sizes = prepare(stage.module, stage.strategy, stage=stage.name), dict(stage.module.named_parameters())
        training.append(Training(stage.name, stage.strategy.name, _by_group(plan.trained, sizes), _by_group(plan.frozen, sizes)))
    shown = split.items.decode(history[0])
    return ShownPrompt(system.card.name, user, shown, prompt, tokens, context, example, training)


def _sizes(prompt: Prompt, backbone: LanguageModel | EndpointLM) -> tuple[int, int | None]:
    """How much a prompt takes, and how much can be read."""
    if isinstance(backbone, EndpointLM):
        return tokens_in(plain(prompt)), None
    return int(lay_out([prompt], backbone.tokens).lengths[0]), backbone.context


def _by_group(names: tuple[str, ...], sizes: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[group_of(name)] = found.get(group_of(name), 0) + sizes[name].numel()
    return found
