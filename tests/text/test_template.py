"""Templates: parsed, filled, and read backwards."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import DataError, SettingError
from tastelm.text.segments import Kind, Slot, Text, Vectors, plain
from tastelm.text.template import Template

from .records import records

SLOTS: dict[str, Kind] = {"user": "user", "history": "history", "title": "item", "stars": "rating"}
LIKED = Template("liked", "{user} liked {history} {{so far}}.", "{title}, {stars}", SLOTS)
RECORD: dict[str, Any] = {"user": "Ann", "history": ["Up", "Heat"], "title": "Alien", "stars": 4.0, "more": None}
CHOICE = Template("choice", "Which?\n{options}", " {answer}", {"options": "candidates", "answer": "text"}, separator="\n", numbering="letters")
IMAGE = Template("image", "{item}{picture} for {reward}:", "{title}", {"item": "item", "picture": "image", "reward": "reward", "title": "item"})


def test_a_template_is_parsed_into_words_and_slots() -> None:
    assert LIKED.source_prompt == (Slot("user", "user"), Text(" liked "), Slot("history", "history"), Text(" {so far}."))
    assert LIKED.target_prompt == (Slot("title", "item"), Text(", "), Slot("stars", "rating"))
    assert not LIKED.held_out and hash(LIKED) == hash(Template("liked", LIKED.source, LIKED.target, SLOTS))


def test_a_rendered_prompt_knows_which_words_fill_which_slot() -> None:
    source, target = LIKED.render(RECORD)
    (read,), (written,) = source, target
    assert isinstance(read, Text) and isinstance(written, Text)
    assert read.pieces == [("Ann", "user"), (" liked ", None), ("Up, Heat", "history"), (" {so far}.", None)]
    assert written.pieces == [("Alien", "item"), (", ", None), ("4", "rating")] and written.learn
    (picture, *_) = IMAGE.render_source({"item": 3, "picture": 4, "reward": 5}, vectors={name: name for name in ("item", "picture", "reward")})
    assert isinstance(picture, Vectors) and picture.kind == "item"


def test_a_record_in_words() -> None:
    source, target = LIKED.render(RECORD)
    assert source == (Text("Ann liked Up, Heat {so far}."),)
    assert target == (Text("Alien, 4", learn=True),)
    assert (source, target) == (LIKED.render_source(RECORD), LIKED.render_target(RECORD))


def test_an_empty_history_is_an_empty_text() -> None:
    assert plain(LIKED.render_source({"user": "Ann", "history": []})) == "Ann liked  {so far}."
    assert Template("bare", "{h}", "{t}", {"h": "history", "t": "item"}).render_source({"h": ()}) == (Text(""),)


@pytest.mark.parametrize(
    ("stars", "words"), [(4, "4"), (4.0, "4"), (3.5, "3.5"), (-0.25, "-0.25"), (np.float32(3.1), "3.1"), (np.int64(2), "2"), (0.1 + 0.2, "0.30000000000000004")]
)
def test_numbers_are_written_shortly(stars: Any, words: str) -> None:
    assert plain(LIKED.render_target({"title": "Up", "stars": stars})) == f"Up, {words}"


def test_slots_are_filled_with_vectors_where_a_source_is_named() -> None:
    record = {**RECORD, "user": 7, "history": np.array([3, 1])}
    source, target = LIKED.render(record, vectors={"user": "users", "history": "items", "nobody": "x"})
    assert source == (Vectors("users", (7,)), Text(" liked "), Vectors("items", (3, 1)), Text(" {so far}."))
    assert target == (Text("Alien, 4", learn=True),)
    assert LIKED.render_source({**record, "history": []}, vectors={"user": "u", "history": "i"})[2] == Vectors("i", ())
    sources = {"item": "ids", "picture": "clip", "reward": "soft"}
    prompt = IMAGE.render_source({"item": 1, "picture": (1, 2), "reward": np.int32(0)}, vectors=sources)
    assert plain(prompt) == "[ids:1][clip:1,2] for [soft:0]:"


def test_candidates_are_numbered() -> None:
    record = {"options": ["Up", "Heat"], "answer": "B"}
    assert plain(CHOICE.render_source(record)) == "Which?\nA. Up\nB. Heat"
    assert CHOICE.parse("Which?\nA. Up\nB. Heat") == {"options": ["Up", "Heat"]}
    assert CHOICE.parse("Which?\nA. Up\nC. Heat") is None and CHOICE.parse("Which?\n" + "\n".join("x" * 27)) is None
    numbered = Template("n", "{options}", "x", {"options": "candidates"}, separator=" ", numbering="numbers")
    assert plain(numbered.render_source({"options": ["Up"] * 2})) == "1. Up 2. Up"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"history": [""]}, r"^template 'liked', slot \{history\}: an item without text at place 1 of 1; give it a text, or leave it out\.$"),
        ({"history": ["Up", 3]}, r"slot \{history\}: expected a text at place 2 of 2, found 3; give words, or name a source of vectors"),
        ({"history": "Up"}, r"slot \{history\}: expected a list of texts, found 'Up'\.$"),
        ({"history": None}, r"slot \{history\}: expected a list of texts, found None"),
        ({"user": " "}, r"slot \{user\}: a user without text; give it a text"),
        ({"user": 3}, r"slot \{user\}: expected a text, found 3; give words"),
        ({"title": "\t"}, r"slot \{title\}: an item without text; give it a text"),
        ({"stars": "4"}, r"slot \{stars\}: expected a number, found '4'\.$"),
        ({"stars": True}, r"expected a number, found True"),
        ({"stars": float("nan")}, r"expected a number, found nan"),
    ],
)
def test_values_that_cannot_be_words(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        LIKED.render({**RECORD, **changed})


def test_values_that_are_missing() -> None:
    with pytest.raises(DataError, match=r"^template 'liked', slot \{history\}: the record has no value for it, only user, titel\.$"):
        LIKED.render({"user": "Ann", "titel": "Up"})
    with pytest.raises(DataError, match=r"slot \{user\}: the record has no value for it, no value at all\.$"):
        LIKED.render({})


@pytest.mark.parametrize("row", ["Ann", -1, 1.0, True, None, [0, "x"]])
def test_rows_are_whole_numbers(row: Any) -> None:
    with pytest.raises(DataError, match=r"slot \{user\}: .* is no row of a table of vectors; give a whole number from 0 up, or a list of them"):
        LIKED.render_source({**RECORD, "user": row}, vectors={"user": "users"})


def test_candidates_and_rows_that_are_none() -> None:
    with pytest.raises(DataError, match=r"slot \{options\}: there are no candidates; give at least one"):
        CHOICE.render_source({"options": []})
    with pytest.raises(DataError, match=r"slot \{options\}: 27 candidates, but there are only 26 letters; give fewer, or use numbers"):
        CHOICE.render_source({"options": ["x"] * 27})
    with pytest.raises(DataError, match=r"slot \{user\}: no row is given"):
        LIKED.render_source({**RECORD, "user": []}, vectors={"user": "users"})


def test_what_only_vectors_can_fill_and_what_only_words_can() -> None:
    record = {"item": "Up", "picture": 1, "reward": 1.0, "title": "Up"}
    with pytest.raises(SettingError, match=r"^template 'image', slot \{picture\} is of the kind image, for which there are no words: name the source"):
        IMAGE.render(record)
    with pytest.raises(SettingError, match=r"slot \{reward\} is of the kind reward"):
        IMAGE.render(record, vectors={"picture": "clip"})
    with pytest.raises(SettingError, match=r"^template 'liked': slot 'title' stands in the target, which is of words alone; give it no vectors"):
        LIKED.render({**RECORD, "title": 1}, vectors={"title": "items"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": "{user} {histroy}"}, r"^template 'x', source: slot 'histroy' is not declared; did you mean 'history'\?$"),
        ({"target": "{}", "slots": {}, "source": "a"}, r"^template 'x', target: slot '' is not declared; none are declared\.$"),
        ({"slots": {**SLOTS, "brand": "feature"}}, r"^template 'x': slot 'brand' is declared but never used; write \{brand\} somewhere, or leave it out"),
        ({"source": "a {user"}, r"^template 'x', source, character 3: '\{' has no partner; close the slot, or double the brace"),
        ({"source": "a}"}, r"^template 'x', source, character 2: '\}' has no partner"),
        ({"target": "{title} {{{stars}"}, None),
        ({"target": "{{{title} {stars}}"}, r"^template 'x', target, character 18: '\}' has no partner"),
        ({"source": " \n"}, r"^template 'x': the source is empty; write words, slots or both"),
        ({"target": ""}, r"^template 'x': the target is empty"),
        ({"slots": {**SLOTS, "user": "usr"}}, r"^template 'x': slot 'user' is of the unknown kind 'usr'; did you mean 'user'\?$"),
        ({"slots": {**SLOTS, "a b": "user"}}, r"^template 'x': 'a b' cannot be the name of a slot; use letters, digits and underscores"),
        ({"slots": {**SLOTS, "title": "image"}}, r"^template 'x': slot 'title' of the kind image stands in the target, which is of words alone"),
        ({"separator": ""}, r"^template 'x': the separator is empty"),
        ({"separator": 3}, r"^template 'x': its separator must be a text, not 3"),
        ({"source": 5}, r"^template 'x': its source must be a text, not 5"),
        ({"numbering": "letter"}, r"^template 'x': unknown numbering 'letter'; did you mean 'letters'\?$"),
    ],
)
def test_templates_that_are_refused(changed: dict[str, Any], message: str | None) -> None:
    settings = {"source": LIKED.source, "target": LIKED.target, "slots": SLOTS, **changed}
    if message is None:
        assert plain(Template("x", **settings).target_prompt) == "{title} {{stars}"
        return
    with pytest.raises(SettingError, match=message):
        Template("x", **settings)


def test_a_text_read_backwards() -> None:
    assert LIKED.parse("Ann liked Up, Heat {so far}.") == {"user": "Ann", "history": ["Up", "Heat"]}
    assert LIKED.parse("Ann liked  {so far}.") == {"user": "Ann", "history": []}
    assert LIKED.parse_target("Alien, 4") == {"title": "Alien", "stars": 4} == LIKED.parse_target("\nAlien, 4.0 ")
    for text in ("Ann liked Up {so far}", " liked Up {so far}.", "Ann liked Up, , Heat {so far}.", "", "Ann"):
        assert LIKED.parse(text) is None, text
    for text in ("Alien, four", "Alien, 4 stars", ", 4", "Alien, nan", "Alien, " + "9" * 400, "Alien, 4."):
        assert LIKED.parse_target(text) is None, text


def test_blanks_around_a_target_of_words_alone_do_not_matter() -> None:
    assert Template("words", "a", " b c ", {}).parse_target("b c") == {}


def test_a_slot_that_comes_twice_must_say_the_same_twice() -> None:
    twice = Template("twice", "{title} or {title}?", "{title}!", {"title": "item"})
    assert twice.parse("Up or Up?") == {"title": "Up"} and twice.parse("Up or Heat?") is None


def test_a_list_before_a_value_leaves_it_the_last_text() -> None:
    assert Template("list", "{h}, {t}", "x", {"h": "history", "t": "item"}).parse("Up, Heat, Alien") == {"h": ["Up", "Heat"], "t": "Alien"}


def test_what_cannot_be_read_backwards() -> None:
    with pytest.raises(SettingError, match=r"^template 'image' cannot be read backwards: nothing stands between the slots 'item' and 'picture'"):
        IMAGE.parse("x")
    with pytest.raises(SettingError, match=r"cannot be read backwards: the slot 'p' of the kind image has no words"):
        Template("x", "{p}:", "{t}", {"p": "image", "t": "item"}).parse("x")


LITERALS = ["", " with ", " and ", " and and ", ": ", ". ", " {{or}} ", ", ", "\n", " -> ", "x(", "?"]
KINDS: list[Kind] = ["user", "item", "history", "candidates", "feature", "rating", "text"]


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """At most one list, since of two lists side by side nobody could say where one ends."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4).filter(lambda drawn: sum(kind in ("history", "candidates") for kind in drawn) <= 1))
    between = [draw(st.sampled_from(LITERALS[1:])) for _ in kinds[1:]]
    source = draw(st.sampled_from(LITERALS)) + "".join(f"{{s{n}}}{literal}" for n, literal in enumerate([*between, draw(st.sampled_from(LITERALS))]))
    numbering = draw(st.sampled_from(["none", "numbers", "letters"]))
    return Template(
        "drawn", source, "x", {f"s{n}": kind for n, kind in enumerate(kinds)}, separator=draw(st.sampled_from([", ", " | ", " -> "])), numbering=numbering
    )


@given(st.data())
def test_reading_backwards_undoes_rendering(data: st.DataObject) -> None:
    template = data.draw(templates())
    record = data.draw(records(template))
    assert template.parse(plain(template.render_source(record))) == record


@given(templates(), st.text("xq 0,.|->(?:\n", max_size=20))
def test_what_is_read_from_any_text_renders_it_again(template: Template, text: str) -> None:
    record = template.parse(text)
    if record is not None and "rating" not in template.slots.values():
        assert plain(template.render_source(record)) == text
