"""Systems led from window to window."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tastelm as tl
from tastelm.data.sessions import sessions
from tastelm.data.split import Part
from tastelm.data.windows import rolling
from tastelm.errors import OutputError, SettingError
from tastelm.evaluation import evaluate, protocol
from tastelm.fitting import fit_system
from tastelm.metrics import parse_metrics
from tastelm.over_time import Rolling, compare_over_time, follow
from tastelm.systems.catalogue import system
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent, Watch

from .toys import visits

WINDOWS = rolling(sessions(visits(), gap="6h"), 3, every="1d")
TINY = {"dim": 8, "layers": 1, "heads": 1, "max_len": 6, "lr": 1e-2}
METRICS = tuple(parse_metrics("hr@3 ndcg@3"))


def course(*labels: str, **more: Any) -> Rolling:
    made = {"markov": system("markov").create(), "transformers4rec": system("transformers4rec").create(TINY)}
    return Rolling(WINDOWS, {label: made[label] for label in labels}, **{"metrics": METRICS, "budget": "20steps", **more})


class Heard(Silent):
    """Notes what a comparison tells; a training is ended at a step, if one is given."""

    def __init__(self, *, die: str = "") -> None:
        self.began, self.ended, self.die = list[str](), list[tuple[str, bool]](), die

    def starts(self, name: str) -> Watch:
        self.began.append(name)
        if name == self.die:
            raise KeyboardInterrupt
        return self

    def tunes(self, name: str) -> Any: ...

    def ends(self, row: Mapping[str, Any], reused: bool) -> None:
        self.ended.append((row["system"], reused))


def test_the_average_is_that_of_the_windows_judged_one_by_one(tmp_path: Path) -> None:
    table = compare_over_time(course("markov"), tmp_path)
    each = []
    for window in WINDOWS:
        before = window.split()
        fitted = fit_system(system("markov").create(), before)
        each.append(evaluate(fitted.recommender.module, protocol(before, metrics=METRICS)).metrics["ndcg@3"])  # type: ignore[arg-type]
    assert [window["ndcg@3"] for window in table.rows[0]["windows"]] == pytest.approx(each)
    assert table.rows[0]["metrics"]["ndcg@3"] == pytest.approx(np.mean(each)) and np.mean(each) > 0.5
    assert table.to_dict() == json.loads((tmp_path / "over_time.json").read_bytes()) | {"rows": table.to_dict()["rows"]}
    assert [window["test"] for window in table.evaluation["windows"]] == [len(window.split().cases(Part.TEST)) for window in WINDOWS]


@pytest.mark.slow
def test_incremental_goes_on_with_what_is_new_and_cold_begins_again(tmp_path: Path) -> None:
    going, cold = (follow(course("transformers4rec", mode=mode), "transformers4rec", 0, tmp_path) for mode in ("incremental", "cold"))
    assert [result.row["trained_on"] for result in going] == [24, 12, 12]
    assert [result.row["trained_on"] for result in cold] == [24, 36, 48]
    assert [result.row["stages"][0]["history"][0]["step"] for result in going] == [20, 0, 0], "later windows look at what they begin with"
    assert [result.row["stages"][0]["history"][0]["step"] for result in cold] == [20, 20, 20]
    assert np.array_equal(going[0].values["hr@3"], cold[0].values["hr@3"]), "before the first window there is nothing to go on from"
    # The first window's training ends where the second one's begins: looked at on the second window's validation half.
    first = fit_system(system("transformers4rec").create(TINY), WINDOWS[0].split(), budget=Budget(steps=20))
    question = protocol(WINDOWS[1].split(), part=Part.VALID, metrics=parse_metrics("ndcg@10"))
    begins = evaluate(first.recommender.module, question).metrics["ndcg@10"]  # type: ignore[arg-type]
    assert going[1].row["stages"][0]["history"][0]["ndcg@10"] == pytest.approx(begins)


def test_what_counts_is_made_anew_in_both_modes(tmp_path: Path) -> None:
    going, cold = (follow(course("markov", mode=mode), "markov", 0, tmp_path) for mode in ("incremental", "cold"))
    for first, second in zip(going, cold, strict=True):
        assert first.row["trained_on"] == second.row["trained_on"] and not first.row["learns"]
        assert np.array_equal(first.values["ndcg@3"], second.values["ndcg@3"])


@pytest.mark.slow
def test_what_is_finished_is_used_again_and_the_rest_gone_on_with(tmp_path: Path) -> None:
    label = "transformers4rec"
    whole = follow(course(label), label, 0, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        follow(course(label), label, 0, tmp_path / "cut", listener=Heard(die=f"{label} · 1970-01-05"))
    heard = Heard()
    again = follow(course(label), label, 0, tmp_path / "cut", listener=heard)
    assert heard.began == [f"{label} · 1970-01-05"]
    assert [reused for _, reused in heard.ended] == [True, True, False]
    for first, second in zip(whole, again, strict=True):
        assert first.row["metrics"] == second.row["metrics"]
        assert all(np.array_equal(values, second.values[name]) for name, values in first.values.items())
    assert not any((tmp_path / "cut" / "weights").iterdir()) and not any((tmp_path / "cut" / "checkpoint").iterdir())
    # A result in the middle that is damaged cannot be made again without the weights before it.
    place = next(path for path in (tmp_path / "cut" / "results").glob("*.json") if json.loads(path.read_bytes())["window"] == "1970-01-04")
    place.write_text("{")
    heard = Heard()
    anew = follow(course(label), label, 0, tmp_path / "cut", listener=heard)
    assert len(heard.began) == 3 and [result.row["metrics"] for result in anew] == [result.row["metrics"] for result in whole]


def test_another_seed_setting_or_mode_is_another_result(tmp_path: Path) -> None:
    for change in ({}, {"mode": "cold"}, {"budget": "5steps"}, {"metrics": tuple(parse_metrics("hr@3"))}):
        heard = Heard()
        follow(course("markov", **change), "markov", 0, tmp_path, listener=heard)
        assert len(heard.began) == 3, change
    heard = Heard()
    follow(course("markov"), "markov", 1, tmp_path, listener=heard)
    follow(course("markov"), "markov", 0, tmp_path, listener=heard)
    assert len(heard.began) == 3 and [reused for _, reused in heard.ended] == [False] * 3 + [True] * 3


def test_a_system_that_fails_is_a_row_and_other_data_are_refused(tmp_path: Path) -> None:
    table = tl.compare_over_time(visits(), ["next-integer", "popularity"], windows=2, every="1d", gap="6h", out=tmp_path)
    assert "is not a whole number" in table.row("next-integer")["error"] and table.rows[0]["system"] == "popularity"
    assert "next-integer failed: visits" in (tmp_path / "over_time.md").read_text()
    with pytest.raises(OutputError, match=r"holds the table over time of visits \(data [0-9a-f]{16}\)\. Choose another --out, or delete the folder\."):
        tl.compare_over_time(visits(seed=1), "popularity", windows=2, every="1d", gap="6h", out=tmp_path)


def test_a_system_that_ranks_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^att2seq gives reasons and ranks nothing, so no metric of rankings tells how it does over time\. Leave it out\."):
        tl.compare_over_time(visits(), ["popularity", "att2seq"], windows=2, every="1d", gap="6h", out=tmp_path)


@pytest.mark.parametrize(("change", "message"), [
    ({"mode": "warm"}, r"mode: 'warm' is not known; use incremental or cold\."),
    ({"seeds": ()}, r"seeds: '' does not fit; give at least one, and each once, as in 0,1,2\."),
    ({"seeds": (1, 1)}, r"seeds: '1,1' does not fit"),
    ({"seeds": (-1,)}, r"seed: -1 does not fit"),
    ({"budget": "soon"}, r"budget: 'soon' is not a length of training"),
    ({"metrics": tuple(parse_metrics("coverage@10"))}, r"metrics: coverage@10 has no value for each session"),
    ({"metrics": tuple(parse_metrics("novelty@10"))}, r"metrics: novelty@10 has no value for each session"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_trained(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        course("markov", **change)
