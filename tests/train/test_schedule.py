"""The learning rate over a stage."""

import numpy as np
import pytest

from tastelm.train.schedule import Course, Schedule

PLAIN = Schedule(warmup=10, patience=2, cooldown=0.5)


def test_the_rate_rises_over_the_warm_up_and_is_held() -> None:
    rates = [Course().rate(PLAIN, step, 0.0) for step in range(40)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    assert set(rates[10:]) == {1.0}
    assert Course().rate(Schedule(warmup=0), 0, 0.0) == 1


def test_the_rate_falls_over_the_last_third_of_a_budget() -> None:
    """A fall of half the steps before it is a third of the whole."""
    assert PLAIN.tail == pytest.approx(1 / 3)
    rates = [Course().rate(PLAIN, 100, used) for used in (0, 0.5, 0.66, 2 / 3, 0.75, 5 / 6, 1.0, 1.2)]
    np.testing.assert_allclose(rates, [1, 1, 1, 1, 0.75, 0.5, 0, 0], atol=1e-12)


def test_the_plateau_starts_the_fall_and_its_end_ends_the_stage() -> None:
    course = Course()
    seen = [course.saw(PLAIN, metric, step, 10) for metric, step in ((0.1, 10), (0.3, 20), (0.3, 30))]
    assert seen == [True, True, False] and course.cool_from == -1 and not course.over(10**9), "level is no improvement; patience is 2"
    assert not course.saw(PLAIN, 0.2, 40, 10)
    assert (course.best, course.best_step, course.cool_from, course.cool_for) == (0.3, 20, 40, 20)
    np.testing.assert_allclose([course.rate(PLAIN, step, 0.0) for step in (40, 50, 59, 60, 70)], [1, 0.5, 0.05, 0, 0])
    assert not course.over(59) and course.over(60)


def test_an_improvement_during_the_fall_is_kept_but_does_not_stop_it() -> None:
    course = Course()
    for metric, step in ((0.5, 10), (0.1, 20), (0.1, 30)):
        course.saw(PLAIN, metric, step, 10)
    assert course.saw(PLAIN, 0.9, 40, 10) and course.best_step == 40 and course.cool_from == 30


def test_the_fall_lasts_until_the_next_look_at_least() -> None:
    course = Course()
    for step in (10, 20, 30):
        course.saw(Schedule(patience=2, cooldown=0.1), 0.0 if step == 10 else -1.0, step, 10)
    assert course.cool_for == 10


def test_linear_falls_to_the_end_of_the_budget_and_does_not_mind_a_plateau() -> None:
    linear, course = Schedule("linear", warmup=10, patience=1), Course()
    np.testing.assert_allclose([course.rate(linear, step, step / 100) for step in (0, 9, 50, 100)], [0.1, 0.91, 0.5, 0])
    for step in (10, 20, 30):
        course.saw(linear, -step, step, 10)
    assert not course.over(10**9) and course.rate(linear, 50, 0.5) == 0.5


def test_constant_holds_and_stops_on_the_plateau() -> None:
    constant, course = Schedule("constant", warmup=10, patience=1), Course()
    assert [course.rate(constant, step, used) for step, used in ((4, 0.0), (50, 0.5), (99, 0.99))] == [0.5, 1, 1]
    course.saw(constant, 0.5, 10, 10)
    assert not course.over(10)
    course.saw(constant, 0.5, 20, 10)
    assert course.over(20)


def test_a_metric_that_is_no_number_is_never_the_best() -> None:
    course = Course()
    assert not course.saw(PLAIN, float("nan"), 10, 10) and course.bad == 1
    assert course.saw(PLAIN, 0.0, 20, 10)
