"""The search probe: who knows what a text is about finds it, who does not is at chance, and so is the control."""

import numpy as np
import pytest
import torch

from tastelm.errors import DataError, SettingError
from tastelm.plm.pairs import NextSentenceLM, next_sentence_lm
from tastelm.prompting import search_probe as probes
from tastelm.prompting.search_probe import by_following, by_vectors, popular_others, search_probe

from .test_probes import saved

TITLES = ["Alien", "Toy Story", "Heat", "Ran", "Up", "Jaws"]
TEXTS = ["the one with Alien", "Toy Story, again", "so Toy Story", "Ran to see it", "Up we go"]
ABOUT = np.array([0, 1, 1, 3, 4])


def names_it(texts, titles):  # type: ignore[no-untyped-def]
    return np.array([float(title in text) for text, title in zip(texts, titles, strict=True)])


def test_who_knows_finds_and_the_control_does_not() -> None:
    others = popular_others(ABOUT, TITLES, np.ones(6, np.int64), 3)
    found = search_probe(names_it, TEXTS, ABOUT, TITLES, others)
    assert list(found) == ["text", "another's text"] and found["text"].recall.tolist() == [1.0] * 5 == found["text"].mrr.tolist()
    assert (found["another's text"].scores[:, 0] == 0).all(), "no text stays with its own item"
    assert found["another's text"].mrr.mean() < 0.7
    blind = search_probe(lambda texts, titles: np.zeros(len(texts)), TEXTS, ABOUT, TITLES, others)["text"]
    assert blind.recall.tolist() == [0.25] * 5 and blind.mrr == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4), "ties are at their expected value"
    assert search_probe(lambda texts, titles: np.zeros(len(texts)), TEXTS, ABOUT, TITLES, others, k=2)["text"].recall.tolist() == [0.5] * 5


def test_others_are_drawn_by_popularity_and_are_others() -> None:
    titles, popularity = ["Alien", "Alien", "Heat", "Ran", "Up"], np.array([5, 5, 80, 20, 0])
    drawn = popular_others(np.zeros(4000, np.int64), titles, popularity, 1)
    assert np.isin(drawn, [2, 3]).all() and (drawn == 2).mean() == pytest.approx(0.8, abs=0.03), "none of the same title, none that nobody met"
    several = popular_others(np.array([2, 3]), titles, popularity, 3, seed=1)
    assert all(len(set(row)) == 3 for row in several.tolist()) and 2 not in several[0] and 3 not in several[1]
    assert (several == popular_others(np.array([2, 3]), titles, popularity, 3, seed=1)).all()
    with pytest.raises(DataError, match="4 other titles are asked for, but there are only 5 items, some of one title"):
        popular_others(np.array([0]), titles, popularity, 4)
    with pytest.raises(SettingError, match="negatives: 0 does not fit"):
        popular_others(np.array([0]), titles, popularity, 0)


def test_texts_about_one_item_are_refused() -> None:
    with pytest.raises(DataError, match="all texts are about one item"):
        search_probe(names_it, ["a", "b"], np.array([1, 1]), TITLES, np.array([[0], [2]]))


def test_vectors_are_those_of_the_encoder_and_each_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def vectors(encoder: str, texts: list[str], *, pooling: str, batch: int) -> np.ndarray:
        read.extend(texts)
        angles = np.array([len(text) for text in texts], np.float32)
        assert (encoder, pooling, batch) == ("folder:x", "cls", 4)
        return np.column_stack([np.cos(angles), np.sin(angles)])

    monkeypatch.setattr(probes, "text_vectors", vectors)
    found = by_vectors("folder:x", "cls", batch=4)(["abc", "abc", "a"], ["ab", "abcd", "ab"])
    np.testing.assert_allclose(found, np.cos([1, 1, 1]), atol=1e-6)
    assert sorted(read) == sorted(set(read)) == ["a", "ab", "abc", "abcd"]


@torch.no_grad()
def test_pairs_are_judged_by_the_network_and_long_texts_are_cut(tmp_path_factory: pytest.TempPathFactory) -> None:
    judge: NextSentenceLM = next_sentence_lm(f"folder:{saved('BertForNextSentencePrediction', tmp_path_factory.mktemp('nsp'))}").eval()
    found = by_following(judge, batch=2)(["Alien", "Heat", "Ran"], ["Aliens", "Up", "Up"])
    np.testing.assert_allclose(found, judge.follows([("Alien", "Aliens"), ("Heat", "Up"), ("Ran", "Up")]).numpy(), atol=1e-5)
    long = by_following(judge)(["Alien " * 60], ["Up"])
    room = judge.context - 3 - len(judge.tokens.encode("Up"))
    cut = judge.tokens.decode(judge.tokens.encode("Alien " * 60)[:room])
    np.testing.assert_allclose(long, judge.follows([(cut, "Up")]).numpy(), atol=1e-5)
    with pytest.raises(DataError, match="the longest title leaves no room for a text, as the model reads 64 tokens"):
        by_following(judge)(["Alien"], ["Up " * 80])
