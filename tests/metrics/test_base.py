"""One spelling for each metric, and errors that name the remedy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import DataError, SettingError
from tastelm.metrics import Lists, Metric, base, declare, declared_metrics, parse_metrics
from tastelm.metrics.ranks import FloatArray

from .cases import ranks_of


def test_parse_and_print_agree() -> None:
    for text in ("ndcg@10", "mrr", "mrr@5", "map", "auc", "recall_capped@20", "popularity_lift@10"):
        assert str(Metric.parse(text)) == text
    assert str(Metric.parse(" NDCG@10 ")) == "ndcg@10"
    assert Metric.parse("ndcg@010") == Metric("ndcg", 10)
    assert len({Metric.parse("HR@5"), Metric("hr", 5)}) == 1


@given(st.sampled_from(sorted(declared_metrics())), st.integers(1, 10**6))
def test_round_trip(name: str, k: int) -> None:
    metric = Metric(name) if declared_metrics()[name].k == "none" else Metric(name, k)
    assert Metric.parse(str(metric)) == metric
    assert parse_metrics(str(metric).upper()) == (metric,)


def test_order_is_by_name_then_k_with_the_whole_list_last() -> None:
    shuffled = parse_metrics("ndcg@10 mrr mrr@20 mrr@3 hr@100")
    assert " ".join(map(str, sorted(shuffled))) == "hr@100 mrr@3 mrr@20 mrr ndcg@10"
    assert Metric("mrr") > Metric("mrr", 5)
    with pytest.raises(TypeError):
        Metric("mrr") < 3  # noqa: B015


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hr@5,10 ndcg@10", "hr@5 hr@10 ndcg@10"),
        ("hr@5, 10  hr@5 HR@10", "hr@5 hr@10"),
        ("hr@5,ndcg@5,10 mrr,auc", "hr@5 ndcg@5 ndcg@10 mrr auc"),
    ],
)
def test_many_at_once(text: str, expected: str) -> None:
    assert " ".join(map(str, parse_metrics(text))) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ndgc@10", "unknown metric 'ndgc': did you mean 'ndcg'"),
        ("ndgc@ten", "unknown metric 'ndgc': did you mean 'ndcg'"),
        ("zzz", "unknown metric 'zzz': known are: auc, coverage"),
        ("ndcg@0", "ndcg@0: the number after @ must be a whole number from 1 up, for example ndcg@10"),
        ("ndcg@-3", "ndcg@-3: the number"),
        ("ndcg@2.5", r"ndcg@2\.5: the number"),
        ("ndcg@", "ndcg@: the number"),
        ("hr@5,-3", "hr@-3: the number"),
        ("hr@5,,7", "hr@: the number"),
        ("ndcg@" + "9" * 30, "must be a whole number"),
        ("ndcg", "'ndcg' needs the number of places that count: write for example ndcg@10"),
        ("coverage", "'coverage' needs the number"),
        ("auc@5", "'auc' always reads the whole list: write auc, not auc@5"),
        ("  ", "no metric given: name at least one"),
    ],
)
def test_what_is_no_metric_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        parse_metrics(text)


@pytest.mark.parametrize("k", [True, 2.0, "5"])
def test_k_is_a_whole_number_in_code_too(k: object) -> None:
    with pytest.raises(SettingError, match="must be a whole number from 1 up"):
        Metric("hr", k)  # type: ignore[arg-type]


def test_the_table_says_which_way_is_up_and_what_is_catalogue_wide() -> None:
    table = declared_metrics()
    assert {name for name in table if not Metric.parse(name if table[name].k != "needed" else f"{name}@1").higher_is_better} == {
        "gini",
        "popularity",
        "popularity_lift",
    }
    assert {name for name, entry in table.items() if not entry.per_case} == {"coverage", "gini"}
    assert not Metric("gini", 10).per_case
    assert all(entry.summary for entry in table.values())


def test_one_declaration_adds_a_metric() -> None:
    try:

        @declare("always_one", reads="ranks", k="optional")
        def always_one(ranks: object, k: int | None) -> FloatArray:
            return np.ones(2)

        assert Metric.parse("always_one@3").mean(ranks_of(([1, 2], [0]), ([1, 2], [1]))) == 1
        assert declared_metrics()["always_one"].summary == ""
        with pytest.raises(AssertionError, match="declared twice"):
            declare("always_one", reads="ranks")(always_one)
    finally:
        base._DECLARED.pop("always_one")


def _lists(**change: object) -> Lists:
    given = {"items": np.array([[0, 1], [2, -1]], dtype=np.int32), "n_items": 3, "popularity": np.array([5.0, 3.0, 0.0])}
    return Lists(**(given | change))  # type: ignore[arg-type]


def test_what_is_not_there_is_named() -> None:
    ranks = ranks_of(([1, 2], [0]), ([1, 2], [1]))
    diversity, lift = Metric("diversity", 2), Metric("popularity_lift", 2)
    assert not diversity.available(None) and not diversity.available(_lists()) and not lift.available(_lists())
    assert diversity.available(_lists(vectors=np.eye(3, dtype=np.float32)))
    assert Metric("hr", 1).available(None) and Metric("coverage", 1).available(_lists())
    with pytest.raises(SettingError, match=r"diversity@2 cannot be computed without lists\.vectors"):
        diversity(ranks, _lists())
    with pytest.raises(SettingError, match="coverage@2 cannot be computed without recommendation lists"):
        Metric("coverage", 2)(ranks)
    with pytest.raises(DataError, match="1 ranked cases but 2 recommendation lists"):
        Metric("coverage", 2)(ranks_of(([1, 2], [0])), _lists())
    with pytest.raises(SettingError, match="k = 4 is beyond the 2 items kept per list: keep lists of 4 items, or ask for k <= 2"):
        Metric("coverage", 4)(ranks, _lists())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": np.array([0, 1])}, r"Lists\.items must be \(cases, K\) whole numbers, got shape \(2,\)"),
        ({"items": np.zeros((2, 2))}, "of float64"),
        ({"items": np.array([[0, 3]])}, r"holds codes 0\.\.3: allowed are 0\.\.2, and -1"),
        ({"items": np.array([[0, -2]])}, r"holds codes -2\.\.0"),
        ({"popularity": np.ones(2)}, r"Lists\.popularity has shape \(2,\): give one count for each of the 3 items"),
        ({"popularity": np.array([1, np.nan, 2])}, r"Lists\.popularity holds negative or undefined counts"),
        ({"popularity": np.array([1.0, -1, 2])}, "negative or undefined"),
        ({"vectors": np.ones((2, 4), dtype=np.float32)}, r"Lists\.vectors has shape \(2, 4\)"),
        ({"history_popularity": np.ones(3)}, r"Lists\.history_popularity has shape \(3,\): give one value for each of 2 cases"),
    ],
)
def test_lists_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        _lists(**change)
