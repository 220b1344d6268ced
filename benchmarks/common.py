"""What the benchmark scripts share: where things lie, how a process is started, and the lines it prints.

Light on purpose: the scripts that start others import nothing heavy, so that they take neither time nor memory from what they measure.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHARED = ROOT.parent / "shared"
THREADS = int(os.environ.get("TASTELM_BENCH_THREADS", "2"))
SEED = 0
# The rivals know no GPU, so TasteLM is not shown one either, unless it is asked for. Set here, before torch is imported anywhere, and handed on.
if os.environ.get("TASTELM_BENCH_GPU") != "1":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "TASTELM_THREADS", "TASTELM_BENCH_THREADS"):
    os.environ[_name] = str(THREADS)
os.environ["TASTELM_DATA"] = str(Path(os.environ.get("TASTELM_DATA", SHARED / "data")).resolve())

USERS_A_SMOKE_RUN_KEEPS = 400
# Options that say where results go.
PLACES = ("--out", "--results", "--work")


class Missing(Exception):
    """Something that is not part of the project is not there; the text says what it is and how to get it."""


class Failed(Exception):
    """A process that was measured did not come to its end."""


@dataclass(frozen=True)
class Row:
    """One line of the table. held: whether the goal was met, None where there is none or it could not be tried."""

    claim: str
    tastelm: str
    rival: str = "-"
    ratio: str = "-"
    goal: str = "-"
    held: bool | None = None


def command() -> str:
    """How this process was started, without the places that its results go to: they are nobody else's."""
    script, told = Path(sys.argv[0]).resolve(), list[str]()
    words = iter(sys.argv[1:])
    for word in words:
        if word.split("=")[0] in PLACES:
            if "=" not in word:
                next(words, None)
        else:
            told.append(word)
    return shlex.join(["python", str(script.relative_to(ROOT) if script.is_relative_to(ROOT) else script.name), *told])


def report(**fields: object) -> None:
    """One JSON line on standard output."""
    print(json.dumps(fields), flush=True)


def say(text: str) -> None:
    """A word to the person who waits."""
    print(f"  {text}", file=sys.stderr, flush=True)


def emit(row: Row) -> None:
    """Print a line of the table."""
    report(row=asdict(row))
    say(f"{row.claim}: {row.tastelm}; rival {row.rival}; ratio {row.ratio}; goal {row.goal}; held: {row.held}")


def section(body: Callable[[], None], claim: str) -> None:
    """Run a part of a script. What is missing or fails becomes a row that says so, and the other parts go on."""
    try:
        body()
    except Missing as missing:
        emit(Row(claim, f"not measured: {missing}"))
    except Failed as failure:
        emit(Row(claim, f"FAILED: {failure}", held=False))


def data_file(name: str) -> Path:
    """`s3rec/NAME.txt` of the data folder. Raises Missing."""
    path = Path(os.environ["TASTELM_DATA"]) / "s3rec" / f"{name}.txt"
    if not path.is_file():
        raise Missing(f"the data are missing: no s3rec/{name}.txt; let TASTELM_DATA name the folder that holds s3rec/")
    return path


@contextmanager
def data(name: str, *, quick: bool) -> Iterator[Path]:
    """The data file and, for a smoke run, a copy of its first users instead, which the rivals find too. Raises Missing."""
    path = data_file(name)
    if not quick:
        yield path
        return
    usual = os.environ["TASTELM_DATA"]
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "s3rec" / path.name
        small.parent.mkdir()
        with path.open() as lines:
            small.write_text("".join(line for _, line in zip(range(USERS_A_SMOKE_RUN_KEEPS), lines, strict=False)))
        attributes = path.with_name(f"{name}_item2attributes.json")
        if attributes.is_file():
            (small.parent / attributes.name).symlink_to(attributes)
        os.environ["TASTELM_DATA"] = folder
        try:
            yield small
        finally:
            os.environ["TASTELM_DATA"] = usual


def rival(environment: str, script: str, *arguments: object) -> list[str]:
    """The command of a rival's script in its own environment. Raises Missing."""
    scripts = Path(os.environ.get("TASTELM_BENCH", SHARED / "bench")).resolve()
    if not (scripts / script).is_file():
        raise Missing(f"{script} is missing; let TASTELM_BENCH name the folder that holds the rivals' scripts")
    home = Path(os.environ.get("TASTELM_BENCH_HOME", Path.home() / ".cache" / "tastelm-bench")).expanduser()
    if not (home / environment / ".complete").is_file():
        raise Missing(f"the environment '{environment}' is missing; make it with setup_venvs.sh {environment} (beside {script})")
    return [str(home / environment / "bin" / "python"), "-W", "ignore", str(scripts / script), *map(str, arguments)]


def own(script: str, *arguments: object) -> list[str]:
    """The command of a script of this folder."""
    return [sys.executable, str(HERE / script), *map(str, arguments)]


def lines_of(command: Sequence[str], *, timeout: float = 1200) -> list[dict[str, Any]]:
    """Run a command in a process of its own: the JSON lines it printed. Raises Failed."""
    done = timed(command, timeout=timeout)[1]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not found:
        raise Failed(f"{_name_of(command)} printed no result")
    return found


def timed(command: Sequence[str], *, timeout: float = 1200) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command in a process of its own: seconds from its start to its exit, and what it printed. Raises Failed."""
    with tempfile.TemporaryDirectory() as folder:  # some leave logs where they stand
        began = time.perf_counter()
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise Failed(f"{_name_of(command)} did not end within {timeout:.0f} s") from None
        seconds = time.perf_counter() - began
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Failed(f"{_name_of(command)} ended with {done.returncode}: {last[:300]}")
    return seconds, done


def _name_of(command: Sequence[str]) -> str:
    return next((Path(word).name for word in command[1:] if word.endswith(".py")), " ".join(command[1:4]))


def peak_gib() -> float:
    """Largest resident size of this process so far. A fresh process's own, not inherited from who started it."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 2**20
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def spread(values: Sequence[float], form: str = ".1f", unit: str = "") -> str:
    """`median unit (least to most)`; of a single value that value alone."""
    median = f"{statistics.median(values):{form}}{unit}"
    return median if len(values) == 1 else f"{median} ({min(values):{form}} to {max(values):{form}})"
