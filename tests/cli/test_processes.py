"""The command line as scripts and people meet it: a process with a pipe, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tastelm as tl
from cli.running import done, tastelm
from tastelm.cli.leaving import BARS_OF_OTHERS
from tastelm.train.progress import Bar

TINY = [word for name in ("dim=8", "layers=1", "heads=1", "max_len=6") for word in ("--set", name)]
WAIT = 60.0


def start(*arguments: object, stdout: object = subprocess.PIPE) -> subprocess.Popen[str]:
    """`python -m tastelm ARGUMENTS`, with Ctrl-C as a terminal gives it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tastelm", *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TASTELM_THREADS": "1"}, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def test_version_is_printed_without_importing_anything_heavy() -> None:
    process = start("--version")
    assert process.communicate(timeout=WAIT) == (f"{tl.__version__}\n", "")
    listed = subprocess.run([sys.executable, "-X", "importtime", "-m", "tastelm", "--version"], capture_output=True, text=True, check=True).stderr
    assert not {"torch", "polars", "scipy"} & {line.rpartition("|")[2].strip() for line in listed.splitlines()}


def test_other_libraries_draw_no_bars() -> None:
    """Not when weights are loaded, which several libraries do, nor by tqdm itself, as in the conversion of a GGUF file."""
    code = (
        "import sys\ntry:\n from tastelm.cli import main\n main(['--version'])\nexcept SystemExit:\n pass\n"
        "from huggingface_hub.utils import are_progress_bars_disabled\nfrom tqdm.auto import tqdm\nlist(tqdm(range(3)))\nprint(are_progress_bars_disabled())"
    )
    pytest.importorskip("huggingface_hub")
    bare = {name: value for name, value in os.environ.items() if name not in BARS_OF_OTHERS}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=bare)
    assert found.stdout.split() == [tl.__version__, "True"] and found.stderr == ""
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=bare | {"TQDM_DISABLE": ""})
    assert "3/3" in asked.stderr, "who asks for them has them"


@pytest.mark.slow
def test_a_bad_command_leaves_with_2(tmp_path: Path) -> None:
    process = start("fit", "sasrc", "--data", tmp_path / "nowhere.csv", "--out", tmp_path / "run")
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("Error: ") and "Traceback" not in err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_json_goes_through_a_pipe_alone(run: Path) -> None:
    process = start("recommend", run, "--history", "3 unheard", "--json")
    out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert len(json.loads(out)["items"]) == 10
    assert err == "Not known to this run, and skipped: unheard.\n"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_a_full_output_is_one_sentence(form: list[str]) -> None:
    with open("/dev/full", "w") as full:
        process = start("systems", *form, stdout=full)
        _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 2
    assert err.startswith("Error: standard output: No space left on device") and "Traceback" not in err


def test_ctrl_c_keeps_a_checkpoint_and_the_same_command_goes_on(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("fit", "sasrec", "--data", log, *TINY, "--budget", "40steps", "--out")
    done(*command, tmp_path / "unbroken")
    usual = Bar.stepped

    def interrupted(bar: Bar, step: int, targets: int, used: float, loss: float) -> None:
        usual(bar, step, targets, used, loss)
        if step == 15:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Bar, "stepped", interrupted)
        outcome = tastelm(*command, tmp_path / "broken")
    assert outcome.code == 130
    assert outcome.err == "Interrupted. What was done so far is kept: give the same command again to go on.\n"
    assert list((tmp_path / "broken" / "checkpoint").glob("*.safetensors"))
    refused = tastelm("recommend", tmp_path / "broken", "--history", "3")
    assert refused.code == 2 and "Its training is not finished: run the same fit command again" in refused.err
    begun = []
    with monkeypatch.context() as patched:
        patched.setattr(Bar, "begin", lambda bar, stage, step: begun.append(step))
        patched.setattr(Bar, "stepped", lambda *_: None)
        done(*command, tmp_path / "broken")
    assert begun == [15]
    assert (tmp_path / "broken" / "model.safetensors").read_bytes() == (tmp_path / "unbroken" / "model.safetensors").read_bytes()


def test_ctrl_c_in_a_comparison_keeps_finished_rows(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = [word if word == "--set" else f"sasrec.{word}" for word in TINY]
    command = ("compare", "--data", log, "--systems", "ease,sasrec", *small, "--budget", "10steps", "--out", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Bar, "stepped", lambda *_: signal.raise_signal(signal.SIGINT))
        assert tastelm(*command).code == 130
    assert [row["system"] for row in json.loads((tmp_path / "leaderboard.json").read_bytes())["rows"]] == ["ease"]
    said = done(*command).err
    assert "ease" in said.splitlines()[0] and "finished before" in said.splitlines()[0]
    assert len(json.loads((tmp_path / "leaderboard.json").read_bytes())["rows"]) == 2


@pytest.mark.slow
def test_ctrl_c_in_a_process(log: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    command = ("fit", "sasrec", "--data", log, *TINY, "--budget", "8s", "--log", "tensorboard", "--out", tmp_path / "run")
    process, began = start(*command), time.monotonic()
    while not list((tmp_path / "run").glob("logs/events*")) and time.monotonic() < began + WAIT:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out) == (130, "")
    assert err == "Interrupted. What was done so far is kept: give the same command again to go on.\n"
    assert list((tmp_path / "run" / "checkpoint").glob("*.safetensors"))
    again = start(*command)
    out, err = again.communicate(timeout=WAIT)
    assert again.returncode == 0, err
    assert not (tmp_path / "run" / "checkpoint").exists()
    tl.load(tmp_path / "run")
