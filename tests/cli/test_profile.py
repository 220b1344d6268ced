"""`tastelm profile`, from a folder with a users table to an answer."""

import json
from pathlib import Path

import pytest

import tastelm as tl
from cli.running import done
from tastelm.testing import circle


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty users on the circle, with a table of what they are."""
    folder = tmp_path_factory.mktemp("people")
    circle(40).interactions.write_csv(folder / "interactions.csv")
    (folder / "users.csv").write_text("user,gender,age\n" + "".join(f"u{user},{'FM'[user % 2]},{20 + user}\n" for user in range(40)))
    return folder


@pytest.fixture(scope="module")
def told(people: Path) -> Path:
    settings = [word for text in ("profile=gender,age:25/30/35/40/45/50", "dim=8", "layers=1", "max_len=6") for word in ("--set", text)]
    done("fit", "peterrec", "--data", people, "--out", people / "run", "--split", "cold-users:0.2", "--budget", "12steps", *settings)
    return people / "run"


def test_what_is_told_is_what_the_library_tells(told: Path) -> None:
    said = done("profile", told, "--history", "3 4 zz", "--json")
    assert said.err == "Not known to this run, and skipped: zz.\n"
    assert json.loads(said.out) == {"profile": tl.load(told).profile(["3", "4", "zz"]), "unknown": ["zz"]}


def test_a_table_shows_the_likeliest_first_and_sums_up_the_rest(told: Path) -> None:
    lines = [line.split() for line in done("profile", told, "--history", "3 4").out.splitlines() if line.strip()]
    age = tl.load(told).profile(["3", "4"])["age"]
    assert lines[2][0] == "gender" and lines[4][:-1] == ["age", *next(iter(age)).split()] and lines[4][-1] == f"{max(age.values()):.3f}"
    assert lines[-1][:2] == ["2", "others"] and len(lines) == 2 + 2 + 6


def test_fit_and_evaluate_say_how_well_it_is_told(told: Path, people: Path) -> None:
    metrics = json.loads((told / "metrics.json").read_text())["profile"]
    assert set(metrics) == {"valid", "test"} and metrics["test"]["gender"]["users"] == 8
    found = json.loads(done("evaluate", told, "--data", people, "--json").out)
    assert found["profile"] == metrics["test"]
    said = done("evaluate", told, "--data", people).out
    assert "Attributes of users held out" in said and f"{metrics['test']['gender']['accuracy']:.4f}" in said


def test_a_split_that_holds_nobody_out_says_that_nothing_is_measured(people: Path, tmp_path: Path) -> None:
    settings = ("--set", "profile=gender", "--set", "dim=8", "--set", "max_len=6", "--budget", "4steps")
    assert "held out" not in done("fit", "peterrec", "--data", people, "--out", tmp_path, *settings).out
    assert "is not measured, as the split holds no users out" in done("evaluate", tmp_path, "--data", people).err
