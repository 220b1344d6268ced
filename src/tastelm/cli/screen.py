"""Where the commands print to."""

from __future__ import annotations

import os
import sys

from rich.console import Console

# A pipe or a file has no width of its own; this one holds every table whole.
PIPE_WIDTH = 140


def _console(*, stderr: bool = False) -> Console:
    known = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if known else PIPE_WIDTH)


out, err = _console(), _console(stderr=True)
