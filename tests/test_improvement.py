"""Relative improvements: in percent, with an interval, and within one protocol only."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tastelm as tl
from tastelm.errors import DataError, SettingError
from tastelm.metrics import ratio_ci
from tastelm.testing import circle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("board")
    tl.compare(circle(60), ["popularity", "itemknn"], metrics="ndcg@10 hr@10 gini@10", out=place)
    return place


def row(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "rows" / f"{name}.json").read_bytes())
    return content


def test_rows_are_compared_in_percent(folder: Path) -> None:
    ours, theirs = row(folder, "itemknn"), row(folder, "popularity")
    found = tl.relative_improvement(ours, theirs, "hr@10")
    assert found.percent == pytest.approx(100 * (ours["metrics"]["hr@10"] / theirs["metrics"]["hr@10"] - 1))
    assert (found.a, found.b, found.metric, found.low, found.high) == ("itemknn", "popularity", "hr@10", None, None)
    assert str(found) == f"{found.percent:+.1f} %"
    back = tl.relative_improvement(theirs, ours, "hr@10")
    assert (1 + found.percent / 100) * (1 + back.percent / 100) == pytest.approx(1)


def test_less_is_an_improvement_where_lower_is_better(folder: Path) -> None:
    ours, theirs = row(folder, "itemknn"), row(folder, "popularity")
    assert ours["metrics"]["gini@10"] < theirs["metrics"]["gini@10"]
    assert tl.relative_improvement(ours, theirs, "gini@10").percent > 0


def test_stored_rows_have_an_interval(folder: Path) -> None:
    places = [folder / "rows" / f"{name}.json" for name in ("itemknn", "popularity")]
    found = tl.relative_improvement(*places)
    assert found.low is not None and found.high is not None and 0 < found.low < found.percent < found.high
    assert str(found) == f"{found.percent:+.1f} % [{found.low:+.1f}, {found.high:+.1f}]"
    assert tl.relative_improvement(*places, "hr@10").low is not None
    assert tl.relative_improvement(*places, "gini@10").low is None, "a number of the whole list of users has no values of users"
    assert tl.relative_improvement(row(folder, "itemknn"), places[1]).low is None


def test_what_evaluate_returns_is_taken_too(folder: Path) -> None:
    runs = {path.name.split("-")[0]: path for path in (folder / "runs").iterdir()}
    ours, theirs = (tl.evaluate(runs[name], circle(60)) for name in ("itemknn", "popularity"))
    assert tl.relative_improvement(ours, theirs).percent == pytest.approx(tl.relative_improvement(row(folder, "itemknn"), row(folder, "popularity")).percent)
    assert tl.relative_improvement(ours, theirs).a == "the result a"


@pytest.mark.parametrize(("options", "message"), [
    ({"protocol": "uniform-4"}, r"itemknn and popularity were not judged alike: ranking is full for one and uniform-4 for the other\. Relative improvements"),
    ({"split": "ratio"}, r"not judged alike: split is leave-one-out for one and ratio"),
    ({"split_seed": 3}, r"not judged alike: split seed is 0 for one and 3"),
    ({"seen": "mask"}, r"not judged alike: seen items is ranked too for one and set aside"),
    ({"data": 1}, r"not judged alike: data or their split is [0-9a-f]{16} for one and [0-9a-f]{16}"),
])  # fmt: skip
def test_a_mix_is_refused(options: dict[str, Any], message: str, folder: Path, tmp_path: Path) -> None:
    board = tl.compare(circle(60, seed=options.pop("data", 0)), "popularity", out=tmp_path, **options)
    with pytest.raises(SettingError, match=message):
        tl.relative_improvement(row(folder, "itemknn"), board.row("popularity"))


def test_other_candidates_under_the_same_name_are_a_mix(folder: Path) -> None:
    other = copy.deepcopy(row(folder, "popularity"))
    other["protocol"]["candidates"] = "0123456789abcdef"
    with pytest.raises(SettingError, match="not judged alike: candidates is"):
        tl.relative_improvement(row(folder, "itemknn"), other)
    del other["protocol"]["candidates"]
    with pytest.raises(SettingError, match="and not said for the other"):
        tl.relative_improvement(row(folder, "itemknn"), other)


def test_what_tells_nothing_is_refused(folder: Path, tmp_path: Path) -> None:
    good = row(folder, "itemknn")
    with pytest.raises(SettingError, match=r"itemknn has no value of mrr; it has ndcg@10, hr@10, gini@10\."):
        tl.relative_improvement(good, good, "mrr")
    with pytest.raises(SettingError, match="unknown metric 'ndgc'"):
        tl.relative_improvement(good, good, "ndgc@10")
    with pytest.raises(SettingError, match=r"hr@10 of itemknn is 0: nothing can be told in percent of it"):
        tl.relative_improvement(good, {**good, "metrics": {"hr@10": 0.0}}, "hr@10")
    with pytest.raises(SettingError, match="sasrec failed, so there is nothing to compare: out of memory"):
        tl.relative_improvement({"system": "sasrec", "error": "out of memory"}, good)
    with pytest.raises(SettingError, match="the result b does not say its metrics and protocol"):
        tl.relative_improvement(good, {"metrics": {"ndcg@10": 0.3}})
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SettingError, match="the result a does not say its metrics"):
        tl.relative_improvement(tmp_path / "list.json", good)
    for place in (tmp_path / "nowhere.json", folder / "leaderboard.md"):
        with pytest.raises(SettingError, match=rf"{place.name} is no stored row of a leaderboard\. Give a file such as"):
            tl.relative_improvement(place, good)


def test_damaged_values_of_users_are_refused(folder: Path, tmp_path: Path) -> None:
    for ending in ("json", "npz"):
        (tmp_path / f"ease.{ending}").write_bytes((folder / "rows" / f"itemknn.{ending}").read_bytes())
    (tmp_path / "ease.npz").write_bytes(b"no array")
    with pytest.raises(SettingError, match=r"ease\.npz: the file is damaged"):
        tl.relative_improvement(tmp_path / "ease.json", folder / "rows" / "popularity.json")


def test_the_interval_of_a_ratio_covers_it_and_needs_the_pairs() -> None:
    rng, inside = np.random.default_rng(0), 0
    for trial in range(200):
        theirs = rng.exponential(1.0, 100)
        ours = theirs * rng.uniform(1.0, 2.0, 100)  # the ratio of the means is 1.5
        low, high = ratio_ci(ours, theirs, resamples=300, seed=trial)
        inside += low <= 1.5 <= high
    assert 180 <= inside <= 199
    paired, shuffled = ratio_ci(ours, theirs), ratio_ci(rng.permutation(ours), theirs)
    assert paired[1] - paired[0] < 0.5 * (shuffled[1] - shuffled[0])


def test_the_interval_of_a_ratio_leaves_out_what_is_not_known() -> None:
    ours, theirs = np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.0, 1.0, 5.0, np.nan])
    assert ratio_ci(ours, theirs) == ratio_ci(ours[:2], theirs[:2])
    assert np.isnan(ratio_ci(np.ones(3), np.zeros(3))).all()
    with pytest.raises(DataError):
        ratio_ci(np.ones(3), np.ones(4))
