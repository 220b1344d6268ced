"""Every bad command about transfer gets one sentence and exit code 2, and leaves nothing half-written."""

from pathlib import Path

import pytest
from cli.running import done

from tastelm.testing import circle

from .refusing import Case, refused_without_a_trace


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with logs, a finished curve and a damaged one."""
    folder = tmp_path_factory.mktemp("transfer")
    circle(40).interactions.write_csv(folder / "log.csv")
    circle(60).interactions.write_csv(folder / "other.csv")
    (folder / "short.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in "abcdefgh" for t, i in enumerate("pqr")))
    (folder / "file").write_text("I am no folder.")
    done(*(word.format(log=folder / "log.csv", out=folder / "curve") for word in curve("--set", "dim=8", "--set", "layers=1")))
    (folder / "damaged").mkdir()
    (folder / "damaged" / "transfer.json").write_text((folder / "curve" / "transfer.json").read_text()[:-90])
    (folder / "list").mkdir()
    (folder / "list" / "transfer.json").write_text("[]")
    return folder


def transfer(*more: str, system: str = "peterrec", out: str = "{out}") -> tuple[str, ...]:
    return ("transfer", system, "--data", "{log}", "--out", out, *more)


def curve(*more: str, out: str = "{out}") -> tuple[str, ...]:
    return transfer("--shares", "100", "--seeds", "0", "--arms", "scratch", "--budget", "2steps", *more, out=out)


CASES: list[Case] = [
    # shares
    ("words for shares", transfer("--shares", "few"), r"shares: 'few' is no list of percentages; write it like 1,5,10,50,100\."),
    ("a gap among shares", transfer("--shares", "1,,5"), r"shares: '1,,5' is no list of percentages"),
    ("shares that fall", transfer("--shares", "50,10"), r"shares: 50 %, 10 % does not fit; they rise from above 0 to 100 % at most"),
    ("a share twice", transfer("--shares", "10,10"), r"shares: 10 %, 10 % does not fit"),
    ("no share", transfer("--shares", "0,10"), r"shares: 0 %, 10 % does not fit"),
    ("more than all", transfer("--shares", "10,200"), r"shares: 10 %, 200 % does not fit"),
    ("a share that is no number", transfer("--shares", "nan"), r"shares: nan % does not fit"),
    ("too few users for 1 %", transfer("--shares", "1,100"), r"log: 1 % of 20 target users are 0, and no history of theirs is long enough to learn from"),
    ("histories of one item", ("transfer", "peterrec", "--data", "{place}/short.csv", "--out", "{out}", "--shares", "100"), r"short: 100 % of 4 target users"),
    # systems
    ("unknown system", transfer(system="peterec"), r"system 'peterec' is not known; did you mean 'peterrec'\?"),
    ("a system without pre-training", transfer(system="ease"), r"ease has no pre-training stage as it is set, .*; bert4rec, .*s3rec, .*ppr have one\."),
    ("a baseline that is trained", transfer(system="sasrec"), r"sasrec has no pre-training stage"),
    ("pre-training that is switched off", transfer("--set", "pretrain_epochs=0", system="s3rec"), r"s3rec has no pre-training stage as it is set"),
    ("unknown setting", transfer("--set", "depth=3"), r"peterrec has no setting 'depth'"),
    # arms, seeds, the rest
    ("unknown arm", transfer("--arms", "scratch,pretrained", "--shares", "100"), r"arms: 'pretrained' is not known; did you mean 'pre-trained'\?"),
    ("an arm twice", transfer("--arms", "scratch,scratch", "--shares", "100"), r"arms: scratch, scratch does not fit; give each once, and at least one\."),
    ("words for seeds", transfer("--seeds", "a"), r"seeds: 'a' is no list of whole numbers; write it like 0,1,2\."),
    ("a seed below 0", transfer("--seeds", "-1", "--shares", "100"), r"seed: -1 does not fit"),
    ("a seed twice", transfer("--seeds", "1,1", "--shares", "100"), r"seeds: 1, 1 does not fit"),
    ("unknown budget", transfer("--budget", "soon", "--shares", "100"), r"budget: 'soon' is not a length of training"),
    ("all users are source", transfer("--source", "1", "--shares", "100"), r"source: 1\.0 does not fit; it takes a share of the users above 0 and below 1"),
    ("nearly all users are source", transfer("--source", "0.999", "--shares", "100"), r"log: 40 users have a question, too few to be divided into"),
    ("a source that is no number", transfer("--source", "half"), r"--source: 'half' does not fit"),
    ("no data", ("transfer", "peterrec", "--out", "{out}"), r"Missing option '--data'"),
    ("no folder", ("transfer", "peterrec", "--data", "{log}"), r"Missing option '--out'"),
    # folders
    ("a file for a folder", curve("--set", "dim=8", out="{place}/file"), r"file/transfer\.json: cannot be written"),
    ("the curve of other settings", curve("--set", "dim=16", out="{place}/curve"), r"curve holds the curve of another transfer: its config differs\. Choose"),
    ("the curve of other data", ("transfer", "peterrec", "--data", "{place}/other.csv", "--shares", "100", "--out", "{place}/curve", "--budget", "2steps"),
     r"holds the curve of another transfer: its (config|data) differs"),
    ("a damaged curve", curve(out="{place}/damaged"), r"transfer\.json: the file is damaged\. Delete it and give the command again"),
    ("a curve that is a list", curve(out="{place}/list"), r"transfer\.json: the file is damaged"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_bad_command_is_refused_in_one_sentence(command: tuple[str, ...], message: str, place: Path, tmp_path: Path) -> None:
    refused_without_a_trace(command, message, place, tmp_path)


def test_the_cases_are_each_once() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) == 30
