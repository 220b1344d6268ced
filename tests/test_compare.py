"""Many systems, one protocol, one leaderboard."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import tastelm as tl
from tastelm.comparison import parse_settings, parse_systems
from tastelm.errors import DataError, OutputError, SettingError
from tastelm.systems.catalogue import system
from tastelm.testing import circle, tastes
from tastelm.train.progress import Silent, Watch


def test_systems_are_parsed_once_each() -> None:
    assert parse_systems(" ease,popularity , ease,") == ["ease", "popularity"]


def test_settings_find_their_system() -> None:
    assert parse_settings({"ease.l2": "1", "sasrec.lr": 0.1}, ["ease", "sasrec"]) == {"ease": {"l2": "1"}, "sasrec": {"lr": 0.1}}
    assert parse_settings({"l2": 1}, ["ease"]) == {"ease": {"l2": 1}}


@pytest.mark.parametrize(("settings", "systems", "message"), [
    ({"l2": 1}, ["ease", "itemknn"], r"--set l2=1: say of which system, as in --set ease\.l2=1\."),
    ({"sasrec.lr": 1}, ["ease", "itemknn"], r"--set sasrec\.lr=1: 'sasrec' is not trained here, only ease, itemknn\."),
    ({"l2": 1, "ease.l2": 2}, ["ease"], r"--set gives 'ease\.l2' twice: 1 and 2\. Keep one\."),
])  # fmt: skip
def test_settings_without_a_place_are_refused(settings: dict[str, object], systems: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        parse_settings(settings, systems)


def test_rows_are_sorted_by_the_main_metric_and_tested_against_the_best(tmp_path: Path) -> None:
    board = tl.compare(circle(60), ["popularity", "itemknn", "next-integer"], out=tmp_path)
    assert board.rows[0]["system"] == "next-integer", "it knows the circle"
    assert [(test["system_a"], test["system_b"]) for test in board.tests] == [("next-integer", "popularity"), ("next-integer", "itemknn")]
    assert all(test["p_holm"] < 0.01 for test in board.tests)
    assert board.to_dict() == json.loads((tmp_path / "leaderboard.json").read_bytes()) | {"rows": board.to_dict()["rows"], "tests": board.to_dict()["tests"]}


def test_every_system_gets_the_same_question(tmp_path: Path) -> None:
    board = tl.compare(tastes(60), ["popularity", "ease"], protocol="popularity-4", split_seed=3, out=tmp_path)
    assert board.evaluation["candidates"] != "full"
    again = tl.compare(tastes(60), ["itemknn"], protocol="popularity-4", split_seed=3, out=tmp_path / "other")
    assert again.evaluation == board.evaluation
    other = tl.compare(tastes(60), ["itemknn"], protocol="popularity-4", split_seed=4, out=tmp_path / "another")
    assert other.evaluation["candidates"] != board.evaluation["candidates"]


class Heard(Silent):
    """Notes what a comparison tells."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bool]] = []

    def starts(self, name: str) -> Watch:
        self.lines.append((name, False))
        return Silent()

    def ends(self, row: Mapping[str, Any], reused: bool) -> None:
        self.lines.append((row["system"], reused))


def test_the_listener_hears_what_starts_and_ends(tmp_path: Path) -> None:
    heard, again = Heard(), Heard()
    tl.compare(circle(20), ["popularity", "ease"], out=tmp_path, listener=heard)
    assert heard.lines == [("popularity", False), ("popularity", False), ("ease", False), ("ease", False)]
    tl.compare(circle(20), ["popularity", "ease"], out=tmp_path, listener=again)
    assert again.lines == [("popularity", True), ("ease", True)]


def test_a_row_of_another_question_is_made_anew_from_the_same_run(tmp_path: Path) -> None:
    first = tl.compare(circle(20), "ease", out=tmp_path)
    second = tl.compare(circle(20), "ease", seen="mask", out=tmp_path)
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert second.row("ease")["metrics"] != first.row("ease")["metrics"]
    assert second.row("ease")["seconds"]["fit"] == first.row("ease")["seconds"]["fit"]


def test_an_old_test_statistic_does_not_outlive_its_row(tmp_path: Path) -> None:
    tl.compare(circle(20), "ease,popularity", out=tmp_path)
    assert len(list((tmp_path / "rows").glob("*.npz"))) == 2
    for _ in range(2):
        board = tl.compare(circle(20), "ease,popularity", metrics="coverage@5", out=tmp_path)
        assert board.tests == [] and not list((tmp_path / "rows").glob("*.npz"))


def test_a_failed_system_is_a_row_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(system("ease"), "build", lambda *_: 1 / 0)
        board = tl.compare(circle(20), "ease,popularity", out=tmp_path)
    assert board.row("ease")["error"] == "ZeroDivisionError: division by zero"
    assert [row["system"] for row in board.rows] == ["popularity", "ease"]
    assert "error" not in tl.compare(circle(20), "ease,popularity", out=tmp_path).row("ease")


def test_what_is_wrong_with_the_command_is_raised_before_anything_is_written(tmp_path: Path) -> None:
    data = circle(20)
    for options, error in (
        ({"set": {"ease.l3": 1}}, SettingError),
        ({"metrics": "hr"}, SettingError),
        ({"budget": "soon"}, SettingError),
        ({"seed": -1}, SettingError),
        ({"split_seed": -1}, SettingError),
        ({"protocol": "uniform-500"}, DataError),
        ({"split": "all"}, DataError),
    ):
        with pytest.raises(error):
            tl.compare(data, "ease,popularity", out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_no_failure_of_a_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        tl.compare(circle(20), "ease", out=tmp_path / "file")


def test_a_row_that_is_not_there(tmp_path: Path) -> None:
    board = tl.compare(circle(20), "popularity", out=tmp_path)
    with pytest.raises(KeyError):
        board.row("ease")


def test_the_leaderboard_of_other_data_is_not_written_over(tmp_path: Path) -> None:
    tl.compare(circle(40), ["popularity"], out=tmp_path)
    before = (tmp_path / "leaderboard.json").read_bytes()
    with pytest.raises(OutputError, match=r"holds the leaderboard of circle \(data [0-9a-f]{16}\)\. Choose another --out"):
        tl.compare(tastes(40), ["popularity"], out=tmp_path)
    assert (tmp_path / "leaderboard.json").read_bytes() == before
