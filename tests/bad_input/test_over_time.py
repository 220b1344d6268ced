"""Every bad command about windows of time gets one sentence and exit code 2, and leaves nothing half-written."""

from pathlib import Path

import pytest
from cli.running import tastelm

from .test_commands import files, refused


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log of four days, one without times, and one of single events."""
    folder = tmp_path_factory.mktemp("bad")
    rows = [f"{user},{item},{day * 86400 + at}" for user in "abcd" for day in range(4) for at, item in enumerate("pqrs")]
    (folder / "log.csv").write_text("\n".join(["user,item,time", *rows]) + "\n")
    (folder / "untimed.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u in "abcd" for i in "pqrs"))
    (folder / "single.csv").write_text("user,item,time\n" + "".join(f"{u},p,{at * 86400}\n" for at, u in enumerate("abcd")))
    (folder / "file").write_text("I am no folder.")
    return folder


def over_time(*more: str, data: str = "log.csv", systems: str = "markov") -> tuple[str, ...]:
    return ("over-time", "--data", f"{{place}}/{data}", "--systems", systems, "--out", "{out}", *more)


CASES: list[tuple[str, tuple[str, ...], str]] = [
    ("no times", over_time(data="untimed.csv"), r"untimed has no times, which sessions need\. Name the column with --time NAME\."),
    ("no sessions", over_time(data="single.csv"), r"single: no session of two different events is left\. Use a longer --gap than 1d, or more data\."),
    ("gap that is none", over_time("--gap", "soon"), r"gap: 'soon' is not a length of time; write it like 30m, 12h or 1d\."),
    ("gap of nothing", over_time("--gap", "0d"), r"gap: '0d' is not a length of time"),
    ("length that is none", over_time("--every", "weekly"), r"every: 'weekly' is not a length of time"),
    ("more windows than data", over_time("--gap", "1h", "--windows", "400"), r"log: only \d+ windows of equally many sessions hold 2 .*, not 400\. Ask for"),
    ("more days than data", over_time("--gap", "1h", "--every", "1d"), r"log: only 3 windows of 1d hold 2 sessions or more and have .*, not 6"),
    ("windows without enough sessions", over_time("--gap", "1h", "--every", "1d", "--windows", "2", "--least", "5"), r"only 0 windows of 1d hold 5 sessions"),
    ("one window for all", over_time("--gap", "1h", "--every", "month", "--windows", "1"), r"only 0 windows of month hold"),
    ("no windows", over_time("--windows", "0"), r"--windows: '0' does not fit"),
    ("unknown mode", over_time("--mode", "warm", "--windows", "1", "--gap", "1h"), r"mode: 'warm' is not known; use incremental or cold\."),
    ("unknown end", over_time("--keep", "middle"), r"keep: 'middle' is not known; use first or last\."),
    ("sessions of one event", over_time("--longest", "1"), r"--longest: '1' does not fit"),
    ("seeds that are none", over_time("--seeds", "0,x"), r"--seeds: '0,x' does not fit; give whole numbers with commas between, as in 0,1,2\."),
    ("a seed twice", over_time("--seeds", "1,1", "--windows", "1", "--gap", "1h"), r"seeds: '1,1' does not fit; give at least one, and each once"),
    ("unknown system", over_time(systems="makrov"), r"system 'makrov' is not known; did you mean 'markov'\?"),
    ("unknown setting", over_time("--set", "reech=1"), r"markov has no setting 'reech'; did you mean 'reach'\?"),
    ("budget that is none", over_time("--budget", "soon", "--windows", "1", "--gap", "1h"), r"budget: 'soon' is not a length of training"),
    ("metric of all sessions", over_time("--metrics", "coverage@10", "--windows", "1", "--gap", "1h"), r"metrics: coverage@10 has no value for each session"),
    ("unknown metric", over_time("--metrics", "ndgc@20"), r"unknown metric 'ndgc'"),
    ("no data", ("over-time", "--systems", "markov", "--out", "{out}"), r"Missing option '--data'"),
    ("file for a folder", ("over-time", "--data", "{place}/log.csv", "--systems", "markov", "--windows", "1", "--gap", "1h", "--out", "{place}/file"),
     r"cannot be written \(Not a directory\)"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_bad_command_is_refused_in_one_sentence(command: tuple[str, ...], message: str, place: Path, tmp_path: Path) -> None:
    before = files(place)
    words = {"out": str(tmp_path / "out"), "place": str(place)}
    refused(tastelm(*(word.format(**words) for word in command)), message)
    assert files(tmp_path) == {}, "something half-written is left"
    assert files(place) == before
