"""What the commands say of themselves."""

import re

import pytest

import tastelm as tl
from cli.running import done, tastelm

COMMANDS = (
    ["compare"], ["over-time"], ["fit"], ["transfer"], ["evaluate"], ["recommend"], ["profile"], ["systems"], ["doctor"],
    ["data"], ["data", "check"], ["data", "get"], ["data", "list"], ["probe"], ["probe", "search"], ["probe", "genres"], ["prompt", "show"], ["prompt", "list"],
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example(command: list[str]) -> None:
    said = done(*command, "--help").out
    assert re.search(rf"Example:\s+tastelm {' '.join(command)}\b", said)
    assert said == done(*command, "-h").out


def test_help_lists_every_command() -> None:
    said = done("--help").out
    for command in COMMANDS:
        assert re.search(rf"│ {command[0]} ", said)


@pytest.mark.parametrize("group", [[], ["data"], ["probe"], ["prompt"]])
def test_without_a_command_the_help_is_shown(group: list[str]) -> None:
    assert done(*group).out == done(*group, "--help").out


def test_version() -> None:
    assert done("--version").out == f"{tl.__version__}\n"


@pytest.mark.parametrize(("word", "near"), [("comprae", "compare"), ("recomend", "recommend"), ("sytems", "systems")])
def test_a_mistyped_command_names_the_near_one(word: str, near: str) -> None:
    outcome = tastelm(word)
    assert outcome.code == 2
    assert outcome.err.startswith(f"Error: No such command '{word}'. Did you mean '{near}'")


def test_a_mistyped_option_names_the_near_one() -> None:
    outcome = tastelm("compare", "--sytems", "ease")
    assert outcome.code == 2
    assert "No such option" in outcome.err and "--systems" in outcome.err
