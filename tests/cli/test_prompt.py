"""`tastelm prompt show` from outside."""

import json
from pathlib import Path

import pytest

from tastelm.testing import SMALL, circle

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


def test_json_holds_the_same(log: Path) -> None:
    found = tastelm("prompt", "show", "p5", "--data", str(log), "--user", "u1", "--json", "--set", "dim=16", "--set", "heads=2", "--set", "ids=random")
    told = json.loads(found.out)
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


def test_families_and_their_templates_are_listed() -> None:
    every = tastelm("prompt", "families")
    assert every.code == 0 and "p5-direct: whether an item suits a user" in every.out and "(8 in all, 1 held" in every.out
    assert "Should {user}" not in every.out
    one = tastelm("prompt", "families", "p5-direct")
    assert "5-1  Should {user} be shown {item}?  ->  {answer}" in one.out and "5-8 (held out)  On the table lie {candidates}." in one.out
    told = json.loads(tastelm("prompt", "families", "p5-zero", "--json").out)
    assert [row["template"] for row in told] == [f"Z-{number}" for number in range(1, 8)] and [row["held_out"] for row in told] == [False] * 6 + [True]


def test_a_family_that_is_none_is_refused(tmp_path: Path) -> None:
    found = tastelm("prompt", "families", "p5-directly")
    assert found.code == 2 and "there is no family of templates 'p5-directly'; did you mean 'p5-direct'?" in found.err
    (tmp_path / "mine.toml").write_text("[family")
    assert "mine.toml: the file is not TOML" in tastelm("prompt", "families", str(tmp_path / "mine.toml")).err
