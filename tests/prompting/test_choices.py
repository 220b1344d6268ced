"""A writer that is shown candidates: what it is asked, and what its scores are."""

from typing import Any

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.data.split import split
from tastelm.evaluation import evaluate, protocol
from tastelm.item_tokens.random import random_tokens
from tastelm.metrics import parse_metrics
from tastelm.plm.loading import seq2seq_lm
from tastelm.plm.tokens import END, trained_on
from tastelm.prompting.choices import AT_ONCE, choice_scores
from tastelm.prompting.lessons import slots_of
from tastelm.prompting.teaching import Written
from tastelm.prompting.writer import Asking, ItemWriter, mark
from tastelm.testing import ITEMS, circle
from tastelm.text.family import family
from tastelm.text.segments import Prompt, Text, plain

TEMPLATES = {template.name: template for name in ("p5-sequential", "p5-direct") for template in family(name).templates}
HISTORIES, USERS = Sequences.of([[3, 4], [], [7, 8, 9]]), np.array([0, -1, 2], np.int32)
CANDIDATES = Sequences.of([[1, 5, 9, 12], [2], [19, 4, 0]])


def writer(ask: str, items: int = ITEMS) -> ItemWriter:
    torch.manual_seed(0)
    tokens, template = random_tokens(items, width=2, base=16, seed=0), TEMPLATES[ask]
    model = seq2seq_lm(f"scratch:dim=16,layers=1,heads=2,vocabulary={300 + tokens.vocabulary}")
    slots, verdict = slots_of(template, template.source_prompt), "text" in slots_of(template, template.target_prompt)
    asking = Asking(template, slots.get("history", "history"), slots["user"], 3, 4, 2, slots.get("candidates"), slots["item"] if verdict else None)
    module = ItemWriter(model, items, asking, whole_words=True)
    module.backbone.write_with(trained_on(["user_1 yes no"], size=300, marks=[mark(token) for token in range(tokens.vocabulary)]))
    module.spell(tokens.tokens, np.arange(items))
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(3)
    return module.eval()


@pytest.mark.parametrize("ask", ["2-8", "5-5", "5-8"])
@torch.no_grad()
def test_a_choice_is_scored_by_what_is_learnt_behind_the_prompt_that_shows_all_candidates(ask: str) -> None:
    module = writer(ask)
    found = module.candidate_scores(HISTORIES, USERS, CANDIDATES)
    for row, codes in enumerate(CANDIDATES):
        (shown,) = {order for order in _orders(module, row) if set(order) == set(codes.tolist())}
        prompt = module.prompt(HISTORIES[row], int(USERS[row]), np.array(shown))
        losses = module.nll(Written([prompt] * len(codes), [(Text(module.item_text(int(code)), learn=True),) for code in codes]))
        np.testing.assert_allclose(found[CANDIDATES.owners == row].numpy(), -2 * losses.numpy(), rtol=1e-4, atol=1e-4)


def _orders(module: ItemWriter, row: int) -> list[tuple[int, ...]]:
    """The candidates of the prompts that the writer is given for a row, in their order."""
    given = _heard(module)
    module.candidate_scores(HISTORIES.take(np.array([row])), USERS[[row]], CANDIDATES.take(np.array([row])))
    return given


def _heard(module: ItemWriter) -> list[tuple[int, ...]]:
    """A list that will hold the candidates of every prompt that the writer is given from now on."""
    given = list[tuple[int, ...]]()

    def prompt(history: Any, user: int, candidates: Any) -> Prompt:
        given.append(tuple(candidates.tolist()))
        return ItemWriter.prompt(module, history, user, candidates)

    module.prompt = prompt  # type: ignore[method-assign]
    return given


@torch.no_grad()
def test_the_order_in_which_candidates_come_says_nothing() -> None:
    module = writer("5-5")
    there = module.candidate_scores(HISTORIES.take(np.array([0])), USERS[:1], Sequences.of([[1, 5, 9, 12]]))
    back = module.candidate_scores(HISTORIES.take(np.array([0])), USERS[:1], Sequences.of([[12, 9, 5, 1]]))
    torch.testing.assert_close(there, back.flip(0))
    assert _orders(module, 0)[0] != (1, 5, 9, 12), "nor do they stand by their codes"


@pytest.mark.parametrize("ask", ["2-11", "5-1", "5-3"])
@torch.no_grad()
def test_a_verdict_is_how_much_likelier_yes_is_than_no(ask: str) -> None:
    module, template = writer(ask), TEMPLATES[ask]
    found = module.candidate_scores(HISTORIES, USERS, CANDIDATES)
    for place, (row, code) in enumerate(zip(CANDIDATES.owners, CANDIDATES.values, strict=True)):
        prompt = module.prompt(HISTORIES[row], int(USERS[row]), np.array([code]))
        assert module.item_text(int(code)) in plain(prompt)
        targets = [(*template.render_target({"answer": word}), Text(END, learn=True)) for word in ("yes", "no")]
        lengths = [len(module.backbone.tokens.encode(f"{word}{END}")) for word in ("yes", "no")]
        yes, no = -module.nll(Written([prompt] * 2, targets)) * torch.tensor(lengths)
        assert float(found[place]) == pytest.approx(float(yes - no), abs=1e-3)
    assert found.std() > 1e-3


@pytest.mark.parametrize("ask", ["2-3", "2-8", "2-11", "5-5", "5-1"])
@torch.no_grad()
def test_all_items_are_candidates_where_nobody_names_some(ask: str) -> None:
    module = writer(ask)
    whole = module.item_scores(HISTORIES, USERS)
    assert whole.shape == (3, ITEMS) and whole.isfinite().all()
    everyone = Sequences.of([np.arange(ITEMS)] * 3)
    torch.testing.assert_close(module.candidate_scores(HISTORIES, USERS, everyone).view(3, ITEMS), whole)
    shown = plain(module.prompts(HISTORIES, USERS)[0])
    popular, seldom = module.item_text(ITEMS - 1), module.item_text(0)
    assert (popular in shown, seldom in shown) == {"2-3": (False, False), "2-8": (True, True), "5-5": (True, True)}.get(ask, (True, False))


@torch.no_grad()
def test_a_catalogue_is_not_shown_whole_and_those_left_out_stand_below_by_popularity() -> None:
    items = AT_ONCE + 20
    module = writer("5-5", items)
    shown = plain(module.prompts(HISTORIES, USERS)[0])
    assert sum(f" {module.item_text(code)}," in f"{shown}," for code in range(items)) == AT_ONCE
    scores = choice_scores(module, HISTORIES.take(np.array([0])), USERS[:1], Sequences.of([np.arange(items)]))
    assert scores[20:].min() > scores[:20].max() and (scores[:20].diff() > 0).all(), "the prior of this toy rises with the code"


def test_a_sampled_protocol_shows_its_candidates_and_no_other_item() -> None:
    parts = split(circle(8))
    module = writer("5-5")
    given = _heard(module)
    question = protocol(parts, ranking="uniform-4", metrics=parse_metrics("hr@1"), seen="keep")
    evaluate(module, question)
    assert question.negatives is not None and len(given) == 8
    asked = [set(row.tolist()) | set(question.cases.targets[at].tolist()) for at, row in enumerate(question.negatives)]
    assert sorted(sorted(codes) for codes in given) == sorted(sorted(codes) for codes in asked)
