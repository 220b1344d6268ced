"""`tastelm probe`."""

import json
from pathlib import Path

import numpy as np
import pytest

from cli.running import done, tastelm
from tastelm import probing


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that likes short titles, whatever the text."""
    monkeypatch.setattr(probing, "by_vectors", lambda *how, **more: lambda texts, titles: -np.array([len(title) for title in titles], float))


@pytest.fixture
def films(titled: Path, tmp_path: Path) -> Path:
    """The log with titles, and a text about each item."""
    (tmp_path / "interactions.csv").write_bytes((titled / "interactions.csv").read_bytes())
    head, *lines = (titled / "items.csv").read_text().splitlines()
    (tmp_path / "items.csv").write_text("\n".join([f"{head},about", *(f"{line},a film of number {place}" for place, line in enumerate(lines))]))
    return tmp_path


def test_a_table_with_its_control_and_the_same_as_json(films: Path) -> None:
    command = ("probe", "search", "--data", films, "--text", "about", "--negatives", 3, "--cases", 12, "--seed", 2)
    said = done(*command).out
    assert "another's text (control)" in said and "recall@1" in said and "12 of 20 questions, 4 candidates each; 95 % bootstrap intervals." in said
    told = json.loads(done(*command, "-k", 2, "--json").out)
    assert told["metrics"]["text"] == told["metrics"]["another's text"], "who does not read the text gains nothing by it"
    assert set(told["metrics"]["text"]) == {"recall@2", "mrr"} and told["cases"] == 12


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["search"], "there is no text 'review' about items"),
        (["search", "--text", "abuot"], "did you mean 'about'"),
        (["search", "--text", "about", "--negatives", "20"], "20 other titles are asked for, but there are only 20 items"),
        (["search", "--text", "about", "--probe", "nsp", "--encoder", "scratch:dim=16"], "has random weights"),
        (["genres", "--model", "scratch:dim=16", "--column", "about"], "has random weights, so it knows nothing of genres"),
        (["genres", "--model", "folder:nowhere", "--column", "about"], "nowhere is not there"),
        (["genres", "--column", "about"], "Missing option '--model'"),
    ],
)
def test_what_cannot_be_probed_is_said_in_a_sentence(films: Path, arguments: list[str], sentence: str) -> None:
    found = tastelm("probe", *arguments, "--data", films)
    assert found.code == 2 and sentence in found.err and "Traceback" not in found.err
