"""A few questions instead of all: the same of every system, said wherever the numbers stand, and another question than all of them."""

import json
from pathlib import Path

import pytest
from cli.running import done, tastelm

import tastelm as tl
from tastelm.errors import SettingError
from tastelm.evaluation import protocol
from tastelm.testing import circle


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data") / "log.csv"
    circle(40).interactions.write_csv(place)
    return place


def test_they_are_drawn_by_the_seed_and_described() -> None:
    parts = tl.split(circle(40))
    few, same, other, every = (protocol(parts, most=most, seed=seed) for most, seed in ((9, 0), (9, 0), (9, 1), (400, 0)))
    assert few.cases.users.tolist() == same.cases.users.tolist() != other.cases.users.tolist() and len(few.cases) == 9
    assert few.describe()["cases"] == 9 and few.describe()["cases_drawn_of"] == 40
    assert every.describe() == protocol(parts).describe() and "cases_drawn_of" not in every.describe(), "where there are no more, all are asked"


@pytest.mark.parametrize("count", [0, -3, True, 1.5, "ten"])
def test_what_is_no_number_of_questions_is_refused(count: object) -> None:
    with pytest.raises(SettingError, match=r"^cases: .* does not fit; it takes a whole number of questions, 1 or more\.$"):
        protocol(tl.split(circle(40)), most=count)  # type: ignore[arg-type]


def test_another_number_of_questions_is_another_comparison(tmp_path: Path) -> None:
    data = circle(40)
    keys, numbers = {}, {}
    for cases in (None, 9, 12, 9, None):
        row = tl.compare(data, ["popularity"], cases=cases, out=tmp_path).row("popularity")
        assert row["protocol"]["cases"] == (cases or 40)
        assert keys.setdefault(cases, row["key"]) == row["key"] and numbers.setdefault(cases, row["metrics"]) == row["metrics"]
    assert len(set(keys.values())) == 3 and len(list((tmp_path / "runs").iterdir())) == 1, "nothing is trained again for them"


def test_rows_without_it_keep_their_keys(tmp_path: Path) -> None:
    """Its absence leaves no trace in what the key is made of."""
    stored = tl.compare(circle(40), ["popularity"], out=tmp_path).row("popularity")
    assert set(stored["protocol"]) == {
        "split", "split_seed", "split_fingerprint", "part", "ranking", "candidates", "seen_items", "ties", "cases"
    }  # fmt: skip


def test_every_system_is_asked_the_same(tmp_path: Path) -> None:
    board = tl.compare(circle(40), "popularity,itemknn", cases=8, out=tmp_path)
    assert [row["protocol"]["cases"] for row in board.rows] == [8, 8] and board.tests[0]["cases"] == 8
    assert "8 test users drawn at random of 40" in (tmp_path / "leaderboard.md").read_text()
    assert "8 test questions drawn at random of 40" in (tmp_path / "report.html").read_text()


def test_the_commands_take_it(log: Path, tmp_path: Path) -> None:
    said = done("compare", "--data", log, "--systems", "popularity", "--cases", "6", "--out", tmp_path).out
    assert "6 test users drawn at random of 40" in " ".join(said.split())
    (run,) = (tmp_path / "runs").iterdir()
    found = json.loads(done("evaluate", run, "--data", log, "--cases", "6", "--json").out)
    row = json.loads((tmp_path / "leaderboard.json").read_bytes())["rows"][0]
    assert found["protocol"] == row["protocol"] and found["metrics"] == row["metrics"]
    refused = tastelm("evaluate", run, "--data", log, "--cases", "0")
    assert refused.code == 2 and "--cases: '0' does not fit" in refused.err
    assert "cases=6" in _command(tmp_path / "again")


def _command(folder: Path) -> str:
    tl.compare(circle(20), ["popularity"], cases=6, out=folder)
    return str(json.loads((folder / "report.json").read_bytes())["command"])
