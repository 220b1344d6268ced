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
from tastelm.prompting.lm_explainer import LMExplainer
from tastelm.prompting.reasons import Reasoned
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
    item      id of the item that a reason is asked about, of a system that gives reasons
    example   source and target of one example of training, for a system that is taught by texts
    training  the stages
    """

    system: str
    user: str
    history: list[str]
    prompt: Prompt
    tokens: int
    context: int | None
    item: str | None
    example: tuple[Prompt, Prompt] | None
    training: list[Training]


def show_prompt(system: System[Any], split: Split, user: str) -> ShownPrompt:
    """The prompt of the test question of `user`; of a system that gives reasons, about the item of that question. Nothing is trained.

    Raises SettingError for a system without prompts of a language model, DataError for a user who is asked nothing.
    """
    settled = system.settle(split)
    stages = list(settled.stages(split))
    module = stages[-1].module
    backbone = getattr(module, "backbone", None)
    if not isinstance(module, Prompted | LMExplainer) or not isinstance(backbone, LanguageModel | EndpointLM):
        raise SettingError(f"{system.card.name} gives no prompt to a language model. Take a system that does, such as lm-zeroshot or p5.")
    cases = split.cases(Part.TEST)
    code = int(split.users.encode([user])[0])
    row = np.flatnonzero(cases.users == code)
    if code < 0 or not len(row):
        known = split.users.decode(cases.users[:1000])
        raise DataError(f"{split.dataset.name}: the user {user!r} is asked nothing under {split.protocol}; {nearest(user, known[:20])}")
    history, users = cases.histories.take(row), cases.users[row]
    item = cases.targets[int(row[0])][:1].astype(np.int32) if isinstance(module, LMExplainer) else None
    prompt = module.prompts(history, users)[0] if item is None else module.sources(users[:1], item)[0]
    tokens, context = _sizes(prompt, backbone)
    view = stages[0].view
    example = _example(module, view.batches(0, 0)[0]) if view is not None else None
    training = []
    for stage in stages:
        plan, sizes = prepare(stage.module, stage.strategy, stage=stage.name), dict(stage.module.named_parameters())
        training.append(Training(stage.name, stage.strategy.name, _by_group(plan.trained, sizes), _by_group(plan.frozen, sizes)))
    asked = None if item is None else split.items.decode(item)[0]
    return ShownPrompt(system.card.name, user, split.items.decode(history[0]), prompt, tokens, context, asked, example, training)


def _example(module: Any, batch: Any) -> tuple[Prompt, Prompt] | None:
    """The first source and target of a batch of texts."""
    if isinstance(batch, Reasoned) and isinstance(module, LMExplainer):
        return module.sources(batch.users[:1], batch.items[:1], batch.own[:1])[0], module.targets(batch.texts[:1])[0]
    return (batch.sources[0], batch.targets[0]) if isinstance(batch, Written) else None


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
