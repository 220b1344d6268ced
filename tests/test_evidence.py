"""What is kept of a comparison for its report."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tastelm as tl
from tastelm.data.split import split
from tastelm.evaluation import protocol
from tastelm.evidence import TIERS, Evidence, Groups, _histogram
from tastelm.testing import circle, tastes


def test_quarters_hold_every_question_once_and_equal_numbers_together() -> None:
    groups = Groups.quarters(np.array([1.0, 1, 1, 2, 3, 4, 5, 100]))
    assert groups.labels == ["1", "2", "3–4", "5–100"]
    assert sum(entry["cases"] for entry in groups.describe()) == 8
    assert groups.describe()[0] == {"label": "1", "cases": 3}
    assert Groups.quarters(np.full(9, 7.0)).describe() == [{"label": "7", "cases": 9}]


def test_a_mean_of_a_group_is_that_of_its_questions() -> None:
    groups = Groups(np.array([0, 0, 1, 1, 1]), ["a", "b"])
    first, second = groups.means(np.array([0.0, 1.0, 0.5, 0.5, np.nan]), 0)
    assert (first["value"], first["low"], first["high"]) == (0.5, 0.0, 1.0)
    assert second == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert np.isnan(groups.means(np.array([1.0, 1, np.nan, np.nan, np.nan]), 0)[1]["value"])


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(protocol(split(tastes(100))))


def test_tiers_go_from_popular_to_rare_and_share_the_training(evidence: Evidence) -> None:
    popularity = evidence.question.split.popularity
    for tier in range(TIERS - 1):
        assert popularity[evidence.tiers == tier].min() >= popularity[evidence.tiers == tier + 1].max()
    told = evidence.record({}, None)["tiers"]
    assert sum(tier["items"] for tier in told) == len(popularity)
    assert sum(tier["trained"] for tier in told) == pytest.approx(1)
    assert sum(tier["asked"] for tier in told) == pytest.approx(1)


def test_questions_are_grouped_by_how_often_the_answer_was_met(evidence: Evidence) -> None:
    cases, popularity = evidence.question.cases, evidence.question.split.popularity
    met = popularity[cases.targets.values]
    groups = evidence.groups["popularity"]
    spans = [(int(met[groups.of == at].min()), int(met[groups.of == at].max())) for at in range(len(groups.labels))]
    assert len(spans) > 2 and all(left[1] < right[0] for left, right in pairwise(spans))
    assert groups.labels == [str(low) if low == high else f"{low}–{high}" for low, high in spans]
    lengths = evidence.groups["history"]
    assert lengths.describe() == [{"label": "3", "cases": 100}]


def test_users_are_shown_by_the_length_of_their_history(evidence: Evidence) -> None:
    question = Evidence(protocol(split(circle(101))))
    lengths = question.question.cases.histories.lengths
    shown = [user["length"] for user in question.record({}, None)["users"]]
    assert shown == np.sort(lengths)[[25, 50, 75]].tolist()
    assert len(Evidence(protocol(split(circle(1)))).shown) == 1


def test_a_histogram_counts_every_user_once() -> None:
    lengths = np.random.default_rng(0).geometric(0.05, 5000)
    bars = _histogram(lengths)
    assert sum(bar["users"] for bar in bars) == 5000
    assert bars[0]["low"] == lengths.min() and bars[-1]["high"] == lengths.max()
    assert all(left["high"] + 1 == right["low"] for left, right in pairwise(bars))
    assert _histogram(np.array([4, 4, 0])) == [{"low": 4, "high": 4, "users": 2}]


def test_the_groups_average_to_the_whole_and_the_lists_hit_as_the_ranks_say(tmp_path: Path) -> None:
    board = tl.compare(circle(80), "next-integer,popularity", seen="keep", out=tmp_path)
    account = json.loads((tmp_path / "report.json").read_bytes())
    for row in board.rows:
        for name, means in row["evidence"]["groups"].items():
            counts = [group["cases"] for group in account["groups"][name]]
            whole = np.average([mean["value"] for mean in means], weights=counts)
            assert whole == pytest.approx(row["metrics"]["ndcg@10"])
        assert sum(row["evidence"]["tiers"]) == pytest.approx(1)
    ring = board.row("next-integer")["evidence"]["lists"]
    for user, entries in zip(account["users"], ring, strict=True):
        last = int(user["history"][-1]["item"])
        assert [int(entry["item"]) for entry in entries[:3]] == [(last + step) % 20 for step in (1, 2, 3)] or last > 16


def test_probes_come_from_their_rows_or_are_computed(tmp_path: Path) -> None:
    alone = tl.compare(circle(40), "ease", out=tmp_path / "a")
    both = tl.compare(circle(40), "ease,popularity,next-integer", out=tmp_path / "b")
    first, second = (json.loads((tmp_path / name / "report.json").read_bytes())["probes"] for name in "ab")
    for name in ("popularity", "next-integer"):
        assert first[name]["value"] == pytest.approx(second[name]["value"])
        assert first[name]["ci95"] == pytest.approx(second[name]["ci95"])
    assert first["next-integer"]["value"] == both.row("next-integer")["metrics"]["ndcg@10"]
    assert [row["system"] for row in alone.rows] == ["ease"]
    assert not list((tmp_path / "a" / "runs").glob("next-integer*"))
