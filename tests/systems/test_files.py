"""What a system file may hold: card, config, stages, and nothing a neighbour also has."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import tastelm
from tastelm.card import Card
from tastelm.systems.base import System
from tastelm.systems.catalogue import SYSTEMS, system

FOLDER = Path(tastelm.__file__).parent / "systems"
FILES = sorted(path for path in FOLDER.rglob("*.py") if path.parent != FOLDER and path.name != "__init__.py")


def test_every_file_is_in_the_catalogue() -> None:
    stored = {path.relative_to(FOLDER).with_suffix("").as_posix().replace("/", ".") for path in FILES}
    assert {place.split(":")[0] for place in SYSTEMS.values()} == stored


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_system_file_is_small_and_composes_parts(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) < 120
    assert not re.search(r"requires_grad|backward\(|optim|zero_grad|\.step\(|DataLoader|batches\(|enumerate\(", text), "the loop is the library's"
    assert not re.search(r"tastelm\.(metrics|evaluation|topk|candidates|fitting|runs|recommender|data\.sources|cli)", text), "nor does it judge or read"
    assert not any(isinstance(node, ast.For | ast.While) for node in ast.walk(tree)), "no loop over anything"
    assert not re.search(r"hr@|ndcg@|mrr|recall@", text), "no metric"


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_says_what_it_is(name: str) -> None:
    found = system(name)
    assert issubclass(found, System) and isinstance(found.card, Card) and found.card.name == name and found.__doc__
    assert found.__module__.split(".")[2] == SYSTEMS[name].split(".")[0]
    assert "stages" in set(vars(found)) | set(vars(found.__mro__[1])) and not {"fit", "forward", "train", "loss"} & set(vars(found))
    assert len(inspect.signature(found.stages).parameters) == 2
