"""study.json and files of settings: what is read, and what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tastelm as tl
from tastelm.errors import OutputError, RunError, SettingError
from tastelm.settings_file import read_settings, settings_by_system, write_settings
from tastelm.systems.baselines.ease import EASE
from tastelm.testing import circle

DATA = circle(30)


def rewrite(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """A study.json with one change."""

    def apply(path: Path) -> None:
        content = json.loads(path.read_bytes())
        change(content)
        path.write_text(json.dumps(content))

    return apply


@pytest.mark.parametrize(("damage", "message"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-40]), r"study\.json: the file is damaged \(Invalid JSON.*\)\. Delete .* to begin the tuning again"),
    (lambda path: path.write_bytes(b"\xff\xfe"), r"study\.json: the file is damaged"),
    (lambda path: path.write_text("[]"), r"study\.json: the file is damaged"),
    (rewrite(lambda content: content.pop("trials")), r"study\.json: the file is damaged \(Field required\)"),
    (rewrite(lambda content: content["trials"][0].update(state="lost")), r"study\.json: the file is damaged"),
    (rewrite(lambda content: content["trials"][1].update(number=7)), r"the file is damaged \(trial 1 is not whole\)"),
    (rewrite(lambda content: content["trials"][0].update(value=None)), r"the file is damaged \(trial 0 is not whole\)"),
    (rewrite(lambda content: content["trials"][0]["settings"].update(l2=-3.0)), r"\(the settings of trial 0 are not in the search space\)"),
    (rewrite(lambda content: content["trials"][0]["settings"].update(dim=3)), r"\(the settings of trial 0 are not in the search space\)"),
    (rewrite(lambda content: content.update(format=9)), r"the study has format 9, but this version of TasteLM reads format 1\. Use the version that wrote it"),
])  # fmt: skip
def test_a_damaged_study_is_refused(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    tl.tune("ease", DATA, trials=2, out=tmp_path)
    damage(tmp_path / "study.json")
    before = (tmp_path / "study.json").read_bytes()
    with pytest.raises(RunError, match=message):
        tl.tune("ease", DATA, trials=4, out=tmp_path)
    assert (tmp_path / "study.json").read_bytes() == before


def test_a_study_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.json").mkdir()
    with pytest.raises(RunError, match=r"study\.json: the file is damaged \(Is a directory\)"):
        tl.tune("ease", DATA, trials=2, out=tmp_path)


@pytest.mark.parametrize(("options", "message"), [
    ({"system": "itemknn"}, r"holds another study: its system is ease, not itemknn\. Choose another --out, or delete the folder\."),
    ({"data": circle(31)}, r"holds another study: its data fingerprint is [0-9a-f]{16}, not [0-9a-f]{16}"),
    ({"seed": 1}, r"holds another study: its seed is 0, not 1"),
    ({"metric": "hr@5"}, r"holds another study: its metric is ndcg@10, not hr@5"),
    ({"set": {"max_items": 50}}, r"holds another study: its settings max_items is not given, not 50"),
    ({"trial_budget": "3epochs"}, r"holds another study: its trial budget is none, not 3epochs"),
    ({"split": "ratio"}, r"holds another study: its split protocol is leave-one-out, not ratio"),
])  # fmt: skip
def test_another_study_is_not_gone_on_with(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    tl.tune("ease", DATA, trials=1, out=tmp_path)
    call = {"system": "ease", "data": DATA, "trials": 2, **options}
    with pytest.raises(OutputError, match=message):
        tl.tune(call.pop("system"), call.pop("data"), out=tmp_path, **call)


def test_a_run_and_a_leaderboard_are_no_studies(tmp_path: Path) -> None:
    tl.fit("ease", DATA, out=tmp_path / "run")
    tl.compare(DATA, "popularity", out=tmp_path / "board")
    for name, kind in (("run", "a run"), ("board", "a leaderboard")):
        with pytest.raises(OutputError, match=rf"{name} holds {kind}, not a study\. Choose another --out"):
            tl.tune("ease", DATA, trials=1, out=tmp_path / name)


def test_settings_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "best.toml"
    write_settings(path, "ease", {"l2": 3.0, "unknown yet": None}, tuning={"trials": 3})
    assert read_settings(path) == ("ease", {"l2": 3.0})
    assert settings_by_system([path]) == settings_by_system([path], ["popularity", "ease"]) == {"ease": {"l2": 3.0}}


def test_the_config_of_a_run_is_a_file_of_settings(tmp_path: Path) -> None:
    first = tl.fit("ease", DATA, set={"l2": 9}, out=tmp_path / "run")
    again = tl.fit("ease", DATA, config=tmp_path / "run" / "config.toml")
    assert again.system.config == first.system.config
    with pytest.raises(SettingError, match="ease comes with its settings; give them where it is made"):
        tl.fit(EASE.create({}), DATA, config=tmp_path / "run" / "config.toml")


RUN = '[run]\nsystem = "ease"\n'


@pytest.mark.parametrize(("content", "message"), [
    (b"l2 = [", r"best\.toml: the file is not TOML \(.*\)\. Mend it, or give the best\.toml"),
    (b"\xff", r"best\.toml: the file is not TOML \(.*utf-8"),
    (b"", r'best\.toml is no file of settings: it needs a table \[run\] with system = "NAME", and a table \[settings\]\.'),
    (RUN.encode(), r"best\.toml is no file of settings"),
    (b"[run]\nsystem = 3\n[settings]\n", r"best\.toml is no file of settings"),
    (b"run = 3\n[settings]\n", r"best\.toml is no file of settings"),
    (f"{RUN}[settings]\nl3 = 4".encode(), r"best\.toml: ease has no setting 'l3'"),
    (f"{RUN}[settings]\nl2 = -4".encode(), r"best\.toml: ease\.l2: -4 does not fit"),
    (b'[run]\nsystem = "eese"\n[settings]\n', r"best\.toml: system 'eese' is not known; did you mean 'ease'\?"),
])  # fmt: skip
def test_a_file_that_holds_no_settings_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "best.toml").write_bytes(content)
    with pytest.raises(SettingError, match=message):
        read_settings(tmp_path / "best.toml")


def test_a_file_that_is_not_there_is_refused_by_what_is(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"best\.toml: cannot be read \(No such file or directory\)\. Check the path"):
        read_settings(tmp_path / "best.toml")
    with pytest.raises(SettingError, match=r"is a folder; give the file of settings in it, such as best\.toml or config\.toml"):
        read_settings(tmp_path)
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(SettingError, match=rf"the study in {re.escape(str(tmp_path))} is not finished, so there are no best settings yet"):
        read_settings(tmp_path / "best.toml")


def test_files_of_others_and_two_of_one_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_settings(tmp_path / f"{name}.toml", "ease", {"l2": 3.0})
    with pytest.raises(SettingError, match=r"a\.toml holds settings of 'ease', which is not trained here, only sasrec\."):
        settings_by_system([tmp_path / "a.toml"], ["sasrec"])
    with pytest.raises(SettingError, match=r"b\.toml is a second file of settings of 'ease'\. Give one file a system\."):
        settings_by_system([tmp_path / "a.toml", tmp_path / "b.toml"])
