"""Every bad command about tuning gets one sentence and exit code 2, and leaves nothing half-written."""

import shutil
import sys
from pathlib import Path

import pytest
from cli.running import done, tastelm

from tastelm.testing import circle

from .refusing import Case, files, refused, refused_without_a_trace
from .test_commands import compare, fit


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log, a finished, an unfinished and a damaged study, a run, and files of settings, good and bad."""
    folder = tmp_path_factory.mktemp("bad")
    circle(30).interactions.write_csv(folder / "log.csv")
    (folder / "tiny.csv").write_text("user,item,time\na,x,1\na,y,2\nb,x,1\nb,y,2\n")
    (folder / "file").write_text("I am no folder.")
    done("tune", "ease", "--data", folder / "log.csv", "--trials", 2, "--out", folder / "study")
    done("fit", "ease", "--data", folder / "log.csv", "--out", folder / "run")
    done("compare", "--systems", "popularity", "--data", folder / "log.csv", "--out", folder / "board")
    for name in ("unfinished", "damaged", "newer"):
        shutil.copytree(folder / "study", folder / name)
        (folder / name / "best.toml").unlink()
    whole = (folder / "study" / "study.json").read_text()
    (folder / "damaged" / "study.json").write_text(whole[:-90])
    (folder / "newer" / "study.json").write_text(whole.replace('"format": 1', '"format": 2'))
    (folder / "cut.toml").write_text('[run]\nsystem = "ea')
    (folder / "empty.toml").write_text("")
    (folder / "binary.toml").write_bytes(bytes(range(128, 256)))
    for name, system, line in (("wrong", "ease", "l3 = 1"), ("range", "ease", "l2 = -1.0"), ("unknown", "eese", ""), ("second", "ease", "l2 = 1.0")):
        (folder / f"{name}.toml").write_text(f'[run]\nsystem = "{system}"\n\n[settings]\n{line}\n')
    return folder


def tune(system: str, *more: str) -> tuple[str, ...]:
    return ("tune", system, "--data", "{log}", "--out", "{out}", *more)


def tune_in(folder: str, *more: str) -> tuple[str, ...]:
    return ("tune", "ease", "--data", "{log}", "--out", f"{{place}}/{folder}", "--trials", "4", *more)


CASES: list[Case] = [
    # what is missing or unknown
    ("no end", tune("ease"), r"tune needs an end: give --trials 20, --budget 1h, or both\."),
    ("no data", ("tune", "ease", "--out", "{out}", "--trials", "3"), r"Missing option '--data'"),
    ("no folder", ("tune", "ease", "--data", "{log}", "--trials", "3"), r"Missing option '--out'"),
    ("unknown system", tune("eese", "--trials", "3"), r"system 'eese' is not known; did you mean 'ease'\?"),
    ("unknown metric", tune("ease", "--trials", "3", "--metric", "ndgc@10"), r"unknown metric 'ndgc': did you mean 'ndcg'\?"),
    ("metric that the system lacks", tune("ease", "--trials", "3", "--metric", "diversity@10"), r"metric: diversity@10 cannot be computed for ease"),
    ("unknown setting", tune("ease", "--trials", "3", "--set", "l3=1"), r"ease has no setting 'l3'"),
    ("setting out of range", tune("ease", "--trials", "3", "--set", "max_items=-1"), r"ease\.max_items: '-1' does not fit"),
    # nothing to search
    ("nothing to tune", tune("popularity", "--trials", "3"), r"popularity has nothing to tune: none of its settings is searched\. Train it with tastelm fit\."),
    ("all is given", tune("ease", "--trials", "3", "--set", "l2=1"), r"ease: --set gives all that is searched, l2; leave one of them out to tune it\."),
    ("all is in a file", tune("ease", "--trials", "3", "--config", "{place}/study/best.toml"), r"gives all that is searched, l2"),
    # how long
    ("no trials", tune("ease", "--trials", "0"), r"--trials: '0' does not fit"),
    ("half a trial", tune("ease", "--trials", "1.5"), r"--trials: '1\.5' does not fit"),
    ("steps for all trials", tune("ease", "--budget", "2000steps"), r"budget: '2000steps' is no time; a tuning takes one, as in --budget 1h"),
    ("unknown budget", tune("ease", "--budget", "soon"), r"budget: 'soon' is not a length of training"),
    ("unknown budget of a trial", tune("ease", "--trials", "2", "--trial-budget", "-1m"), r"budget: '-1m' is not a length of training"),
    ("huge seed", tune("ease", "--trials", "2", "--seed", "9" * 20), r"seed: 9+ does not fit"),
    ("comparison that tunes soon", compare("--systems", "ease", "--tune", "soon"), r"--tune 'soon' is neither a number of trials nor a time; write it"),
    ("comparison that tunes for steps", compare("--systems", "ease", "--tune", "20steps"), r"--tune '20steps' is neither a number of trials nor a time"),
    ("comparison without a trial", compare("--systems", "ease", "--tune", "0"), r"trials: 0 does not fit; it takes a whole number from 1"),
    ("trial budget without trials", compare("--systems", "ease", "--trial-budget", "1m"), r"--trial-budget limits the trials of --tune; give --tune 20 too"),
    # data that leave nothing to tune on
    ("no validation part", ("tune", "ease", "--data", "{place}/tiny.csv", "--out", "{out}", "--trials", "2"), r"tiny: no user has 3 interactions"),
    ("split without a validation part", tune("ease", "--trials", "2", "--split", "ratio:0.9,0"), r"split: 'ratio:0\.9,0' does not fit; write it like ratio"),
    # folders
    ("file for a folder", ("tune", "ease", "--data", "{log}", "--out", "{place}/file", "--trials", "2"), r"best\.toml: cannot be written \(Not a dir"),
    ("folder of a run", tune_in("run"), r"run holds a run, not a study\. Choose another --out\."),
    ("folder of a leaderboard", tune_in("board"), r"board holds a leaderboard, not a study"),
    ("study of another seed", tune_in("study", "--seed", "1"), r"study holds another study: its seed is 0, not 1\. Choose another --out"),
    ("study with other settings", tune_in("study", "--set", "max_items=9"), r"holds another study: its settings max_items is not given, not 9"),
    ("study of another metric", tune_in("study", "--metric", "hr@10"), r"holds another study: its metric is ndcg@10, not hr@10"),
    ("damaged study", tune_in("damaged"), r"study\.json: the file is damaged .* Delete .* to begin the tuning again"),
    ("study of a later version", tune_in("newer"), r"the study has format 2, but this version of TasteLM reads format 1"),
    # files of settings
    ("unfinished study", fit("ease", "--config", "{place}/unfinished/best.toml"),
     r"the study in .*unfinished is not finished, so there are no best settings yet\. Give the same tastelm tune command again"),
    ("missing file", fit("ease", "--config", "{place}/bset.toml"), r"bset\.toml: cannot be read \(No such file or directory\)\. Check the path"),
    ("folder for a file", fit("ease", "--config", "{place}/study"), r"study is a folder; give the file of settings in it, such as best\.toml"),
    ("cut file", fit("ease", "--config", "{place}/cut.toml"), r"cut\.toml: the file is not TOML \(.*\)\. Mend it"),
    ("binary file", fit("ease", "--config", "{place}/binary.toml"), r"binary\.toml: the file is not TOML"),
    ("empty file", fit("ease", "--config", "{place}/empty.toml"), r"empty\.toml is no file of settings: it needs a table \[run\]"),
    ("JSON for TOML", fit("ease", "--config", "{place}/study/study.json"), r"study\.json: the file is not TOML"),
    ("unknown setting in a file", fit("ease", "--config", "{place}/wrong.toml"), r"wrong\.toml: ease has no setting 'l3'"),
    ("value out of range in a file", fit("ease", "--config", "{place}/range.toml"), r"range\.toml: ease\.l2: -1\.0 does not fit"),
    ("unknown system in a file", fit("ease", "--config", "{place}/unknown.toml"), r"unknown\.toml: system 'eese' is not known"),
    ("file of another system", fit("itemknn", "--config", "{place}/study/best.toml"), r"holds settings of 'ease', which is not trained here, only itemknn\."),
    ("file of a system that is not compared", compare("--systems", "itemknn", "--config", "{place}/second.toml"), r"second\.toml holds settings of 'ease'"),
    ("two files of a system", compare("--config", "{place}/second.toml", "--config", "{place}/study/best.toml"), r"best\.toml is a second file of settings"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_bad_command_is_refused_in_one_sentence(command: tuple[str, ...], message: str, place: Path, tmp_path: Path) -> None:
    refused_without_a_trace(command, message, place, tmp_path)


def test_the_cases_are_many_and_each_once() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) >= 40


def test_a_package_that_is_missing_is_named(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    refused(tastelm("tune", "ease", "--data", place / "log.csv", "--trials", 2, "--out", tmp_path), r"Tuning needs the package 'optuna'\. Install it with: pip")
    assert files(tmp_path) == {}
