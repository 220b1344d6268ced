"""Looking at prompts: what is shown is what a model is given."""

import polars as pl
import pytest

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.errors import DataError, SettingError
from tastelm.prompts import ShownPrompt
from tastelm.tasks.asked import question as make_question
from tastelm.testing import SMALL, circle
from tastelm.text.segments import Text, plain

ZERO = {"model": SMALL["model"]}
SMALL_P5 = {"dim": 16, "layers": 1, "heads": 2, "codes": 8, "ids": "random"}


def test_a_prompt_is_that_of_the_test_question() -> None:
    data = circle(30)
    found = tl.show_prompt("lm-zeroshot", data, "u3", set=ZERO)
    events = data.interactions.filter(user="u3").sort("time")["item"].to_list()
    assert found.history == events[:-1] and all(f"Number {item}" in plain(found.prompt) for item in events[-6:-1])
    assert found.tokens > 5 and found.context == 512 and found.example is None
    (stage,) = found.training
    assert stage.strategy == "TuningFree" and not stage.trained and stage.frozen.keys() == {"backbone"}


def test_a_system_that_is_taught_shows_an_example() -> None:
    found = tl.show_prompt("p5", circle(30), "u3", set=SMALL_P5)
    assert "user_" in plain(found.prompt) and "<i" in plain(found.prompt)
    assert found.example is not None and all(segment.learn for segment in found.example[1] if isinstance(segment, Text))
    assert found.training[0].trained.keys() == {"backbone", "words"} and not found.training[0].frozen


def counted(found: ShownPrompt) -> dict[str | None, int]:
    """Kind of slot -> tokens."""
    counts: dict[str | None, int] = {}
    for piece in found.pieces:
        counts[piece.slot] = counts.get(piece.slot, 0) + piece.tokens
    return counts


def test_pieces_are_the_prompt_and_their_tokens_all_but_the_mark_at_its_beginning() -> None:
    for name, settings, kinds in (
        ("lm-zeroshot", ZERO, {None, "history"}), ("llm-rerank", ZERO | {"shown": 2}, {None, "history", "candidates"}),
        ("instruct-rec", ZERO, {None, "history", "item"}), ("p5", SMALL_P5, {None, "user", "history"}),
    ):  # fmt: skip
        found = tl.show_prompt(name, circle(30), "u3", set=settings)
        assert "".join(piece.text for piece in found.pieces) == plain(found.prompt) and {piece.slot for piece in found.pieces} == kinds
        counts = counted(found)
        assert found.marks == 1 and sum(counts.values()) + 1 == found.tokens and all(counts[kind] > 0 for kind in kinds), name


def test_what_is_asked_about_one_item_is_shown_with_it() -> None:
    data = circle(30)
    events = data.interactions.filter(user="u3").sort("time")["item"].to_list()
    found = tl.show_prompt("instruct-rec", data, "u3", set=ZERO)
    assert found.item == events[-1] and f"Item: Number {events[-1]}\nAnswer:" in plain(found.prompt) and found.answers == [" Yes", " No"]
    other = tl.show_prompt("instruct-rec", data, "u3", set=ZERO, candidate="0")
    assert other.item == "0" and "Item: Number 0\nAnswer:" in plain(other.prompt)
    title = tl.show_prompt("lm-zeroshot", data, "u3", set=ZERO, candidate="0")
    assert title.item == "0" and title.answers == [" Number 0"] and "Number 0" not in plain(title.prompt).split(", ")
    with pytest.raises(DataError, match="circle: the item '99' is not known"):
        tl.show_prompt("lm-zeroshot", data, "u3", set=ZERO, candidate="99")
    with pytest.raises(SettingError, match="llm-rerank asks about no single item, so --candidate says nothing"):
        tl.show_prompt("llm-rerank", data, "u3", set=ZERO, candidate="0")


def test_candidates_are_those_of_the_question() -> None:
    data = circle(30)
    question = make_question(data, "uniform-4")
    (row,) = [at for at, user in enumerate(question.cases.users) if question.split.users.ids[user] == "u3"]
    assert question.negatives is not None
    names = {f"Number {question.split.items.ids[code]}" for code in [*question.negatives[row], *question.cases.targets[row]]}
    found = tl.show_prompt("llm-rerank", data, "u3", set=ZERO | {"shown": 2, "shuffles": 4}, protocol="uniform-4")
    listed = plain(found.prompt).split("Items:\n")[1].split("\nAnswer")[0].split("\n")
    assert {line.split(". ")[1] for line in listed} == names and len(listed) == 5 and found.answers == [" A", " B", " C", " D", " E"] and found.of == 4


@pytest.mark.parametrize("kind", ["continuous", "discrete", "none"])
def test_a_system_that_gives_reasons_shows_that_of_the_item_in_question(kind: str) -> None:
    rows = [(f"u{user}", f"i{item}", float(item), "the zip is fine", ("zip", "hem")[item % 2]) for user in range(4) for item in range(9)]
    data = Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time", "explanation", "feature"], orient="row"), name="reasons")
    made = {"model": "scratch:dim=16,layers=1,heads=2,context=64,vocabulary=300", "prompt": kind, "pretrain_epochs": 0}
    found = tl.show_prompt("pepler", data, "u1", set=made, split="random:0.6,0.1")
    assert found.item is not None and found.item not in found.history and found.example is not None
    shown = plain(found.prompt)
    words = {"continuous": ["user", "item"], "discrete": ["feature"], "none": []}[kind]
    assert [piece.slot for piece in found.pieces] == words and [piece.vectors for piece in found.pieces] == (
        words if kind == "continuous" else [None] * len(words)
    )
    assert {"continuous": shown.startswith("[user:2][item:"), "discrete": {"zip", "hem"} >= set(shown.split()) > set(), "none": shown == ""}[kind]
    assert plain(found.example[1]).strip() == "the zip is fine" and all(segment.learn for segment in found.example[1] if isinstance(segment, Text))


def test_who_and_what_has_no_prompt() -> None:
    with pytest.raises(SettingError, match="ease gives no prompt to a language model"):
        tl.show_prompt("ease", circle(30), "u3")
    with pytest.raises(DataError, match="the user 'u33' is asked nothing under leave-one-out; did you mean 'u"):
        tl.show_prompt("lm-zeroshot", circle(30), "u33", set=ZERO)
