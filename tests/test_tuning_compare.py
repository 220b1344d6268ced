"""`compare --tune` and `tastelm tune`: the same budget for every system, and what a person sees of it."""

import json
import sys
import tomllib
from pathlib import Path

import pytest
from cli.running import done

import tastelm as tl
from tastelm.errors import MissingExtra, SettingError
from tastelm.systems.catalogue import system
from tastelm.testing import circle

DATA = circle(40)
NAMES = ["popularity", "ease", "itemknn"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "log.csv"
    DATA.interactions.write_csv(path)
    return path


def test_every_system_gets_the_same_number_of_trials(tmp_path: Path) -> None:
    board = tl.compare(DATA, NAMES, tune=5, out=tmp_path)
    tuned = {row["system"]: row["tuning"] for row in board.rows}
    assert {name: tuned[name]["trials"] for name in NAMES} == {"popularity": 0, "ease": 5, "itemknn": 5}
    for name in ("ease", "itemknn"):
        study = tl.tune(name, DATA, trials=5)
        assert board.row(name)["config"] == vars(system(name).create(study.best).config)
        assert (tuned[name]["value"], tuned[name]["default"]) == (study.value, study.trials[0].value)
        assert len(list((tmp_path / "tuning").glob(f"{name}-*/study.json"))) == 1
    said = (tmp_path / "leaderboard.md").read_text()
    assert "Settings are the best on the validation part (ndcg@10); trials: " in said
    assert "itemknn 5 in " in said and "Nothing to tune: popularity." in said


def test_tuning_is_not_done_twice_and_settings_that_are_given_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tl.compare(DATA, NAMES, set={"ease.l2": 33}, tune=3, out=tmp_path)
    assert first.row("ease")["config"]["l2"] == 33 and first.row("ease")["tuning"]["trials"] == 0
    monkeypatch.setattr("tastelm.tuning.search.fit_system", lambda *_, **__: pytest.fail("tuned again"))
    monkeypatch.setattr("tastelm.jobs.fit_system", lambda *_, **__: pytest.fail("trained again"))
    again = tl.compare(DATA, NAMES, set={"ease.l2": 33}, tune=3, out=tmp_path)
    assert [row["metrics"] for row in again.rows] == [row["metrics"] for row in first.rows]


def test_a_board_that_tunes_nothing_says_so(tmp_path: Path) -> None:
    tl.compare(DATA, "popularity", tune="1m", out=tmp_path)
    assert "validation part; trials: none. Nothing to tune: popularity." in (tmp_path / "leaderboard.md").read_text()
    tl.compare(DATA, "popularity", out=tmp_path)
    assert "validation" not in (tmp_path / "leaderboard.md").read_text()


def test_a_system_whose_tuning_fails_is_a_row_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system("ease"), "build", lambda *_: 1 / 0)
    board = tl.compare(DATA, NAMES, tune=2, out=tmp_path)
    assert board.row("ease")["error"] == "ZeroDivisionError: division by zero"
    assert "error" not in board.row("itemknn")


def test_without_optuna_a_comparison_that_tunes_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra, match="Tuning needs the package 'optuna'"):
        tl.compare(DATA, NAMES, tune=2, out=tmp_path)


def test_configs_say_what_is_compared_and_with_what(log: Path, tmp_path: Path) -> None:
    done("tune", "ease", "--data", log, "--trials", 3, "--out", tmp_path / "ease")
    done("tune", "itemknn", "--data", log, "--trials", 3, "--out", tmp_path / "knn")
    files = [tmp_path / "ease" / "best.toml", tmp_path / "knn" / "best.toml"]
    best = [tomllib.loads(path.read_text()) for path in files]
    done("compare", "--data", log, "--config", files[0], "--config", files[1], "--set", "itemknn.shrink=1", "--out", tmp_path / "board")
    rows = {row["system"]: row["config"] for row in json.loads((tmp_path / "board" / "leaderboard.json").read_bytes())["rows"]}
    assert rows == {"ease": best[0]["settings"], "itemknn": best[1]["settings"] | {"shrink": 1.0}}
    with pytest.raises(SettingError, match=r"^Missing option '--systems': name what to compare"):
        tl.compare(DATA, out=tmp_path / "none")


def test_what_a_person_sees_of_a_tuning(log: Path, tmp_path: Path) -> None:
    command = ("tune", "itemknn", "--data", log, "--out", tmp_path / "study", "--trials")
    said = done(*command, 12)
    assert len([line for line in said.err.splitlines() if line.startswith("itemknn: trial ")]) == 12
    assert "itemknn: trial 0: ndcg@10 " in said.err and "(best so far)" in said.err
    assert "best of 12 trials" in said.out and "(defaults)" in said.out
    flat = " ".join(said.out.split())
    assert "On the validation part of log; 0 pruned, 0 failed" in flat and "What tells: " in flat
    assert f"tastelm fit itemknn --config {tmp_path / 'study' / 'best.toml'} --data {log} --out RUN" in said.out
    assert "itemknn: goes on after 12 trials." in done(*command, 13).err
    again = done(*command, 13)
    assert again.err == "" and "best of 13 trials" in again.out


def test_failed_and_pruned_trials_are_told(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = [word for word in ("dim=6", "layers=1", "max_len=6", "dropout=0.1", "lr=0.01") for word in ("--set", word)]
    monkeypatch.setattr("tastelm.tuning.proposals.Proposal.hopeless", lambda proposal, place, value: proposal.settings["heads"] == 1)
    said = done("tune", "sasrec", "--data", log, *fixed, "--trials", 8, "--trial-budget", "2steps", "--out", tmp_path).err
    assert "pruned after 1 looks  heads=1" in said and "failed: sasrec.heads: dim 6 is not a multiple of heads 4" in said


def test_trials_of_a_comparison_are_told(log: Path, tmp_path: Path) -> None:
    said = done("compare", "--data", log, "--systems", "popularity,ease", "--tune", 2, "--out", tmp_path)
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["popularity", "ease", "ease", "ease"]
    assert "ease 2 in " in " ".join(said.out.split())
