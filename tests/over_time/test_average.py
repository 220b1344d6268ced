"""The average over time is the mean of the windows' means, and its interval is of sessions within windows."""

import numpy as np
import pytest

from tastelm.over_time.average import average, difference, main_metric, to_markdown, to_table

# Two windows of 2 and 4 sessions.
ONE = [{"hr@20": np.array([1.0, 0.0])}, {"hr@20": np.array([1.0, 1.0, 1.0, 0.0])}]
TWO = [{"hr@20": np.array([1.0, 1.0])}, {"hr@20": np.array([0.0, 1.0, 0.0, 0.0])}]
DATA = {"name": "toy", "fingerprint": "0" * 16, "users": 9, "items": 3, "interactions": 30}
EVALUATION = {
    "protocol": "windows:1d", "mode": "cold", "budget": None, "seeds": [0, 1], "metrics": ["hr@20"],
    "windows": [{"label": "1970-01-02", "test": 2}, {"label": "1970-01-03", "test": 4}],
}  # fmt: skip


def test_every_window_counts_alike() -> None:
    found = average([ONE])
    assert found["metrics"] == {"hr@20": pytest.approx((1 / 2 + 3 / 4) / 2)}
    assert found["windows"] == [{"hr@20": 0.5}, {"hr@20": 0.75}]
    low, high = found["ci95"]["hr@20"]
    assert 0.1 < low < 0.4 and 0.8 < high <= 1.0


def test_seeds_are_averaged_and_told() -> None:
    found = average([ONE, TWO])
    assert [seed["hr@20"] for seed in found["seeds"]] == [pytest.approx(0.625), pytest.approx(0.625)]
    assert found["windows"] == [{"hr@20": pytest.approx(0.75)}, {"hr@20": pytest.approx(0.5)}]
    assert found["metrics"]["hr@20"] == pytest.approx(0.625)


def test_a_difference_is_of_the_same_sessions() -> None:
    same = difference([ONE], [ONE], "hr@20")
    assert same == {"difference": 0.0, "low": 0.0, "high": 0.0}, "paired: without a difference in any session there is no doubt"
    found = difference([TWO], [ONE], "hr@20")
    assert found["difference"] == pytest.approx((1 / 2 - 2 / 4) / 2)
    assert found["low"] < 0 < found["high"]


def test_the_table_is_in_order_and_failures_stand_last() -> None:
    worse = [{"hr@20": np.zeros(2)}, {"hr@20": np.zeros(4)}]
    rows = [{"system": "broken", "error": "DataError:\nno | items"}, {"system": "bad", "seconds": 1.0}, {"system": "good", "seconds": 2.0}]
    table = to_table(DATA, EVALUATION, rows, {"bad": [worse, worse], "good": [ONE, TWO]})
    assert [row["system"] for row in table.rows] == ["good", "bad", "broken"]
    assert table.row("bad")["against_best"]["difference"] == pytest.approx(-0.625)
    assert "against_best" not in table.row("good")
    page = to_markdown(table)
    assert page.startswith("# toy over time: 9 sessions, 3 items, 30 events\n\n| system | hr@20 | over seeds | fit s | against the best |")
    assert "| good | 0.7500 | 0.5000 |" in page and "| bad | 0.0000 | 0.0000 |" in page
    assert "Mean over 2 windows (windows:1d, 1970-01-02 to 1970-01-03) of the mean over their 2 + 4 test sessions" in page
    assert "broken failed: DataError: no | items" in page
    with pytest.raises(KeyError):
        table.row("nobody")


def test_the_main_metric_is_the_papers_where_it_is_asked_for() -> None:
    assert main_metric(["hr@20", "ndcg@20"]) == "ndcg@20"
    assert main_metric(["mrr", "hr@5"]) == "mrr"
