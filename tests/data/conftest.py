"""Files made on the spot, and the real ones where this machine has them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tastelm.data import Dataset

ROOT = Path(os.environ.get("TASTELM_DATA", Path(__file__).parents[2] / "../shared/data"))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file into an empty folder of this test and gives its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def real() -> Callable[[str], Path]:
    """The path of a real file, or a skip that says what is missing."""

    def find(name: str) -> Path:
        if not (ROOT / name).exists():
            pytest.skip(f"no {name} under {ROOT}; set TASTELM_DATA to the folder of real data sets")
        return ROOT / name

    return find


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for a real file is marked so."""
    for item in items:
        if "real" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real)


def rows(dataset: Dataset) -> list[tuple[object, ...]]:
    """The interactions as plain tuples."""
    return dataset.interactions.rows()


def counts(dataset: Dataset) -> tuple[int, int, int]:
    """Users, items, interactions."""
    return dataset.n_users, dataset.n_items, len(dataset)
