"""`tastelm prompt show` from outside."""

import json
import re
from pathlib import Path

import pytest

from tastelm.testing import SMALL, circle
from tastelm.text.family import shipped

from .running import tastelm

MODEL = f"model={SMALL['model']}"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    data = circle(20)
    data.interactions.write_csv(tmp_path / "interactions.csv")
    assert data.items is not None
    data.items.write_csv(tmp_path / "items.csv")
    return tmp_path


def test_it_prints_the_very_text_and_what_is_trained(log: Path) -> None:
    found = tastelm("prompt", "show", "lm-zeroshot", "--data", str(log), "--user", "u1", "--set", MODEL)
    assert found.code == 0 and "Number" in found.out and "tokens of the 512 that the model reads" in found.out and "trains nothing" in found.out


def test_every_slot_has_its_colour_and_the_legend_says_so(log: Path) -> None:
    from tastelm.cli.prompt import COLOURS, coloured, legend
    from tastelm.text.segments import Text, Vectors

    assert len(set(COLOURS.values())) == len(COLOURS)
    prompt = (Text("Liked Up!", made_of=((6, None), (2, "history"), (1, None))), Vectors("user", (3,), "user"), Text("Ran", True, made_of=((3, "item"),)))
    styles = {shown.plain[span.start : span.end]: span.style for shown in [coloured(prompt)] for span in shown.spans}
    assert str(styles["Up"]) == COLOURS["history"] and str(styles["[user:3]"]) == f"italic {COLOURS['user']}"
    assert str(styles["Ran"]) == f"underline {COLOURS['item']}" and "Liked " not in styles
    said = tastelm("prompt", "show", "instruct-rec", "--data", log, "--user", "u1", "--set", MODEL).out
    for words in (r"\d+  words of the template", r"\d+  history", r"\d+  item", r"1  what begins a text", "How likely behind it: ' Yes' ' No'"):
        assert re.search(words, said), words
    assert legend([], 0).row_count == 0 and "one of 3 prompts" in tastelm("prompt", "show", "llm-rerank", "--data", log, "--user", "u1", "--set", MODEL).out


def test_data_are_read_as_fit_reads_them(log: Path) -> None:
    table = (log / "interactions.csv").read_text().replace("user,item,time", "who,what,when", 1)
    (log / "odd.csv").write_text(table.replace("\n", ",5\n").replace("when,5", "when,stars"))
    found = tastelm(
        "prompt", "show", "lm-zeroshot", "--data", log / "odd.csv", "--user-column", "who", "--item", "what", "--time", "when", "--rating", "stars",
        "--k-core", "2", "--items", log / "items.csv", "--split", "ratio:0.5,0.2", "--split-seed", "3", "--user", "u1", "--set", MODEL,
    )  # fmt: skip
    assert found.code == 0 and "Number" in found.out, found
    assert tastelm("prompt", "show", "lm-zeroshot", "--data", log, "--user", "u1", "--set", MODEL, "--k-core", "999").code == 2


def test_families_and_their_templates_are_listed(tmp_path: Path) -> None:
    said = tastelm("prompt", "list").out
    assert all(name in said for name in shipped()) and "pointwise" in said and "listwise-reworded" in said
    one = tastelm("prompt", "list", "instruct").out
    assert "pointwise-reworded, kept out of training" in one and "Liked: {liked}" in one and "{answer}" in one and "{history}" not in one
    told = json.loads(tastelm("prompt", "list", "sileo", "--json").out)
    assert told[0]["family"] == "sileo" and [template["name"] for template in told[0]["templates"]] == list("012345")
    (tmp_path / "mine.toml").write_text(
        '[family]\nname = "mine"\nabout = "a"\npaper = "b"\n[slots]\nh = "history"\nt = "item"\n[[template]]\nname = "[one]"\nsource = "{h}"\ntarget = "{t}"\n'
    )
    assert "[one]" in tastelm("prompt", "list", tmp_path / "mine.toml").out
    found = tastelm("prompt", "list", "silo")
    assert found.code == 2 and "there is no family of templates 'silo'; did you mean 'sileo'" in found.err


def test_json_holds_the_same(log: Path) -> None:
    found = tastelm("prompt", "show", "p5", "--data", str(log), "--user", "u1", "--json", "--set", "dim=16", "--set", "heads=2", "--set", "ids=random")
    told = json.loads(found.out)
    assert sum(piece["tokens"] for piece in told["pieces"]) + told["marks"] == told["tokens"] and {"user", "history"} <= {p["slot"] for p in told["pieces"]}
    assert told["user"] == "u1" and "user_" in told["prompt"] and told["example"]["target"] and told["training"][0]["trained"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ease", "--user", "u1"], "ease gives no prompt to a language model"),
        (["lm-zeroshot", "--user", "nobody", "--set", MODEL], "the user 'nobody' is asked nothing"),
        (["lm-zeroshot", "--user", "u1", "--set", MODEL, "--set", "template=9"], "family 'sileo' has no template '9'"),
        (["lm-zeroshot", "--user", "u1", "--set", MODEL, "--set", "family=silo"], "there is no family of templates 'silo'"),
        (["lm-zeroshot", "--user", "u1", "--set", "model=gpt2"], "model: 'gpt2' is not known"),
        (["p5", "--user", "u1", "--set", "ask=5-9", "--set", "ids=random"], "p5.ask: there is no prompt '5-9' in p5-sequential, p5-direct; did you mean '5-"),
        (["p5", "--user", "u1", "--set", "ask=1-1", "--set", "ids=random"], "p5.ask: there is no prompt '1-1' in p5-sequential, p5-direct"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(log: Path, arguments: list[str], sentence: str) -> None:
    found = tastelm("prompt", "show", *arguments, "--data", str(log))
    assert found.code == 2 and sentence in found.err and "Traceback" not in found.err


def test_items_without_titles_are_refused(log: Path) -> None:
    (log / "items.csv").unlink()
    found = tastelm("prompt", "show", "lm-zeroshot", "--data", str(log), "--user", "u1", "--set", MODEL)
    assert found.code == 2 and "lm-zeroshot reads the titles of items, but 20 of 20 have none" in found.err
    assert tastelm("prompt", "show", "lm-zeroshot", "--data", str(log), "--user", "u1", "--set", MODEL, "--set", "untitled=id").code == 0


def test_a_family_that_is_none_is_refused(tmp_path: Path) -> None:
    found = tastelm("prompt", "list", "p5-directly")
    assert found.code == 2 and "there is no family of templates 'p5-directly'; did you mean 'p5-direct'?" in found.err
    (tmp_path / "mine.toml").write_text("[family")
    assert "mine.toml: the file is not TOML" in tastelm("prompt", "list", str(tmp_path / "mine.toml")).err
