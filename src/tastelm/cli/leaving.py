"""How a command ends: with its exit code, and where the user can mend something, with one sentence."""

from __future__ import annotations

import os
import sys

import typer

from tastelm.cli.screen import err
from tastelm.errors import TasteLMError

INTERRUPTED = 130
# Libraries that load weights or convert them draw bars, which stood before a refusal of one sentence; each reads its variable when it is imported.
BARS_OF_OTHERS = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}


def guarded(command: typer.Typer, arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; what the user can mend is one sentence on standard error, never a traceback.

    The command finds what was typed in its context's `obj`. Bars of other libraries are not drawn, unless the environment says so.
    """
    for name, value in BARS_OF_OTHERS.items():
        os.environ.setdefault(name, value)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = command(given, standalone_mode=False, obj=given)
        sys.stdout.flush()
        if code == INTERRUPTED:
            err.print("Interrupted. What was done so far is kept: give the same command again to go on.")
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        return _refuse(_said_by_typer(error))
    except TasteLMError as error:
        return _refuse(str(error))
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  what is still in the buffer has nowhere to go
        return _refuse(f"{error.filename or 'standard output'}: {error.strerror or error}. Make room there, or choose another place.")
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _lacks_memory(error):
            raise
        return _refuse(f"Out of memory ({' '.join(str(error).split())}). Use a smaller dim, a sampled loss or fewer items (--k-core).")


def _said_by_typer(error: typer.TyperException) -> str:
    """Its message, with the value where it leaves that out."""
    from pydantic import ValidationError

    from tastelm.settings import reason

    cause = error.__cause__
    if not isinstance(error, typer.BadParameter) or error.param is None or not isinstance(cause, ValidationError):
        return error.format_message()
    return f"{error.param.opts[0]}: {cause.errors()[0]['input']!r} does not fit ({reason(cause)})."


def _lacks_memory(error: RuntimeError) -> bool:
    """Whether torch means that an array does not fit; it has no error of its own for that on a CPU."""
    return "allocate" in str(error) or "out of memory" in str(error)


def _refuse(message: str) -> int:
    err.print(f"Error: {message}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    return 2
