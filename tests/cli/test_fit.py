"""`tastelm fit`."""

import json
import tomllib
from pathlib import Path

import polars as pl
import pytest

import tastelm as tl
from cli.running import done, tastelm

TINY = [word for name in ("dim=8", "layers=1", "heads=1", "max_len=6", "dropout=0.1") for word in ("--set", name)]


def test_a_run_folder_holds_all_and_nothing_else(run: Path, log: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == ["config.toml", "items.json", "manifest.json", "metrics.json", "model.safetensors"]
    config = tomllib.loads((run / "config.toml").read_text())
    assert config["run"]["system"] == "ease" and config["run"]["version"] == tl.__version__
    assert config["settings"] == {"l2": 250.0, "max_items": 40_000}
    assert config["data"]["fingerprint"] == tl.read(log).fingerprint
    metrics = json.loads((run / "metrics.json").read_bytes())
    assert metrics["test"]["metrics"]["hr@20"] == 1.0
    assert metrics["test"]["protocol"]["ranking"] == "full"


def test_the_scores_and_the_next_command_are_printed(log: Path, tmp_path: Path) -> None:
    said = done("fit", "popularity", "--data", log, "--out", tmp_path / "run").out
    assert "popularity on log" in said and "valid" in said and "test" in said
    assert f'tastelm recommend {tmp_path / "run"} --history "0 1" -k 10' in said


def test_settings_seed_and_split_are_stored(log: Path, tmp_path: Path) -> None:
    done("fit", "ease", "--data", log, "--set", "l2=5", "--seed", 4, "--split", "ratio:0.7,0.1", "--split-seed", 2, "--out", tmp_path)
    config = tomllib.loads((tmp_path / "config.toml").read_text())
    assert config["settings"]["l2"] == 5.0
    assert (config["run"]["seed"], config["run"]["split"], config["run"]["split_seed"]) == (4, "ratio:0.7,0.1", 2)


def test_a_setting_may_name_its_system(log: Path, tmp_path: Path) -> None:
    done("fit", "ease", "--data", log, "--set", "ease.l2=5", "--out", tmp_path)
    assert tomllib.loads((tmp_path / "config.toml").read_text())["settings"]["l2"] == 5.0


def test_the_same_command_again_loads_the_run(log: Path, tmp_path: Path) -> None:
    command = ("fit", "ease", "--data", log, "--out", tmp_path)
    first = done(*command)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert done(*command).out == first.out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_a_run_on_other_items_lends_its_encoder(log: Path, tmp_path: Path) -> None:
    done("fit", "sasrec", "--data", log, "--budget", "2steps", "--out", tmp_path / "first", *TINY)
    other = tmp_path / "other.csv"
    pl.read_csv(log).with_columns(pl.format("other {}", pl.col("item")).alias("item")).write_csv(other)
    command = ("fit", "sasrec", "--data", other, "--encoder", tmp_path / "first", "--budget", "2steps", "--out", tmp_path / "second")
    done(*command)
    assert tomllib.loads((tmp_path / "second" / "config.toml").read_text())["settings"]["dim"] == 8, "the settings come with it"
    assert done(*command).code == 0, "the same command again finds the run"
    refused = tastelm("fit", "ease", "--data", log, "--encoder", tmp_path / "first", "--out", tmp_path / "third")
    assert refused.code == 2 and "ease is to be trained. Give a run of ease." in refused.err and not (tmp_path / "third").exists()


def test_all_trains_on_everything_and_tests_nothing(log: Path, tmp_path: Path) -> None:
    done("fit", "popularity", "--data", log, "--all", "--out", tmp_path)
    assert tomllib.loads((tmp_path / "config.toml").read_text())["run"]["split"] == "all"
    metrics = json.loads((tmp_path / "metrics.json").read_bytes())
    assert "valid" in metrics and "test" not in metrics
    said = done("evaluate", tmp_path, "--data", log)
    assert "these numbers flatter it" in said.err


def test_a_transformer_within_a_budget(log: Path, tmp_path: Path) -> None:
    said = done("fit", "sasrec", "--data", log, *TINY, "--budget", "20steps", "--out", tmp_path)
    assert "sasrec on log" in said.out
    stage = json.loads((tmp_path / "metrics.json").read_bytes())["fit"]["stages"][0]
    assert (stage["steps"], stage["ended"]) == (20, "budget")
    assert not (tmp_path / "checkpoint").exists()
    assert tomllib.loads((tmp_path / "config.toml").read_text())["settings"]["dim"] == 8


def test_log_writes_what_tensorboard_reads(log: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    done("fit", "sasrec", "--data", log, *TINY, "--budget", "5steps", "--log", "tensorboard", "--out", tmp_path)
    assert list((tmp_path / "logs").glob("events*"))
    tl.load(tmp_path)
