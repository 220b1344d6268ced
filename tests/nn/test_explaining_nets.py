"""Networks that explain: who sees what, and writing on from a state is reading the whole."""

from typing import Any

import numpy as np
import pytest
import torch

from tastelm.nn.att2seq import Att2Seq
from tastelm.nn.decoder import RecurrentDecoder
from tastelm.nn.ids import IdTable
from tastelm.nn.nrt import NRT
from tastelm.nn.peter import Peter, prompt_mask
from tastelm.nn.ratings import DotRating, Leanings, MLPRating, RatingScale

USERS, ITEMS, WORDS = 5, 4, 11
PAIRS = torch.tensor([1, 3, 0]), torch.tensor([2, 4, 0])
STARS = torch.tensor([5, 1, 0])


def nets() -> dict[str, Any]:
    torch.manual_seed(0)
    lstm = RecurrentDecoder(WORDS, 6, 8, cell="lstm", layers=2, dropout=0.3)
    gru = RecurrentDecoder(WORDS, 6, 8, cell="gru", layers=1, dropout=0.3)
    return {
        "att2seq": Att2Seq(USERS, ITEMS, lstm, dim=6, hidden=8, vocabulary=WORDS, attention=False).eval(),
        "attentive": Att2Seq(USERS, ITEMS, lstm, dim=6, hidden=8, vocabulary=WORDS, attention=True).eval(),
        "nrt": NRT(USERS, ITEMS, gru, dim=6, hidden=8, vocabulary=WORDS, rating_layers=2).eval(),
        "peter": Peter(USERS, ITEMS, vocabulary=WORDS, dim=8, layers=2, heads=2, hidden=16, dropout=0.3, places=7).eval(),
    }


@pytest.mark.parametrize("name", ["att2seq", "attentive", "nrt", "peter"])
def test_word_by_word_is_as_all_at_once_and_no_word_sees_a_later_one(name: str) -> None:
    net, ids = nets()[name], torch.randint(WORDS, (3, 6), generator=torch.Generator().manual_seed(1))
    whole, _ = net.go_on(net.begin(*PAIRS, STARS), ids)
    assert whole.shape == (3, 6, WORDS)
    state = net.begin(*PAIRS, STARS)
    for place in range(6):
        logits, state = net.go_on(state, ids[:, place : place + 1])
        torch.testing.assert_close(logits[:, 0], whole[:, place], rtol=1e-4, atol=1e-5)
    other = ids.clone()
    other[:, 3:] = (ids[:, 3:] + 1) % WORDS
    changed, _ = net.go_on(net.begin(*PAIRS, STARS), other)
    torch.testing.assert_close(changed[:, :3], whole[:, :3])
    assert not torch.allclose(changed[:, 3], whole[:, 3])


@pytest.mark.parametrize("name", ["att2seq", "attentive", "nrt", "peter"])
def test_user_and_item_both_change_every_word_and_get_a_gradient(name: str) -> None:
    net, ids = nets()[name], torch.zeros(1, 3, dtype=torch.long)

    def told(user: int, item: int) -> torch.Tensor:
        found: torch.Tensor = net.go_on(net.begin(torch.tensor([user]), torch.tensor([item]), torch.tensor([3])), ids)[0]
        return found

    base = told(1, 1)
    for other in (told(2, 1), told(1, 2)):
        assert ((base - other).abs().amax(2) > 0).all()
    base.logsumexp(2).sum().backward()
    for table in (net.users, net.items):
        assert table.weight.grad[0].any() and not table.weight.grad[1:].any()


def test_the_mask_is_causal_but_for_one_cell() -> None:
    assert prompt_mask(4).int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    net = nets()["peter"]
    one, other = (net.rating(torch.tensor([1]), torch.tensor([item])) for item in (1, 2))
    assert float((one - other).abs().detach()) > 0, "the place of the user sees the item"


def test_the_rating_and_the_set_of_words_are_told_before_any_word_is_read() -> None:
    net = nets()["peter"]
    users, items = (rows[:2] for rows in PAIRS)
    states = net.states(torch.cat([net.begin(users, items), net.words(torch.tensor([[1, 2], [3, 4]]))], 1))
    torch.testing.assert_close(net.rating(users, items), net.rater(states[:, 0]))
    torch.testing.assert_close(net.context(users, items), net.out(states[:, 1]))


def test_a_feature_is_the_mean_of_its_words_and_only_the_sentence_sees_it() -> None:
    net = nets()["peter"]
    users, items = (rows[:2] for rows in PAIRS)
    about = torch.tensor([[3, 1], [2, -100]])
    begun = net.begin(users, items, about=about)
    torch.testing.assert_close(begun[:, 2], torch.stack([net.words.weight[[3, 1]].mean(0), net.words.weight[2]]))
    torch.testing.assert_close(begun[:, :2], net.begin(users, items))
    words = net.words(torch.tensor([[1, 2], [3, 4]]))
    one, other = (net.states(torch.cat([net.begin(users, items, about=told), words], 1)) for told in (about, about.flip(0)))
    torch.testing.assert_close(one[:, :2], other[:, :2])
    assert ((one - other)[:, 2:].abs().sum(2) > 1e-4).all()
    torch.testing.assert_close(net.rating(users, items), net.rater(one[:, 0]))


def test_a_stranger_is_the_mean_of_all_others() -> None:
    table = IdTable(3, 2)
    with torch.no_grad():
        table.weight.copy_(torch.tensor([[0.0, 3.0], [3.0, 0.0], [6.0, 3.0]]))
    assert table(torch.tensor([[0, 1], [3, 0]])).tolist() == [[[3.0, 2.0], [0.0, 3.0]], [[6.0, 3.0], [3.0, 2.0]]]


def test_ratings_go_to_the_scale_within_and_back_and_become_stars() -> None:
    scale = RatingScale()
    ratings = np.array([2.0, 4.0, 10.0, np.nan])
    scale.fill(ratings)
    standard = scale.standard(ratings)
    assert float(standard[:3].mean()) == pytest.approx(0, abs=1e-6) and float(standard[:3].std(correction=0)) == pytest.approx(1)
    torch.testing.assert_close(scale.rating(standard[:3]), torch.tensor([2.0, 4.0, 10.0]))
    assert scale.rating(torch.tensor([-9.0, 9.0])).tolist() == [2.0, 10.0], "none beyond the lowest and the highest"
    assert scale.stars(standard).tolist() == [1, 2, 5, 0]
    scale.fill(np.array([3.0, 3.0]))
    assert scale.standard(np.array([3.0])).tolist() == [0.0] and scale.stars(torch.tensor([0.0])).tolist() == [1]


def test_leanings_are_shrunken_means_of_items_and_then_of_users() -> None:
    leanings = Leanings(2, 1)
    rows = torch.tensor([1, 1, 2]), torch.tensor([1, 1, 1])
    leanings.fill(*rows, torch.tensor([1.0, 2.0, float("nan")]))
    item = 3 / (2 + 5)
    user = (3 - 2 * item) / (2 + 5)
    assert leanings(torch.tensor([1, 2, 0]), torch.tensor([1, 1, 0])).tolist() == pytest.approx([item + user, item, 0.0])


def test_factors_rate_by_their_product_and_the_perceptron_by_both() -> None:
    users, items = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0, -1.0], [5.0, 5.0]])
    assert DotRating()(users, items).tolist() == [1.0, 5.0]
    perceptron = MLPRating(4, 8, layers=3)
    assert len(perceptron.hidden) == 3 and perceptron(users, items).shape == (2,)
    assert not torch.equal(perceptron(users, items), perceptron(items, users))
