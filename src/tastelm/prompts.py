"""What a system that prompts gives its model to read, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.data.split import Split
from tastelm.errors import DataError, SettingError, nearest
from tastelm.evaluation import Protocol
from tastelm.plm.endpoint_lm import EndpointLM
from tastelm.plm.endpoint_meter import tokens_in, tokens_of
from tastelm.plm.port import LanguageModel
from tastelm.prompting.layout import lay_out
from tastelm.prompting.lm_explainer import LMExplainer
from tastelm.prompting.reasons import Reasoned
from tastelm.prompting.teaching import Written
from tastelm.strategies import group_of, prepare
from tastelm.systems.base import Asking, Prompted, System
from tastelm.text.segments import Asked, Kind, Prompt, Text, Vectors, joined, plain
from tastelm.train.stage import Stage


@dataclass(frozen=True)
class Training:
    """A stage: its strategy, and group of parameters -> how many numbers are trained, and how many stay as they are."""

    name: str
    strategy: str
    trained: dict[str, int]
    frozen: dict[str, int]


@dataclass(frozen=True)
class Piece:
    """A part of a prompt.

    slot     the kind of the slot that it fills, None for words of a template
    vectors  the source of the vectors that stand here, None for words
    learnt   whether it is a target of training
    tokens   that begin in it, or its vectors
    """

    text: str
    slot: Kind | None
    vectors: str | None
    learnt: bool
    tokens: int


@dataclass(frozen=True)
class ShownPrompt:
    """What a model is given for one user.

    history   ids of the items that are known of the user, oldest first
    prompt    its segments; tokens is how many of the model's tokens (or vectors) they take, of the `context` that it reads at most; behind
              an endpoint they are estimated, and nobody knows the context
    pieces    the same, told apart by what fills them; their tokens are all but `marks`, which begin a text
    item      id of the item that is asked about, of a system that gives reasons or asks about one item at a time
    answers   the texts that the model is asked how likely they are behind the prompt; none where it writes
    of        prompts that the question is put in, of which this is the first
    example   source and target of one example of training, for a system that is taught by texts
    training  the stages
    """

    system: str
    user: str
    history: list[str]
    prompt: Prompt
    tokens: int
    context: int | None
    pieces: list[Piece]
    marks: int
    item: str | None
    answers: list[str]
    of: int
    example: tuple[Prompt, Prompt] | None
    training: list[Training]


def show_prompt(system: System[Any], question: Protocol, user: str, *, candidate: str | None = None) -> ShownPrompt:
    """The prompt of the test question of `user`. Nothing is trained.

    candidate  id of the item that is asked about, where a prompt is about one; by default that of the question. Where a prompt holds several,
               they are those of the question: all, of a full ranking

    Raises SettingError for a system without prompts of a language model, DataError for a user who is asked nothing and an unknown item.
    """
    split, cases = question.split, question.cases
    stages = list(system.settle(split).stages(split))
    module = stages[-1].module
    backbone = getattr(module, "backbone", None)
    if not isinstance(module, Prompted | LMExplainer) or not isinstance(backbone, LanguageModel | EndpointLM):
        raise SettingError(f"{system.card.name} gives no prompt to a language model. Take a system that does, such as lm-zeroshot or p5.")
    code = int(split.users.encode([user])[0])
    row = np.flatnonzero(cases.users == code)
    if code < 0 or not len(row):
        known = split.users.decode(cases.users[:1000])
        raise DataError(f"{split.dataset.name}: the user {user!r} is asked nothing under {split.protocol}; {nearest(user, known[:20])}")
    history, users, target = cases.histories.take(row), cases.users[row], cases.targets[int(row[0])][:1]
    item = target.astype(np.int32) if candidate is None else _known(split, candidate)
    beside = None if question.negatives is None or candidate is not None else question.negatives[int(row[0])]
    found = _asked(module, history, users, item, beside, len(split.items))
    about_one = isinstance(module, LMExplainer) or (isinstance(module, Asking) and not module.together)
    if candidate is not None and not about_one:
        raise SettingError(f"{system.card.name} asks about no single item, so --candidate says nothing. Leave it out.")
    (tokens, context), pieces = _sizes(found.prompt, backbone), list(_pieces(found.prompt, backbone))
    view = stages[0].view
    return ShownPrompt(
        system.card.name, user, split.items.decode(history[0]), found.prompt, tokens, context, pieces, tokens - sum(piece.tokens for piece in pieces),
        split.items.decode(item)[0] if about_one else None, found.answers, found.of,
        _example(module, view.batches(0, 0)[0]) if view is not None else None, [_training(stage) for stage in stages],
    )  # fmt: skip


def _known(split: Split, item: str) -> NDArray[np.int32]:
    code = split.items.encode([item]).astype(np.int32)
    if code[0] < 0:
        raise DataError(f"{split.dataset.name}: the item {item!r} is not known; {nearest(item, split.items.ids[:20])}")
    return code


def _asked(
    module: Prompted | LMExplainer, history: Sequences, users: NDArray[np.int32], item: NDArray[np.int32], beside: NDArray[np.int32] | None, items: int
) -> Asked:
    """What is asked for a history: about an item and the candidates beside it (None: all of so many items), where prompts are about items."""
    if isinstance(module, LMExplainer):
        return Asked(module.sources(users[:1], item)[0], [])
    if not isinstance(module, Asking):
        return Asked(module.prompts(history, users)[0], [])
    if beside is not None:
        return module.asked(history[0], np.concatenate([item, beside]))
    return module.asked(history[0], np.arange(items) if module.together else item)


def _pieces(prompt: Prompt, backbone: LanguageModel | EndpointLM) -> Iterator[Piece]:
    """A prompt, told apart by what fills it. Texts that stand side by side are read as one, so a token counts for the piece in which it begins."""
    read = 0
    for segment in joined(prompt):
        if isinstance(segment, Vectors):
            yield Piece(plain((segment,)), segment.kind, segment.source, False, len(segment.rows))
        elif isinstance(segment, Text):
            # An endpoint's tokens are estimated from all characters of a prompt.
            begins = backbone.tokens.offsets(segment.text) if isinstance(backbone, LanguageModel) else None
            at = 0
            for text, kind in segment.pieces:
                end = at + len(text)
                within = tokens_of(read + end) - tokens_of(read + at) if begins is None else sum(at <= begin < end for begin in begins)
                yield Piece(text, kind, None, segment.learn, within)
                at = end
            read += at


def _training(stage: Stage) -> Training:
    plan, sizes = prepare(stage.module, stage.strategy, stage=stage.name), dict(stage.module.named_parameters())
    return Training(stage.name, stage.strategy.name, _by_group(plan.trained, sizes), _by_group(plan.frozen, sizes))


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
