"""The benchmarks run, and say in words what is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("TASTELM_DATA", ROOT.parent / "shared" / "data"))
SCRIPTS = {"epoch", "wallclock", "ranking", "memory"}


def bench(out: Path, *arguments: str, **environment: str) -> tuple[str, list[dict[str, object]]]:
    """Run the benchmarks: the table, and the rows of all scripts."""
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--quick", "--out", str(out), *arguments]
    # One thread: on a busy machine two wait for each other.
    done = subprocess.run(command, env=os.environ | {"TASTELM_BENCH_THREADS": "1"} | environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    scripts = json.loads((out / "bench.json").read_text())["scripts"]
    for script in scripts.values():
        assert {"command", "seed", "seconds", "machine", "versions", "lines"} <= script.keys()
        assert "torch" in script["machine"]["words"]
    return (out / "bench.md").read_text(), [row for script in scripts.values() for row in script["rows"]]


@pytest.mark.slow
@pytest.mark.real
def test_quick_run_writes_one_table(tmp_path: Path) -> None:
    if not (DATA / "s3rec" / "Beauty.txt").is_file():
        pytest.skip("the data are missing: no s3rec/Beauty.txt in TASTELM_DATA")
    table, rows = bench(tmp_path)
    assert table.count("| claim | TasteLM | rival | ratio | goal | held? |") == 1
    assert "A smoke run" in table
    for beginning in ("Epoch of SASRec", "Raw file to saved sasrec", "Ranking", "Bulk", "Memory of a training step"):
        assert any(str(row["claim"]).startswith(beginning) for row in rows), beginning
    equal = next(row for row in rows if str(row["claim"]).startswith("Ranks and lists"))
    assert equal["held"] is True
    assert not [
        row for row in rows if "not measured" in str(row["tastelm"]) and "environment" not in str(row["tastelm"]) and "TASTELM_BENCH" not in str(row["tastelm"])
    ]


@pytest.mark.slow
def test_what_is_missing_is_a_row_in_words(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    table, rows = bench(tmp_path / "out", "--only", "epoch", "wallclock", TASTELM_DATA=str(empty))
    assert len(rows) == 2
    assert all("the data are missing" in str(row["tastelm"]) and row["held"] is None for row in rows)
    assert str(empty) not in table


@pytest.mark.slow
def test_a_missing_environment_names_what_makes_it(tmp_path: Path) -> None:
    scripts, homes = tmp_path / "bench", tmp_path / "homes"
    scripts.mkdir()
    (scripts / "softmax_mem.py").touch()
    _, rows = bench(tmp_path / "out", "--only", "memory", TASTELM_BENCH=str(scripts), TASTELM_BENCH_HOME=str(homes))
    step = next(row for row in rows if "training step" in str(row["claim"]))
    assert "GiB" in str(step["tastelm"])
    assert "setup_venvs.sh bare" in str(step["rival"])
    assert step["held"] is True


@pytest.mark.slow
def test_part_of_an_earlier_result_is_renewed_and_the_rest_kept(tmp_path: Path) -> None:
    empty = str(tmp_path / "empty")
    bench(tmp_path, "--only", "epoch", TASTELM_DATA=empty)
    before = json.loads((tmp_path / "bench.json").read_text())["scripts"]["epoch"]
    _, rows = bench(tmp_path, "--only", "wallclock", TASTELM_DATA=empty)
    after = json.loads((tmp_path / "bench.json").read_text())["scripts"]
    assert after["epoch"] == before
    assert list(after) == ["epoch", "wallclock"]
    assert len(rows) == 2


@pytest.mark.slow
@pytest.mark.real
def test_the_quick_throughput_has_a_line_for_each_stage(tmp_path: Path) -> None:
    if not (DATA / "s3rec" / "Beauty.txt").is_file():
        pytest.skip("the data are missing: no s3rec/Beauty.txt in TASTELM_DATA")
    command = [sys.executable, str(ROOT / "benchmarks" / "throughput.py"), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env=os.environ | {"TASTELM_BENCH_THREADS": "1"}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = {(line["system"], line["stage"]): line for line in json.loads((tmp_path / "throughput.json").read_text())["lines"]}
    assert lines[("cl4srec", "next item")]["encoded"] > 2 * lines[("gru4rec", "next item")]["encoded"]
    assert ("s3rec", "pre-train") in lines and ("s3rec", "tune") in lines
    assert (tmp_path / "throughput.md").read_text().count("\n| ") == len(lines) + 2, "a head, sasrec, and every stage"
