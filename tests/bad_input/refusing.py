"""What a bad command must end with, for all tests of bad input."""

import re
from collections.abc import Iterable
from pathlib import Path

from cli.running import Outcome, tastelm

# What the case is, the command ({log}, {out} and {place} stand for a good log, a fresh place and the folder of odd things), the message.
Case = tuple[str, tuple[str, ...], str]


def refused(outcome: Outcome, message: str) -> None:
    """The command ended with 2 and one sentence that matches."""
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.out + outcome.err
    said = [line for line in outcome.err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1 and outcome.err.splitlines()[-1] == said[0], outcome.err
    assert re.search(message, said[0]), said[0]


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, and what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()} if folder.is_dir() else {}


def refused_without_a_trace(command: Iterable[str], message: str, place: Path, fresh: Path) -> None:
    """The command is refused, writes nothing under `fresh`, and leaves `place`, where its `log.csv` lies, as it was."""
    before = files(place)
    words = {"log": str(place / "log.csv"), "out": str(fresh / "out"), "place": str(place)}
    refused(tastelm(*(word.format(**words) for word in command)), message)
    assert files(fresh) == {}, "something half-written is left"
    assert files(place) == before
