"""Intervals that cover, p-values that are uniform under the null, corrections by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

from tastelm.errors import DataError, SettingError
from tastelm.metrics import bootstrap_ci, compare_systems, holm, paired_test, significance, stratified_ci

RNG = np.random.default_rng


def test_the_interval_is_that_of_the_normal_law_for_many_cases() -> None:
    values = RNG(0).normal(3.0, 2.0, size=2000)
    low, high = bootstrap_ci(values, resamples=2000)
    half = norm.ppf(0.975) * values.std() / np.sqrt(2000)
    assert low.shape == ()
    assert float(low) == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert float(high) == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_coverage_is_near_its_level() -> None:
    samples = RNG(1).exponential(1.0, size=(400, 80))  # 400 experiments of 80 cases, true mean 1
    low, high = bootstrap_ci(samples, resamples=400, level=0.9)
    assert 0.84 <= ((low <= 1) & (high >= 1)).mean() <= 0.94


def test_same_seed_same_interval_whatever_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RNG(2).random((3, 50))
    first = np.stack(bootstrap_ci(values, seed=7))
    np.testing.assert_array_equal(first, np.stack(bootstrap_ci(values, seed=7)))
    assert not np.array_equal(first, np.stack(bootstrap_ci(values, seed=8)))
    p = paired_test(values[0], values[1], resamples=99)
    monkeypatch.setattr(significance, "_CHUNK", 500)
    np.testing.assert_allclose(np.stack(bootstrap_ci(values, seed=7)), first, rtol=1e-12)
    assert 0 < p <= 1


def test_all_metrics_see_the_same_resamples() -> None:
    values = RNG(3).random(60)
    low, high = bootstrap_ci(np.stack([values, values + 1, -values]))
    assert low[1] == pytest.approx(low[0] + 1) and high[1] == pytest.approx(high[0] + 1)
    assert low[2] == pytest.approx(-high[0])


def test_undefined_cases_are_skipped() -> None:
    values = RNG(4).random(300)
    gaps = values.copy()
    gaps[::3] = np.nan
    low, high = bootstrap_ci(np.stack([values, gaps, np.full(300, np.nan), np.where(np.isnan(gaps), np.nan, 0.25)]))
    assert low[1] < np.nanmean(gaps) < high[1]
    assert high[1] - low[1] == pytest.approx((high[0] - low[0]) * np.sqrt(1.5), rel=0.2)
    assert np.isnan(low[2]) and np.isnan(high[2])
    assert low[3] == pytest.approx(0.25) and high[3] == pytest.approx(0.25)


def test_resamples_that_miss_every_defined_case_say_nothing() -> None:
    one = np.full(40, np.nan)
    one[5] = 0.5
    assert [float(x) for x in bootstrap_ci(one, resamples=50)] == [0.5, 0.5]
    found = {bool(np.isnan(bootstrap_ci(one, resamples=1, seed=seed)[0])) for seed in range(30)}
    assert found == {True, False}


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"resamples": 0}, "resamples = 0: at least 1"), ({"level": 1.0}, "level = 1.0: it must lie between 0 and 1")],
)
def test_settings_out_of_range(settings: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        bootstrap_ci(np.ones(3), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [[], np.zeros((2, 0)), np.zeros((1, 1, 1)), 3.0])
def test_no_cases_no_interval(values: object) -> None:
    with pytest.raises(DataError, match="with at least one case, got shape"):
        bootstrap_ci(values)  # type: ignore[arg-type]


def test_p_values_are_uniform_without_a_difference() -> None:
    rng = RNG(5)
    p = [paired_test(rng.random(40), rng.random(40), seed=i, resamples=199) for i in range(400)]
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) < 0.085


def test_p_value_is_tiny_for_a_clear_difference_and_the_same_both_ways() -> None:
    rng = RNG(6)
    a = rng.random(500)
    b = a - 0.1 + 0.2 * rng.random(500) - 0.05
    assert paired_test(a, b) == 1 / 10_000
    weak = a + 0.5 * rng.standard_normal(500)
    assert paired_test(a, weak) == paired_test(weak, a)


def test_p_value_of_few_cases_is_that_of_all_sign_patterns() -> None:
    # three equal differences: 2 of the 8 patterns (all +, all -) are as extreme, so p tends to 1/4; .1 tests the rounding of ties
    assert paired_test([0.1] * 3, [0.0] * 3) == pytest.approx(0.25, abs=0.02)
    assert paired_test([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]) == 1
    # a case undefined in one system does not count
    assert paired_test([0.1] * 3 + [np.nan, 5], [0.0] * 3 + [0, np.nan]) == pytest.approx(0.25, abs=0.02)


def test_a_pair_needs_the_same_cases() -> None:
    with pytest.raises(DataError, match=r"the first system has values of shape \(3,\), the second of \(2,\)"):
        paired_test([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="no case in which both have a value"):
        paired_test([1, np.nan], [np.nan, 1])
    with pytest.raises(SettingError, match="resamples = 0"):
        paired_test([1, 2], [1, 3], resamples=0)


def test_holm_by_hand() -> None:
    # sorted .005 x4 = .02, .01 x3 = .03, .03 x2 = .06, .04 x1 = .04 -> raised to .06
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(corrected) == ["a", "b", "c", "d"]
    assert list(corrected.values()) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm({"x": 0.7, "y": 0.9}) == {"x": 1.0, "y": 1.0}
    assert holm({}) == {}
    for bad in (1.5, -0.1, float("nan")):
        with pytest.raises(DataError, match=r"p-values must lie in 0\.\.1"):
            holm({"x": bad})


def _systems() -> dict[str, np.ndarray]:
    rng = RNG(9)
    base = rng.random(300)
    return {"weak": base - 0.2 + 0.1 * rng.random(300), "best": base, "close": base + 0.2 * rng.random(300) - 0.1}


def test_best_against_the_rest() -> None:
    systems = _systems()
    systems["best"] = systems["best"] + 0.02
    results = compare_systems(systems, resamples=999)
    assert [(r.system_a, r.system_b) for r in results] == [("best", "weak"), ("best", "close")]
    first = results[0]
    assert first.difference == pytest.approx((systems["best"] - systems["weak"]).mean())
    assert first.low < first.difference < first.high and first.low > 0
    assert first.p == 1 / 1000 and first.p_holm == pytest.approx(2 / 1000)
    assert first.cases == 300
    low, high = bootstrap_ci(systems["best"] - systems["weak"])
    assert (first.low, first.high) == pytest.approx((float(low), float(high)))


def test_all_pairs_and_lower_is_better() -> None:
    systems = _systems()
    pairs = [(r.system_a, r.system_b) for r in compare_systems(systems, pairs="all", resamples=99)]
    assert pairs == [("weak", "best"), ("weak", "close"), ("best", "close")]
    assert {r.system_a for r in compare_systems(systems, higher_is_better=False, resamples=99)} == {"weak"}


def test_a_comparison_skips_undefined_cases() -> None:
    systems = _systems()
    systems["weak"][:100] = np.nan
    result = compare_systems({name: systems[name] for name in ("weak", "best")}, resamples=99)[0]
    assert result.cases == 200
    assert result.difference == pytest.approx((systems["best"] - systems["weak"])[100:].mean())


def test_comparisons_that_cannot_be_made() -> None:
    with pytest.raises(DataError, match="needs at least two systems, got 1"):
        compare_systems({"a": np.ones(3)})
    with pytest.raises(DataError, match=r"a has values of shape \(3,\), b of \(4,\)"):
        compare_systems({"a": np.ones(3), "b": np.zeros(4)})
    with pytest.raises(DataError, match="b has no case with a value"):
        compare_systems({"a": np.ones(3), "b": np.full(3, np.nan)})
    with pytest.raises(SettingError, match="pairs = 'some' is unknown: choose 'best' or 'all'"):
        compare_systems({"a": np.ones(3), "b": np.ones(3)}, pairs="some")  # type: ignore[arg-type]


def test_strata_count_alike_and_cases_stay_in_theirs() -> None:
    """A stratum without spread adds nothing but its mean, however large it is: the interval is half that of the other one."""
    values = RNG(3).normal(2.0, 1.0, size=(1, 400))
    low, high = stratified_ci([values, np.full((1, 9999), 6.0)], resamples=2000)
    half = norm.ppf(0.975) * values.std() / np.sqrt(400) / 2
    middle = (values.mean() + 6.0) / 2
    assert low.shape == (1,)
    assert low[0] == pytest.approx(middle - half, abs=0.15 * half)
    assert high[0] == pytest.approx(middle + half, abs=0.15 * half)


def test_the_strata_are_drawn_apart() -> None:
    """Drawn alike, the draws of two equal strata of opposite sign would cancel each other out."""
    values = RNG(4).normal(0.0, 1.0, size=(1, 100))
    low, high = stratified_ci([values, -values])
    assert high[0] - low[0] > 0.1


@pytest.mark.parametrize("strata", [[], [np.zeros((1, 0))], [np.zeros(3)], [np.zeros((1, 3)), np.zeros((2, 3))]])
def test_strata_of_odd_shapes_are_refused(strata: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match="strata must be arrays"):
        stratified_ci(strata)
