"""Families of templates: those that come with the library, and files that are refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import SettingError
from tastelm.text.family import Family, family, shipped
from tastelm.text.segments import Text, plain
from tastelm.text.template import Template

from .records import records

P5 = {"p5-rating": 10, "p5-sequential": 13, "p5-explanation": 12, "p5-review": 4, "p5-direct": 8, "p5-zero": 7}
OTHERS = {"sileo": 6, "lmrecsys": 3, "probes": 6, "pepler": 2, "instruct": 4, "rerank": 3, "gpt4rec": 1, "openp5": 22}
FAMILIES = {name: family(name) for name in shipped()}
EVERY = [(name, template) for name, found in FAMILIES.items() for template in found.templates]
HEAD = '[family]\nname = "my"\nabout = "what it asks"\npaper = "none"\n'
SLOTS = '[slots]\nhistory = "history"\ntitle = "item"\n'
ONE = '[[template]]\nname = "one"\nsource = "{history}:"\ntarget = " {title}"\n'
WORDS = '[verbalizers.answer]\nyes = ["yes", "Yes"]\nno = "no"\n'


def test_what_is_shipped() -> None:
    assert {name: len(found.templates) for name, found in FAMILIES.items()} == {**P5, **OTHERS}
    for name, found in FAMILIES.items():
        assert found.name == name and found.about and found.source and found.seen()


@pytest.mark.parametrize(("name", "count"), P5.items())
def test_the_last_of_each_p5_family_is_held_out(name: str, count: int) -> None:
    found = FAMILIES[name]
    letter = found.templates[0].name[0]
    assert [template.name for template in found.templates] == [f"{letter}-{number}" for number in range(1, count + 1)]
    assert found.held_out() == found.templates[-1:] and found.seen() == found.templates[:-1]


@given(st.data(), st.sampled_from([template for _, template in EVERY if template.name != "continuous"]))
def test_every_shipped_template_is_rendered_and_read_backwards(data: st.DataObject, template: Template) -> None:
    record = data.draw(records(template))
    source, target = template.render(record)
    both = {**(template.parse(plain(source)) or {}), **(template.parse_target(plain(target)) or {})}
    assert both == record
    assert all(isinstance(segment, Text) and not segment.learn for segment in source)
    assert all(isinstance(segment, Text) and segment.learn for segment in target)


def test_no_two_members_of_a_family_say_the_same() -> None:
    for found in FAMILIES.values():
        assert len({(template.source, template.target, template.separator) for template in found.templates}) == len(found.templates)


@pytest.mark.parametrize(("name", "template"), EVERY, ids=lambda value: value if isinstance(value, str) else value.name)
def test_nothing_but_sileo_is_about_films(name: str, template: Template) -> None:
    text = (template.source + template.target).lower()
    assert name == "sileo" or not any(word in text for word in ("movie", "film", "watch"))


@pytest.mark.parametrize(("name", "template"), EVERY, ids=lambda value: value if isinstance(value, str) else value.name)
def test_source_and_target_meet_in_one_blank_at_most(name: str, template: Template) -> None:
    """Source and target of a causal model are one text: the blank is the target's, as tokenizers of such models expect."""
    assert not template.source.endswith(" ") and template.target.lstrip(" ") == template.target.removeprefix(" ")


def test_the_continuous_prompt_of_pepler_is_two_vectors() -> None:
    template = FAMILIES["pepler"]["continuous"]
    source, target = template.render({"user": 2, "item": 5, "explanation": "Fine."}, vectors={"user": "users", "item": "items"})
    assert (plain(source), plain(target)) == ("[users:2][items:5]", "Fine.")


def test_members_by_hand() -> None:
    record = {"history": ["Up", "Heat"], "title": "Alien"}
    assert [plain(sum(template.render(record), ())) for template in FAMILIES["sileo"].templates[:2]] == ["Up, Heat, Alien", "Movies like Up, Heat, Alien"]
    assert "\n\nPossible next items:\n1. Up\n2. Heat\n\n" in plain(
        FAMILIES["rerank"]["recency"].render_source({**record, "candidates": ["Up", "Heat"], "recent": "Up"})
    )
    listwise = FAMILIES["instruct"]["listwise"].render_source({"liked": ["Up"], "candidates": ["Heat", "Alien"]})
    assert plain(listwise).endswith("Liked: Up\nItems:\nA. Heat\nB. Alien\nAnswer:")


def test_verbalizers_of_families() -> None:
    rating = FAMILIES["p5-rating"]
    assert rating.verbalizer("stars").labels == ("1", "2", "3", "4", "5") and rating.verbalizer("liking").columns == ("like", "dislike")
    with pytest.raises(SettingError, match=r"^family 'p5-rating' has no verbalizer 'star'; did you mean 'stars'\?$"):
        rating.verbalizer("star")
    with pytest.raises(SettingError, match=r"^family 'sileo' has no verbalizer 'stars'; it has none at all\.$"):
        FAMILIES["sileo"].verbalizer("stars")


def test_a_file_of_your_own(tmp_path: Path) -> None:
    head = HEAD + 'separator = " | "\n'
    more = '[[template]]\nname = "two"\nsource = "{history}; next"\ntarget = "{title}"\nheld_out = true\nseparator = " > "\n'
    (tmp_path / "my.toml").write_text(head + SLOTS + ONE + more + WORDS)
    for path in (tmp_path / "my.toml", str(tmp_path / "my.toml")):
        mine = family(path)
        assert (mine.name, mine.about, mine.source) == ("my", "what it asks", "none")
        assert mine["one"].separator == " | " and mine["two"].separator == " > " and mine["two"].slots == {"history": "history", "title": "item"}
        assert mine.seen() == (mine["one"],) and mine.held_out() == (mine["two"],)
        assert mine.verbalizer("answer").columns == ("yes", "Yes", "no")


def test_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match=r"^there is no family of templates 'sielo'; did you mean 'sileo'\? Your own is given as the path of a \.toml file\.$"
    ):
        family("sielo")
    with pytest.raises(SettingError, match=r"^family 'p5-direct' has no template '5-9'; did you mean '5-\d'\?$"):
        FAMILIES["p5-direct"]["5-9"]
    with pytest.raises(SettingError, match=r"absent\.toml: cannot be read \(No such file or directory\)\. Check the path"):
        family(tmp_path / "absent.toml")
    with pytest.raises(SettingError, match=r"cannot be read \(Is a directory\)"):
        family(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = = 3", r"the file is not TOML \(.*line 1.*\)\.$"),
        (b"\xff\xfe", r"the file is not TOML \("),
        (SLOTS + ONE, r"the file lacks the key 'family'\.$"),
        ('famly = 1\n' + HEAD + SLOTS + ONE, r"the file has the unknown key 'famly'; did you mean 'family'\?$"),
        ('template = "x"\n' + HEAD + SLOTS, r"the file: 'template' must be a list of tables, written \[\[template\]\], not 'x'\.$"),
        ('template = ["x"]\n' + HEAD + SLOTS, r"'template' must be a list of tables, written \[\[template\]\], not 'x'\.$"),
        ('family = "x"\n' + SLOTS + ONE, r"the file: 'family' must be a table, not 'x'\.$"),
        (HEAD + 'papers = "x"\n' + SLOTS + ONE, r"\[family\] has the unknown key 'papers'; did you mean 'paper'\?$"),
        (HEAD.replace('about = "what it asks"\n', "") + SLOTS + ONE, r"\[family\] lacks the key 'about'\.$"),
        (HEAD + 'separator = ""\n' + SLOTS + ONE, r"template 'one': the separator is empty"),
        (HEAD + SLOTS, r"family 'my' has no template: give at least one\.$"),
        (HEAD + SLOTS + ONE + ONE, r"family 'my' has two templates of the name 'one': give each its own\.$"),
        (HEAD + SLOTS + ONE + "held_out = true\n", r"family 'my' has held-out templates only, so nothing to train with"),
        (HEAD + SLOTS + ONE + "held_out = 1\n", r"template 'one': 'held_out' must be true or false, not 1\.$"),
        (HEAD + SLOTS + ONE + 'heldout = true\n', r"template 'one' has the unknown key 'heldout'; did you mean 'held_out'\?$"),
        (HEAD + SLOTS + ONE.replace('name = "one"\n', ""), r"template 1 lacks the key 'name'\.$"),
        (HEAD + SLOTS + ONE.replace('"{history}:"', "3"), r"template 'one': 'source' must be a text, not 3\.$"),
        (HEAD + SLOTS + ONE.replace("{history}", "{histroy}"), r"template 'one', source: slot 'histroy' is not declared; did you mean 'history'\?$"),
        (HEAD + SLOTS + ONE.replace("{history}", "{history"), r"template 'one', source, character 1: '\{' has no partner"),
        (HEAD + SLOTS + 'brand = "feature"\n' + ONE, r"slot 'brand' is declared but used by no template; write \{brand\} in one"),
        (HEAD + SLOTS.replace('"item"', '"itm"') + ONE, r"template 'one': slot 'title' is of the unknown kind 'itm'; did you mean 'item'\?$"),
        (HEAD + SLOTS.replace('"item"', "3") + ONE, r"template 'one': slot 'title' is of the unknown kind '3'; known are: candidates"),
        (HEAD + SLOTS + ONE + "[verbalizers]\nanswer = 3\n", r"\[verbalizers\.answer\] must be a table of labels, each with its words, .*, not 3\.$"),
        (HEAD + SLOTS + ONE + "[verbalizers.answer]\nyes = 3\n", r"\[verbalizers\.answer\] must be a table of labels"),
        (HEAD + SLOTS + ONE + '[verbalizers.answer]\nyes = "a"\nno = "A"\n', r"\[verbalizers\.answer\]: the word 'A' of the verbalizer belongs to 'yes'"),
    ],
)  # fmt: skip
def test_files_that_are_refused_by_name(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingError, match=rf"mine\.toml: {message}") as caught:
        family(path)
    assert str(caught.value).count("mine.toml") == 1


def test_a_family_is_checked_without_a_file_too() -> None:
    template = Template("one", "{t}:", "x", {"t": "item"}, held_out=True)
    arguments: list[tuple[Any, ...]] = [(), (template, template), (template,)]
    for templates in arguments:
        with pytest.raises(SettingError, match=r"^family 'mine' has"):
            Family("mine", "", "", templates)


def test_templates_by_name_or_all_that_are_trained_with() -> None:
    known = family("p5-sequential")
    assert known.chosen("all") == known.seen() and [template.name for template in known.chosen("2-3, 2-13")] == ["2-3", "2-13"]
    with pytest.raises(SettingError, match="has no template '9'"):
        known.chosen("2-3,9")
