"""The command line in this process: what it leaves with, says and prints."""

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

os.environ["TASTELM_THREADS"] = "1"

from tastelm.cli import main


@dataclass(frozen=True)
class Outcome:
    """Exit code, standard output, standard error."""

    code: object
    out: str
    err: str


def tastelm(*arguments: object) -> Outcome:
    """Run `tastelm ARGUMENTS`."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return Outcome(left.value.code, out.getvalue(), err.getvalue())


def done(*arguments: object) -> Outcome:
    """`tastelm ARGUMENTS`, which must succeed."""
    outcome = tastelm(*arguments)
    assert outcome.code == 0, outcome
    return outcome
