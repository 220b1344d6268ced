"""A report is refused in one sentence where its folder is unfinished, damaged or of something else, and the old page stays."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.running import done, tastelm

from bad_input.refusing import Case, files, refused, refused_without_a_trace
from tastelm.testing import circle, tastes

AGAIN = r"Give the same compare command again"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison, its data, other data, and a folder of nothing."""
    folder = tmp_path_factory.mktemp("report")
    circle(30).interactions.write_csv(folder / "log.csv")
    tastes(30).interactions.write_csv(folder / "other.csv")
    done("compare", "--data", folder / "log.csv", "--systems", "popularity,ease", "--out", folder / "board")
    (folder / "hollow").mkdir()
    (folder / "file").write_text("I am no folder.")
    return folder


def change(name: str, edit: Callable[[Any], object]) -> Callable[[Path], None]:
    """A damage that edits the content of a JSON file."""

    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_bytes())
        edit(content)
        (folder / name).write_text(json.dumps(content))

    return damage


def put(name: str, content: bytes) -> Callable[[Path], None]:
    """A damage that puts other bytes into a file."""

    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def drop(name: str) -> Callable[[Path], None]:
    """A damage that takes a file away."""
    return lambda folder: (folder / name).unlink()


def board(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    return change("leaderboard.json", edit)


def account(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    return change("report.json", edit)


DAMAGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("no leaderboard", drop("leaderboard.json"), r"no comparison stands there \(leaderboard.json is missing\)\. Give a folder that tastelm compare"),
    ("half a leaderboard", put("leaderboard.json", b'{"rows": ['), rf"leaderboard.json: the file is damaged, it is not JSON .*{AGAIN}"),
    ("no text", put("leaderboard.json", b"\xff\xfe\x00"), r"leaderboard.json: the file is damaged, it is not JSON"),
    ("a list", put("leaderboard.json", b"[]"), r"leaderboard.json: the file is damaged \(the whole: input should be a valid dictionary"),
    ("deep nonsense", put("leaderboard.json", b"[" * 100_000), r"leaderboard.json: the file is damaged"),
    ("no rows", board(lambda content: content.update(rows=[])), rf"leaderboard.json: there is no row in it\. {AGAIN}"),
    ("a row that is a word", board(lambda content: content.update(rows=["ease"])), r"damaged \(rows\.0: input should be a valid dictionary"),
    ("a word for a number", board(lambda content: content["rows"][0]["metrics"].update({"hr@10": "good"})), r"damaged \(rows\.0\.metrics\.hr@10: input should"),
    ("an endless number", board(lambda content: content["rows"][0]["metrics"].update({"hr@10": float("inf")})), r"rows\.0\.metrics\.hr@10: .*endless"),
    ("negative seconds", board(lambda content: content["rows"][0]["seconds"].update(fit=-1)), r"rows\.0\.seconds\.fit: input should be greater"),
    ("a row without evidence", board(lambda content: content["rows"][0].pop("evidence")), rf"the row of \w+ does not fit report.json\. {AGAIN}"),
    ("a list too few", board(lambda content: content["rows"][0]["evidence"]["lists"].pop()), r"the row of \w+ does not fit report.json"),
    ("a group too few", board(lambda content: content["rows"][1]["evidence"]["groups"]["history"].pop()), r"the row of \w+ does not fit report.json"),
    ("a row is missing", board(lambda content: content["rows"].pop()), rf"the comparison is not finished, popularity still has no row\. {AGAIN}"),
    ("a row of other settings", board(lambda content: content["rows"][0].update(key="0" * 16)), r"the comparison is not finished, ease still has no row"),
    ("no account", drop("report.json"), r"report.json: cannot be read \(No such file or directory\)\. Give the data with --data F, or give the same compare"),
    ("half an account", put("report.json", b'{"format": 1'), r"report.json: the file is damaged, it is not JSON .*Give the data with --data F"),
    ("an account of another format", account(lambda content: content.update(format=99)), r"report.json: it has format 99, but this version of TasteLM reads"),
    ("an account without users", account(lambda content: content.pop("users")), r"report.json: the file is damaged \(users: field required\)"),
    ("no lengths", account(lambda content: content.update(lengths=[])), r"report.json: the file is damaged \(lengths: list should have at least 1"),
    ("a share beyond all", account(lambda content: content["tiers"][0].update(trained=2)), r"tiers\.0\.trained: input should be less than or equal to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "message"), [pytest.param(*case[1:], id=case[0]) for case in DAMAGES])
def test_a_damaged_folder_is_refused_in_one_sentence(damage: Callable[[Path], object], message: str, place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "board", tmp_path / "board")
    damage(tmp_path / "board")
    before = files(tmp_path)
    refused(tastelm("report", tmp_path / "board"), message)
    assert files(tmp_path) == before, "the page of before is left alone"


CASES: list[Case] = [
    ("no such folder", ("report", "{place}/baord"), r"baord: no comparison stands there"),
    ("an empty folder", ("report", "{place}/hollow"), r"hollow: no comparison stands there"),
    ("a file", ("report", "{place}/file"), r"file: no comparison stands there"),
    ("no folder at all", ("report",), r"Missing argument 'DIR'"),
    ("other data", ("report", "{place}/board", "--data", "{place}/other.csv"), r"other \([0-9a-f]{16}\) is not what was compared in .*: log \([0-9a-f]{16}\)"),
    ("the data read otherwise", ("report", "{place}/board", "--data", "{place}/log.csv", "--duplicates", "first"), r"log \([0-9a-f]{16}\) is not what was"),
    ("no such data", ("report", "{place}/board", "--data", "{place}/lgo.csv"), r"lgo.csv: there is no such file"),
    ("data of nothing", ("report", "{place}/hollow", "--data", "{place}/log.csv"), r"hollow: no comparison stands there"),
    ("--out is a folder", ("report", "{place}/board", "--out", "{place}/hollow"), r"hollow: cannot be written \(Is a directory\)\. Choose another place"),
    ("--out below a file", ("report", "{place}/board", "--out", "{place}/file/page.html"), r"page.html: cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_bad_command_is_refused_in_one_sentence(command: tuple[str, ...], message: str, place: Path, tmp_path: Path) -> None:
    refused_without_a_trace(command, message, place, tmp_path)


def test_an_interrupted_comparison_is_known_as_one(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("compare", "--data", place / "log.csv", "--systems", "popularity,ease", "--out", tmp_path)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tastelm.systems.baselines.ease.EASE.stages", stop)
        assert tastelm(*command).code == 130
    assert not (tmp_path / "report.html").exists()
    refused(tastelm("report", tmp_path), r"the comparison is not finished, ease still has no row\. Give the same compare command again")
    done(*command)
    assert (tmp_path / "report.html").exists()
