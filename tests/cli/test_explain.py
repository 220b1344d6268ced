"""`tastelm explain`, from a log with reasons to a sentence."""

import json
from pathlib import Path

import pytest

import tastelm as tl
from cli.running import done, tastelm
from tastelm.prompting.word_explainer import RatingExplainer

NOUNS = ("zip", "collar", "sleeve", "hem")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that gives reasons, and beside it its log."""
    folder = tmp_path_factory.mktemp("told")
    lines = [f"u{user},i{item},{1 + (user + item) % 5},The {NOUNS[item % 4]} is {'fine' if user % 2 else 'poor'}.,{NOUNS[item % 4]}"
             for user in range(12) for item in range(12)]  # fmt: skip
    (folder / "log.csv").write_text("\n".join(["user,item,rating,explanation,feature", *lines]))
    settings = [word for text in ("dim=16", "vocabulary=300", "batch=16", "lr=0.01") for word in ("--set", text)]
    done("fit", "nrt", "--data", folder / "log.csv", "--out", folder / "run", "--split", "random:0.7,0.1", "--budget", "60steps", *settings)
    return folder


def test_what_is_said_is_what_the_library_says(told: Path) -> None:
    found = tl.load(told / "run").explain("i3", user="u1")
    said = done("explain", told / "run", "--user", "u1", "--item", "i3")
    assert said.out.splitlines() == [f"i3: {found.text}", f"Expected rating: {found.rating:.1f}"]
    plain = json.loads(done("explain", told / "run", "--user", "u1", "--item", "i3", "--json").out)
    assert plain == {"item": "i3", "text": found.text, "rating": found.rating, "title": None, "stranger": False}


def test_the_columns_of_reasons_may_have_other_names(told: Path) -> None:
    log = (told / "log.csv").read_text().replace("explanation,feature", "why,about", 1)
    (told / "other.csv").write_text(log)
    read = ("evaluate", told / "run", "--json", "--cases", 20, "--data")
    named = done(*read, told / "other.csv", "--explanation", "why", "--feature", "about")
    assert json.loads(named.out)["explanation"]["metrics"] == json.loads(done(*read, told / "log.csv").out)["explanation"]["metrics"]
    lost = tastelm("fit", "nrt", "--data", told / "other.csv", "--out", told / "lost", "--explanation", "whi")
    assert lost.code == 2 and "whi" in lost.err and "why" in lost.err


def test_a_stranger_is_told_so(told: Path) -> None:
    said = done("explain", told / "run", "--user", "nobody", "--item", "i3")
    assert said.err == "nobody is not known to this run: this is what it would tell a stranger.\n" and said.out.startswith("i3: ")


def test_where_nothing_was_written_that_is_said(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RatingExplainer, "write", lambda self, users, items: [[]] * len(users))
    assert tl.load(told / "run").explain("i3", user="u1").text == ""
    said = done("explain", told / "run", "--user", "u1", "--item", "i3")
    assert said.out.startswith("i3: (nothing was written; train it longer, or ask about another item)\n")
    judged = " ".join(done("evaluate", told / "run", "--data", told / "log.csv", "--cases", "9").out.split())
    assert "Nothing was written for 9 of them." in judged


def test_an_evaluation_tells_how_good_the_reasons_are(told: Path) -> None:
    said = done("evaluate", told / "run", "--data", told / "log.csv")
    lines = [line.split() for line in said.out.splitlines() if line.strip()]
    assert {"bleu-4", "fmr", "usr", "rmse"} <= {line[0] for line in lines}
    found = json.loads(done("evaluate", told / "run", "--data", told / "log.csv", "--json").out)["explanation"]
    assert found["metrics"].keys() == found["ci95"].keys() and 0 <= found["metrics"]["fmr"] <= 1


def test_a_run_that_can_be_told_speaks_of_what_it_is_told(told: Path) -> None:
    settings = [word for text in ("dim=16", "hidden=16", "vocabulary=300", "batch=16", "lr=0.02", "dropout=0", "feature=given") for word in ("--set", text)]
    fit = ("fit", "peter", "--data", told / "log.csv", "--out", told / "guided", "--split", "random:0.7,0.1", "--budget", "150steps", *settings)
    assert "The feature of each true reason was told beforehand" in " ".join(done(*fit).out.split())
    for noun in ("collar", "hem"):
        assert noun in done("explain", told / "guided", "--user", "u1", "--item", "i3", "--about", f" {noun.upper()}").out
    asked = done("explain", told / "guided", "--user", "u1", "--item", "i3").out
    assert asked == done("explain", told / "guided", "--user", "u1", "--item", "i3", "--about", "hem").out, "of i3 hems are known"
    found = json.loads(done("evaluate", told / "guided", "--data", told / "log.csv", "--json").out)
    assert found["explanation"]["given"] == "feature"
    deaf = tastelm("explain", told / "run", "--item", "i3", "--about", "hem")
    assert deaf.code == 2 and "about: this run of nrt was not trained to be told what a reason is to be about. Leave it out" in deaf.err


def test_other_runs_and_unknown_items_are_refused(told: Path) -> None:
    unknown = tastelm("explain", told / "run", "--item", "i99")
    assert unknown.code == 2 and "item 'i99' is not in the catalogue of this run; " in unknown.err
    done("fit", "popularity", "--data", told / "log.csv", "--out", told / "silent", "--split", "random:0.7,0.1")
    silent = tastelm("explain", told / "silent", "--item", "i3")
    assert silent.code == 2 and "gives no reasons. Train a system that does" in silent.err
