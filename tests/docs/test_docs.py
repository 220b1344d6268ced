"""What the documents print works as printed."""

import re
from pathlib import Path

import pytest

import tastelm as tl
from tastelm.systems import catalogue
from tastelm.testing import CHECKS, circle

ROOT = Path(__file__).parents[2]


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), flags=re.DOTALL)


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    circle(40).interactions.write_csv("log.csv")
    code = blocks("README.md")[0].replace('"id1", "id2"', '"1", "2"').replace('tl.fit("sasrec", data)', 'tl.fit("sasrec", data, budget="5steps")')
    code = code.replace('budget="10m"', 'budget="5steps"').replace(
        '"runs/mine/runs/" + "..."', "next(iter(__import__('pathlib').Path('runs/mine/runs').iterdir()))"
    )
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    model = names["model"]
    assert isinstance(model, tl.Recommender)
    assert {row["system"] for row in names["board"].rows} == {"popularity", "ease", "sasrec"}  # type: ignore[attr-defined]


@pytest.fixture
def toy_system():  # type: ignore[no-untyped-def]
    names: dict[str, object] = {}
    exec(compile(blocks("CONTRIBUTING.md")[0], "CONTRIBUTING.md", "exec"), names)
    yield names["Markov"]
    catalogue._ADDED.pop("toy-markov")


@pytest.mark.parametrize("check", CHECKS)
def test_the_system_of_the_walk_through_keeps_the_contract(toy_system, check: str) -> None:  # type: ignore[no-untyped-def]
    CHECKS[check](toy_system, None)
