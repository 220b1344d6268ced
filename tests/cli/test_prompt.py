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


def test_a_family_that_is_none_is_refused(tmp_path: Path) -> None:
    found = tastelm("prompt", "list", "p5-directly")
    assert found.code == 2 and "there is no family of templates 'p5-directly'; did you mean 'p5-direct'?" in found.err
    (tmp_path / "mine.toml").write_text("[family")
    assert "mine.toml: the file is not TOML" in tastelm("prompt", "list", str(tmp_path / "mine.toml")).err
