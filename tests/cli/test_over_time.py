"""`tastelm over-time`."""

import json
from pathlib import Path

import pytest

from cli.running import done, tastelm
from tastelm.testing import circle


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 60 users who come in groups of ten, a day after the other."""
    path = tmp_path_factory.mktemp("data") / "days.csv"
    lines = [f"{user},{item},{(int(user[1:]) // 10) * 86400 + time + int(user[1:])}" for user, item, time in circle(60).interactions.iter_rows()]
    path.write_text("\n".join(["user,item,time", *lines]) + "\n")
    return path


def test_from_a_log_to_a_table(days: Path, tmp_path: Path) -> None:
    command = ("over-time", "--data", days, "--systems", "markov,popularity", "--windows", 3, "--every", "1d", "--metrics", "hr@3 ndcg@3", "--out", tmp_path)
    said = done(*command)
    content = json.loads((tmp_path / "over_time.json").read_bytes())
    assert [row["system"] for row in content["rows"]] == ["markov", "popularity"], "the order of items is all there is to know"
    assert [window["label"] for window in content["evaluation"]["windows"]] == ["1970-01-04", "1970-01-05", "1970-01-06"]
    assert content["evaluation"]["metrics"] == ["hr@3", "ndcg@3"]
    assert "days over time: 60 sessions, 20 items" in said.out and "markov" in said.out and "best" in said.out
    assert (tmp_path / "over_time.md").read_text().startswith("# days over time: 60 sessions")
    assert said.err.count("markov, 1970-01-0") == 3 and "finished before" not in said.err
    again = done(*command)
    assert again.err.count("finished before") == 6
    assert json.loads((tmp_path / "over_time.json").read_bytes()) == content


def test_options_reach_what_they_are_for(days: Path, tmp_path: Path) -> None:
    done("over-time", "--data", days, "--systems", "transformers4rec", "--windows", 2, "--seeds", "0,3", "--mode", "cold", "--budget", "3steps",
         "--longest", 4, "--keep", "last", "--gap", "2d", "--set", "dim=8", "--set", "layers=1", "--set", "heads=1", "--out", tmp_path)  # fmt: skip
    content = json.loads((tmp_path / "over_time.json").read_bytes())
    assert content["data"]["interactions"] == 60 * 4
    assert {name: content["evaluation"][name] for name in ("mode", "seeds", "budget", "protocol")} == {
        "mode": "cold", "seeds": [0, 3], "budget": "3steps", "protocol": "windows:3",
    }  # fmt: skip
    assert len(content["rows"][0]["seeds"]) == 2 and content["rows"][0]["steps"] == 2 * 2 * 3 and content["rows"][0]["config"]["dim"] == 8


def test_when_every_system_fails_the_code_is_2(tmp_path: Path) -> None:
    rows = [f"{u},{i},{day * 86400 + t}" for u in "abcd" for day in range(4) for t, i in enumerate("pqrs")]
    (tmp_path / "text.csv").write_text("\n".join(["user,item,time", *rows]) + "\n")
    said = tastelm("over-time", "--data", tmp_path / "text.csv", "--systems", "next-integer", "--windows", 2, "--gap", "1h", "--out", tmp_path / "out")
    assert said.code == 2
    assert said.err.splitlines()[-1] == "Error: every system failed; the table says why."
    assert "next-integer failed: text" in said.out
