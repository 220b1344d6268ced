"""The commands that only look: `data check`, `systems`, `doctor`."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import tastelm as tl
from cli.running import done
from tastelm.cli import show


def test_data_check_takes_its_file_both_ways(log: Path) -> None:
    said = done("data", "check", log)
    assert all(word in said.out for word in ("user from 'user'", "40", "391", "repeats of an item"))
    assert done("data", "check", "--data", log).out == said.out


def test_data_check_json(log: Path) -> None:
    found = json.loads(done("data", "check", log, "--json").out)
    assert found["facts"]["users"] == "40"
    assert isinstance(found["odd"], list)


def test_data_check_follows_the_options_of_reading(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,what,stars\na,x,5\na,y,1\nb,x,4\nb,x,4\n")
    said = done("data", "check", tmp_path / "a.csv", "--user", "who", "--item", "what", "--rating", "stars", "--min-rating", 4, "--duplicates", "first")
    assert "rating >= 4" in said.out and "first duplicates" in said.out


def test_systems_lists_them_all() -> None:
    said = done("systems").out
    listed = json.loads(done("systems", "--json").out)
    assert [row["system"] for row in listed] == [row["system"] for row in tl.taxonomy()]
    assert all(row["system"] in said for row in listed)
    assert any(row["paper"].endswith("Self-Attentive Sequential Recommendation") for row in listed)


@pytest.mark.parametrize("system", [row["system"] for row in tl.taxonomy()])
def test_systems_lists_the_settings_of_one(system: str) -> None:
    said = done("systems", system).out
    for line in json.loads(done("systems", system, "--json").out):
        assert set(line) == {"name", "kind", "default", "meaning", "source", "search"}
        assert line["name"] in said


def test_settings_are_named_alike_everywhere() -> None:
    for system in ("sasrec", "bert4rec"):
        names = {line["name"] for line in tl.settings_of(system)}
        assert {"dim", "layers", "heads", "max_len", "dropout", "lr", "loss", "negatives", "max_epochs"} <= names
    assert "l2" in {line["name"] for line in tl.settings_of("ease")}


def test_the_table_of_systems_breaks_no_word_on_100_columns() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(show.taxonomy(tl.taxonomy()))
    printed = console.export_text().split()
    for row in tl.taxonomy():
        for column in ("strategy", "system", "objectives", "task", "data"):
            assert set(row[column].split()) <= set(printed), f"{row['system']}: {column} is broken"


def test_doctor() -> None:
    said = done("doctor").out
    found = json.loads(done("doctor", "--json").out)
    assert found["tastelm"] == tl.__version__
    for word in ("threads", "memory", "torch", "Extras"):
        assert word in said
    for extra in found["extras"]:
        assert extra["version"] or f"pip install 'tastelm[{extra['extra']}]'" in said
