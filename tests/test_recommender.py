"""What training leaves recommends: for one history, for many, for a known user."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import SettingError
from tastelm.recommender import Recommendation, Recommender
from tastelm.systems.catalogue import system
from tastelm.testing import ITEMS, tastes, train

IDS = st.lists(st.sampled_from([*(str(item) for item in range(ITEMS)), "unheard", ""]), max_size=30)


@pytest.fixture(scope="module")
def model() -> Recommender:
    return train(system("ease"), tastes(60)).recommender


@pytest.fixture(scope="module")
def knowing() -> Recommender:
    """A system with a vector for each user."""
    return train(system("bpr-mf"), tastes(60), budget="3epochs").recommender


def test_the_best_come_first_and_once(model: Recommender) -> None:
    found = model.recommend(["1", "2"], 8)
    assert len(found) == len(set(found.ids)) == 8
    scores = [entry.score for entry in found]
    assert scores == sorted(scores, reverse=True)
    assert found[0] == Recommendation(found.ids[0], scores[0], f"Number {found.ids[0]}")


def test_seen_items_are_left_out_unless_they_are_kept(model: Recommender) -> None:
    assert model.mask_seen
    assert not {"1", "2"} & set(model.recommend(["1", "2"], ITEMS).ids)
    assert {"1", "2"} <= set(model.recommend(["1", "2"], ITEMS, keep_seen=True).ids)
    assert model.recommend(["1", "2"], ITEMS, keep_seen=False) == model.recommend(["1", "2"], ITEMS)


def test_excluded_items_are_left_out_unknown_ones_do_not_matter(model: Recommender) -> None:
    every = model.recommend(["1"], ITEMS).ids
    assert model.recommend(["1"], ITEMS, exclude=[every[0], "unheard"]).ids == every[1:]
    assert model.recommend(["1"], ITEMS, exclude=iter(every)).ids == []


def test_a_known_user_is_answered_by_what_is_known_of_the_user(knowing: Recommender) -> None:
    assert len(knowing.users) == 60
    known, stranger = (knowing.score([], ["1", "11"], user=user) for user in ("u0", "nobody"))
    assert known != stranger
    assert stranger == knowing.score([], ["1", "11"])
    assert knowing.recommend([], 5, user="u0").ids != knowing.recommend([], 5, user="u1").ids


def test_many_are_answered_like_one(model: Recommender, knowing: Recommender) -> None:
    histories = [["1", "2"], [], ["unheard", "3"], ["19"] * 5, [str(item) for item in range(ITEMS)]]
    assert list(model.recommend_many(histories, 4)) == [model.recommend(history, 4) for history in histories]
    assert [found.unknown for found in model.recommend_many(histories, 4)] == [(), (), ("unheard",), (), ()]
    users = ["u0", "u1", "nobody", "u2", "u3"]
    for many, history, user in zip(knowing.recommend_many(histories, 4, users=users), histories, users, strict=True):
        one = knowing.recommend(history, 4, user=user)
        assert many.ids == one.ids
        assert [entry.score for entry in many] == pytest.approx([entry.score for entry in one])


def test_many_blocks_are_answered_like_one(knowing: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    histories, users = [[str(item % ITEMS)] for item in range(11)], [f"u{item}" for item in range(11)]
    whole = [found.ids for found in knowing.recommend_many(histories, 4, users=users)]
    monkeypatch.setattr("tastelm.recommender.block_rows", lambda n_items: 3)
    assert [found.ids for found in knowing.recommend_many(iter(histories), 4, users=users)] == whole
    assert list(knowing.recommend_many([], 4)) == []


def test_scores_are_those_of_the_list(model: Recommender) -> None:
    found = model.recommend(["1", "2"], 5)
    assert model.score(["1", "2", "unheard"], found.ids) == pytest.approx([entry.score for entry in found])
    with pytest.raises(SettingError, match=r"item 'unheard' is not in the catalogue of this run\."):
        model.score(["1"], ["1", "unheard"])


@pytest.mark.parametrize("k", [0, -3])
def test_no_recommendations_are_refused(model: Recommender, k: int) -> None:
    with pytest.raises(SettingError, match=rf"k: {k} is not a number of recommendations; it must be at least 1\."):
        model.recommend(["1"], k)


def test_a_history_that_is_one_text_is_refused(model: Recommender) -> None:
    with pytest.raises(SettingError, match=r"history: '1 2' is one text; give a list of item ids\."):
        model.recommend("1 2")


def test_a_module_that_cannot_answer_is_refused() -> None:
    with pytest.raises(TypeError, match="Linear has no item_scores and cannot recommend"):
        Recommender(system("ease").create(), nn.Linear(1, 1), Vocabulary([]), Vocabulary([]))


@given(history=IDS, exclude=IDS, k=st.integers(1, 2 * ITEMS), keep=st.booleans())
def test_any_history_gets_what_may_be_recommended(model: Recommender, history: list[str], exclude: list[str], k: int, keep: bool) -> None:
    found = model.recommend(history, k, exclude=exclude, keep_seen=keep)
    allowed = set(model.items.ids) - set(exclude) - (set() if keep else set(history))
    assert len(found) == min(k, len(allowed))
    assert set(found.ids) <= allowed and len(set(found.ids)) == len(found)
    assert list(found.unknown) == [item for item in history if item not in model.items]
    assert all(np.isfinite(entry.score) for entry in found)
