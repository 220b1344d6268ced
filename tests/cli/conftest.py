"""A log to train on, and runs that are trained once."""

from pathlib import Path

import pytest

from cli.running import done
from tastelm.testing import circle


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 40 users on the circle of 20 items, '0' to '19'."""
    path = tmp_path_factory.mktemp("data") / "log.csv"
    circle(40).interactions.write_csv(path)
    return path


@pytest.fixture(scope="session")
def titled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a folder with titles, and users who never meet an item twice."""
    folder = tmp_path_factory.mktemp("films")
    circle(40).interactions.unique(["user", "item"], keep="first", maintain_order=True).write_csv(folder / "interactions.csv")
    (folder / "items.csv").write_text("item,title\n" + "".join(f"{item},Film [b]{item}[/b]\n" for item in range(20)))
    return folder


@pytest.fixture(scope="session")
def run(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of ease on the log."""
    folder = tmp_path_factory.mktemp("runs") / "ease"
    done("fit", "ease", "--data", log, "--out", folder)
    return folder
