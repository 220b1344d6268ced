"""The same writer, asked for stars and reasons."""

import numpy as np
import pytest
import torch

from tastelm.data.reviews import Stars
from tastelm.item_tokens.random import random_tokens
from tastelm.plm.loading import seq2seq_lm
from tastelm.plm.tokens import END, trained_on
from tastelm.prompting.reviewer import Opinion, ReasonWriter
from tastelm.prompting.teaching import Written
from tastelm.prompting.writer import Asking, mark
from tastelm.text.family import family
from tastelm.text.segments import Text
from tastelm.text.template import Template

NEXT = Template("next", "{user} had {history}, then", "{item}", {"user": "user", "history": "history", "item": "item"})
USERS, ITEMS = np.array([0, 1, -1, 2], np.int32), np.array([3, 0, 2, -1], np.int32)


def writer() -> ReasonWriter:
    torch.manual_seed(0)
    tokens = random_tokens(5, width=2, base=4, seed=0)
    model = seq2seq_lm(f"scratch:dim=16,layers=1,heads=2,vocabulary={320 + tokens.vocabulary}")
    opinion = Opinion(family("p5-rating")["1-2"], family("p5-explanation")["3-3"], longest=6)
    module = ReasonWriter(model, 5, Asking(NEXT, "history", "user", 3, 4, 3), opinion, whole_words=True)
    module.backbone.write_with(trained_on(["user_1 rates it"], size=320, marks=[mark(token) for token in range(tokens.vocabulary)]))
    module.spell(tokens.tokens, np.arange(5))
    module.know(Stars(0.0, 10.0), ["A", "B", "", "D", "E"])
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(3)
    return module.eval()


@torch.no_grad()
def test_a_rating_is_the_mean_of_the_stars_by_their_probabilities() -> None:
    module, template = writer(), family("p5-rating")["1-2"]
    found = module.ratings(USERS, ITEMS)
    prompts = module.opinions(template, USERS, ITEMS)
    for row, prompt in enumerate(prompts):
        targets = [(*template.render_target({"stars": stars}), Text(END, learn=True)) for stars in range(1, 6)]
        chances = (-2 * module.nll(Written([prompt] * 5, targets))).softmax(0)
        stars = float((chances * torch.arange(1.0, 6.0)).sum())
        assert float(found[row]) == pytest.approx(10 * (stars - 1) / 4, abs=1e-4)
    assert found.std() > 0, "who is asked about what makes a difference"


@torch.no_grad()
def test_reasons_are_what_is_most_probable_token_by_token_and_no_longer_than_allowed() -> None:
    module = writer()
    found = module.explain(USERS, ITEMS)
    assert len(found) == 4 and found == module.explain(USERS, ITEMS)
    alone = [module.explain(USERS[[row]], ITEMS[[row]])[0] for row in range(4)]
    assert alone == found, "company changes nothing"
    memory = module._read(module.opinions(family("p5-explanation")["3-3"], USERS[:1], ITEMS[:1]))
    ids = [int(module.backbone.starts(1, torch.device("cpu")))]
    for _ in range(6):
        ids.append(int(module.backbone.logits(module.backbone.write(memory, torch.tensor([ids]))[0, -1]).argmax()))
        if ids[-1] == module.backbone.tokens.end:
            break
    assert found[0] == module.backbone.tokens.decode(ids[1:]).strip()


@torch.no_grad()
def test_an_item_of_another_catalogue_is_told_by_its_page() -> None:
    module, zero = writer(), family("p5-zero")
    pages = [{"user": "user_1", "title": title, "brand": "Acme", "price": "$ 9"} for title in ("A lamp", "A kettle")]
    stars = module.stars([zero["Z-3"].render_source(page) for page in pages], zero["Z-3"])
    assert ((stars > 1) & (stars < 5)).all() and stars[0] != stars[1]
    assert len(module.sentences([zero["Z-5"].render_source(page | {"stars": 4}) for page in pages])) == 2
