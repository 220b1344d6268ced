"""Ranking metrics: by hand, against ir-measures and scipy, over all tie orders, and by their properties."""

from __future__ import annotations

from math import log2

import ir_measures
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from tastelm.metrics import Metric, Ranks, parse_metrics

from .cases import AT_K, Case, by_hand, orders, ranks_of


def value(text: str, *cases: Case) -> list[float]:
    return [float(x) for x in np.asarray(Metric.parse(text)(ranks_of(*cases)))]


# ---- numbers worked by hand: candidates 0..5 scored 6..1, targets at places 2, 4 and 6 (1 = best)
HAND: Case = ([6, 5, 4, 3, 2, 1], [1, 3, 5])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hr@1", 0),
        ("hr@2", 1),
        ("recall@4", 2 / 3),
        ("recall@2", 1 / 3),
        ("recall_capped@2", 1 / 2),
        ("precision@4", 2 / 4),
        ("precision@10", 3 / 10),  # trap: k stays in the denominator beyond the list
        ("f1@4", 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3)),
        ("f1@1", 0),
        ("ndcg@4", (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3) + 1 / log2(4))),
        ("ndcg@2", (1 / log2(3)) / (1 + 1 / log2(3))),
        ("mrr", 1 / 2),
        ("mrr@1", 0),
        ("map", (1 / 2 + 2 / 4 + 3 / 6) / 3),
        ("map@4", (1 / 2 + 2 / 4) / 3),
        ("map@2", (1 / 2) / 2),  # trap: divided by min(|G|, k), not by the one target found
        ("auc", (2 + 1 + 0) / (3 * 3)),
    ],
)
def test_worked_by_hand(text: str, expected: float) -> None:
    assert value(text, HAND) == pytest.approx([expected], abs=1e-15)


def test_a_target_that_is_no_candidate_is_a_miss() -> None:
    case: Case = ([3, 2, 1], [0, 9])
    assert value("recall@50", case) == [0.5]
    assert value("hr@50", ([3, 2, 1], [9])) == [0]
    assert value("mrr", ([3, 2, 1], [9])) == [0]
    assert value("map", case) == [0.5]
    assert value("ndcg@50", case) == pytest.approx([1 / (1 + 1 / log2(3))])
    assert value("auc", case) == [0.5]  # the first beats both others, the missing one loses to both
    assert value("hr@3", ([], [0])) == [0]


def test_auc_without_other_candidates_is_skipped() -> None:
    ranks = ranks_of(([1, 2], [0, 1]), ([1, 2], [1]))
    assert np.isnan(Metric("auc")(ranks)).tolist() == [True, False]
    assert Metric("auc").mean(ranks) == 1


@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("k", [1, 5, 10, 200])
def test_a_constant_scorer_gets_the_value_of_guessing(n: int, k: int) -> None:
    constant: Case = ([0.0] * n, [n // 2])
    assert value(f"hr@{k}", constant) == [min(k, n) / n]
    assert value("mrr", constant) == pytest.approx([sum(1 / j for j in range(1, n + 1)) / n])
    if n > 1:
        assert value("auc", constant) == [0.5]


def test_a_constant_scorer_with_several_targets_is_right_on_average() -> None:
    n_cases, n, g = 20_000, 40, 4
    ranks = Ranks(np.zeros(n_cases * g, int), np.full(n_cases * g, n - 1), np.arange(n_cases + 1) * g, np.full(n_cases, n))
    assert Metric("recall", 10).mean(ranks) == pytest.approx(10 / n, abs=0.005)
    assert Metric("auc").mean(ranks) == 0.5


scores = st.lists(st.integers(0, 3), min_size=1, max_size=6)


@given(scores, st.integers(0, 5), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_expected_value_is_the_mean_over_all_tie_orders(scores: list[int], target: int, k: int) -> None:
    for name in AT_K:
        every = [by_hand(name, order, [target], k) for order in orders(scores)]
        assert value(f"{name}@{k}", (scores, [target])) == pytest.approx([np.mean(every)], abs=1e-12), name


@given(scores, st.sets(st.integers(0, 7), min_size=2, max_size=5), st.integers(1, 8), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_a_drawn_order_is_one_of_the_tie_orders_and_the_same_for_all_metrics(scores: list[int], targets: set[int], k: int, seed: int) -> None:
    ranks = ranks_of((scores, sorted(targets)), seed=seed)
    drawn = [float(np.asarray(Metric(name, k)(ranks))[0]) for name in AT_K]
    possible = [[by_hand(name, order, sorted(targets), k) for name in AT_K] for order in orders(scores)]
    assert any(np.allclose(drawn, one, atol=1e-12) for one in possible)


@st.composite
def untied(draw: st.DrawFn, max_targets: int = 4) -> Case:
    n = draw(st.integers(1, 12))
    targets = draw(st.sets(st.integers(0, n + 1), min_size=1, max_size=max_targets))
    return draw(st.permutations(range(n))), sorted(targets)


@given(st.lists(untied(), min_size=1, max_size=4), st.integers(1, 14))
@settings(max_examples=50, deadline=None)
def test_textbook_definitions(cases: list[Case], k: int) -> None:
    for name in AT_K:
        expected = [by_hand(name, next(orders(s)), t, k) for s, t in cases]
        assert value(f"{name}@{k}", *cases) == pytest.approx(expected, abs=1e-12), name


@given(st.lists(untied(), min_size=1, max_size=4), st.integers(1, 14))
@settings(max_examples=50, deadline=None)
def test_bounds_and_growth_with_k(cases: list[Case], k: int) -> None:
    ranks = ranks_of(*cases)
    for name in AT_K:
        got = np.asarray(Metric(name, k)(ranks))
        assert ((got >= 0) & (got <= 1)).all(), name
    for name in ("hr", "recall", "mrr"):
        assert (np.asarray(Metric(name, k + 1)(ranks)) >= np.asarray(Metric(name, k)(ranks))).all(), name


@given(scores, st.integers(0, 5), st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_one_target_relations(scores: list[int], target: int, k: int) -> None:
    hr, recall, ndcg, mrr = (value(f"{name}@{k}", (scores, [target]))[0] for name in ("hr", "recall", "ndcg", "mrr"))
    assert hr == recall
    assert hr >= ndcg - 1e-12 and ndcg >= mrr - 1e-12


@given(st.lists(untied(), min_size=2, max_size=5), st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_order_of_cases_does_not_matter(cases: list[Case], random: object) -> None:
    order = list(range(len(cases)))
    random.shuffle(order)  # type: ignore[attr-defined]
    for metric in parse_metrics("hr@3 ndcg@3 map@3 auc"):
        straight = np.asarray(metric(ranks_of(*cases)))
        np.testing.assert_array_equal(straight[order], np.asarray(metric(ranks_of(*(cases[i] for i in order)))))


@given(st.lists(st.integers(0, 4), min_size=2, max_size=9), st.data())
@settings(max_examples=50, deadline=None)
def test_auc_is_the_rank_test_and_turns_with_the_scores(scores: list[int], data: st.DataObject) -> None:
    targets = sorted(data.draw(st.sets(st.integers(0, len(scores) - 1), min_size=1)))
    assume(len(targets) < len(scores))
    wins = [scores[i] for i in targets]
    rest = [s for i, s in enumerate(scores) if i not in targets]
    expected = mannwhitneyu(wins, rest).statistic / (len(wins) * len(rest))
    got = value("auc", (scores, targets))[0]
    assert got == pytest.approx(expected, abs=1e-12)
    assert value("auc", ([-s for s in scores], targets))[0] == pytest.approx(1 - got, abs=1e-12)


def test_parity_with_ir_measures() -> None:
    """On untied data trec_eval agrees: its AP divides by |G|, as ours does without k and wherever |G| <= k."""
    rng = np.random.default_rng(5)
    cases: list[Case] = []
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for q in range(60):
        n = int(rng.integers(12, 40))
        places = rng.permutation(n).astype(float)
        # some targets (codes n, n + 1) are no candidates
        targets = rng.choice(n + 2, size=int(rng.integers(1, 8)), replace=False).tolist()
        cases.append((places.tolist(), targets))
        qrels[str(q)] = {f"d{t}": 1 for t in targets}
        run[str(q)] = {f"d{i}": s for i, s in enumerate(places)}
    ranks = ranks_of(*cases)
    pairs = {"ndcg": "nDCG", "precision": "P", "recall": "R", "mrr": "RR", "hr": "Success"}
    wanted = {f"{ours}@{k}": f"{theirs}@{k}" for ours, theirs in pairs.items() for k in (1, 5, 10)}
    wanted |= {"map@10": "AP@10", "map": "AP", "mrr": "RR"}
    parsed = {ours: ir_measures.parse_measure(theirs) for ours, theirs in wanted.items()}
    got: dict[tuple[str, str], float] = {}
    for one in ir_measures.iter_calc(list(parsed.values()), qrels, run):
        got[str(one.measure), one.query_id] = one.value
    for ours, measure in parsed.items():
        theirs_per_case = [got[str(measure), str(q)] for q in range(60)]
        np.testing.assert_allclose(np.asarray(Metric.parse(ours)(ranks)), theirs_per_case, atol=1e-9, err_msg=ours)
