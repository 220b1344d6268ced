"""The library in the words of the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

import tastelm as tl
from tastelm.errors import DataError, SettingError, TasteLMError
from tastelm.systems.baselines.ease import EASE
from tastelm.testing import circle

FIVE_LINES = """
import tastelm as tl; data = tl.read("log.csv"); model = tl.fit("sasrec", data); model.recommend(["id1", "id2"], k=10)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    circle(12).interactions.write_csv(tmp_path / "log.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "log.csv"


@pytest.mark.slow
def test_the_five_lines_run_as_they_are_printed(log: Path) -> None:
    names: dict[str, object] = {}
    exec(FIVE_LINES, names)
    model = names["model"]
    assert isinstance(model, tl.Recommender)
    assert model.recommend(["id1", "id2"], k=10).unknown == ("id1", "id2")
    assert len(model.recommend(["1", "2"], k=10)) == 10


def test_the_names_are_there_when_they_are_asked_for() -> None:
    for name in tl.__all__:
        assert getattr(tl, name) is not None
    assert set(tl.__all__) <= set(dir(tl))
    with pytest.raises(AttributeError, match="module 'tastelm' has no attribute 'recomend'"):
        _ = tl.recomend  # type: ignore[attr-defined]


def test_importing_is_light() -> None:
    code = "import sys, tastelm; heavy = {'torch', 'polars', 'numpy', 'scipy', 'pydantic'} & set(sys.modules); assert not heavy, heavy"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fit_load_and_evaluate(log: Path, tmp_path: Path) -> None:
    model = tl.fit("ease", "log.csv", set={"l2": 5}, out=tmp_path / "run")
    again = tl.load(tmp_path / "run")
    assert again.recommend(["1"], 3) == model.recommend(["1"], 3)
    found = tl.evaluate(tmp_path / "run", tl.read("log.csv"))
    assert found["metrics"] == model.about["metrics"]["test"]["metrics"] == tl.evaluate(model, log)["metrics"]
    assert found["remarks"] == []


def test_a_system_of_ones_own_may_be_given_as_it_is(log: Path) -> None:
    assert tl.fit(EASE.create({"l2": 3}), log).system.config.l2 == 3
    with pytest.raises(SettingError, match=r"set: ease comes with its settings; give them where it is made, or give its name\."):
        tl.fit(EASE.create(), log, set={"l2": 3})


def test_compare_takes_a_list_or_a_text(log: Path, tmp_path: Path) -> None:
    first = tl.compare("log.csv", "popularity,ease", out=tmp_path / "a")
    second = tl.compare(log, ["popularity", "ease"], out=tmp_path / "b")
    assert [row["metrics"] for row in first.rows] == [row["metrics"] for row in second.rows]


@pytest.mark.parametrize(("options", "message"), [
    ({"system": "eese"}, r"system 'eese' is not known; did you mean 'ease'\?"),
    ({"set": {"l3": 1}}, r"ease has no setting 'l3'"),
    ({"set": {"sasrec.lr": 1}}, r"'sasrec' is not trained here, only ease"),
    ({"budget": "soon"}, r"budget: 'soon' is not a length of training"),
    ({"seed": -1}, r"seed: -1 does not fit"),
    ({"split_seed": -1}, r"split_seed: -1 does not fit"),
    ({"split": "halves"}, r"split: 'halves' is not known"),
    ({"all": True, "split": "ratio"}, r"--all trains on everything, so it takes no --split\."),
])  # fmt: skip
def test_what_cannot_be_is_refused(options: dict[str, object], message: str, log: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=message):
        tl.fit(**{"system": "ease", "data": log, "out": tmp_path / "run", **options})
    assert not (tmp_path / "run").exists()


def test_all_errors_are_of_one_tree(log: Path) -> None:
    for call in (lambda: tl.read("nowhere.csv"), lambda: tl.load("nowhere"), lambda: tl.settings_of("gpt"), lambda: tl.fit("gpt", log)):
        with pytest.raises(TasteLMError):
            call()


def test_evaluating_on_another_catalogue(log: Path, tmp_path: Path) -> None:
    model = tl.fit("ease", log)
    (tmp_path / "other.csv").write_text("user,item,time\n" + "".join(f"{user},{item},{at}\n" for user in "ab" for at, item in enumerate(["x", "1", "2", "y"])))
    found = tl.evaluate(model, tmp_path / "other.csv", metrics="hr@4")
    assert found["metrics"] == {"hr@4": 0.0}, "y cannot be found by a run that does not know it"
    assert found["remarks"][0] == "2 of 4 items are not known to the run: they count as misses."
    (tmp_path / "strange.csv").write_text("user,item,time\n" + "".join(f"{user},{item},{at}\n" for user in "ab" for at, item in enumerate("xyz")))
    with pytest.raises(DataError, match="none of the 3 items of strange is known to the run"):
        tl.evaluate(model, tmp_path / "strange.csv")


def test_the_taxonomy_is_read_off_the_cards() -> None:
    for row in tl.taxonomy():
        assert set(row) == {"strategy", "system", "objectives", "task", "data", "tuned", "paper", "summary"}
        assert all(row.values())
