"""A leaderboard, printed on terminals of several widths and as Markdown."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from tastelm.leaderboard import WIDE, Leaderboard, to_markdown, to_table


def row(system: str, value: float | None = 0.25, *, interval: tuple[float | None, float | None] | None = (0.2, 0.3), **more: object) -> dict[str, Any]:
    names = ("hr@10", "ndcg@10", "mrr")
    return {
        "system": system, "metrics": dict.fromkeys(names, value) | {"coverage@10": 0.5}, "ci95": dict.fromkeys(names, interval) if interval else {},
        "seconds": {"fit": 12345.6, "evaluate": 1.5}, "peak_mib": 12345.0, "parameters": 123_456_789, **more,
    }  # fmt: skip


def board(*rows: dict[str, Any], tests: list[dict[str, Any]] | None = None) -> Leaderboard:
    return Leaderboard(
        data={"name": "toy", "fingerprint": "0123456789abcdef", "users": 1234, "items": 56, "interactions": 7890},
        protocol="full", budget=None, rows=rows, tests=tests or [],
        evaluation={"seen_items": "set aside", "split": "leave-one-out", "cases": 1234, "part": "test", "main": "ndcg@10"},
    )  # fmt: skip


@pytest.mark.parametrize(("best", "difference", "p", "cell"), [
    ("sasrec", 0.1, 0.01, "-0.1000 *"),
    ("sasrec", 0.1, 0.5, "-0.1000 not told apart"),
    ("sasrec", 0.0, 1.0, "+0.0000 not told apart"),
    ("ease", -0.1, 0.01, "-0.1000 *"),
])  # fmt: skip
def test_the_rival_is_told_how_far_it_is_behind(best: str, difference: float, p: float, cell: str) -> None:
    rival = "ease" if best == "sasrec" else "sasrec"
    said = to_markdown(board(row("sasrec"), row("ease"), tests=[{"system_a": best, "system_b": rival, "difference": difference, "p_holm": p}]))
    assert f"| {cell} |" in said
    assert "| best |" in said


def printed(leaderboard: Leaderboard, width: int) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(to_table(leaderboard, width=width))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 90, WIDE - 1, WIDE + 15, 140, 200])
def test_no_number_is_ever_cut(width: int) -> None:
    lines = printed(board(row("next-integer"), row("sasrec")), width)
    text = "\n".join(lines)
    assert "…" not in text
    assert max(map(len, lines)) <= width
    numbers = ["0.2500", "±0.0500", "0.5000", "12345.6", "1.5", *(["12,345", "123,456,789"] if width >= WIDE else [])]
    for number in numbers:
        assert len(re.findall(rf"(?<![\d.,±]){re.escape(number)}(?![\d.,])", text)) % 2 == 0 and number in text, number
    assert ("MiB" in text) == ("numbers" in text) == (width >= WIDE)


def test_what_the_table_is_sorted_by_is_always_shown() -> None:
    found = board(row("a") | {"metrics": {"hr@3": 0.5, "mrr": 0.4}})
    found = replace(found, evaluation=found.evaluation | {"main": "hr@3"})
    assert "| system | hr@3 | mrr |" in to_markdown(found) and "hr@3" in "\n".join(printed(found, 80))


def test_failed_rows_stand_last_with_their_error_below() -> None:
    failed = {"system": "ease", "error": "DataError: 9 items\nneed | more [bold]room[/bold]."}
    said = to_markdown(board(row("sasrec"), failed))
    assert "| ease | - | - | - | - | - | - | - | - | failed, see below |" in said
    assert "ease failed: DataError: 9 items need | more [bold]room[/bold]." in said
    assert all(line.count("|") - line.count("\\|") == 11 for line in said.splitlines() if line.startswith("|"))
    for width in (80, 140):
        text = " ".join(" ".join(printed(board(row("sasrec"), failed), width)).split())
        assert "ease failed: DataError: 9 items need | more [bold]room[/bold]." in text
        assert "failed, see below" in text


def test_when_every_system_failed_there_is_still_a_table() -> None:
    said = to_markdown(board({"system": "ease", "error": "no"}))
    assert "| system | fit s | rank s | MiB | numbers | against the best |" in said
    printed(board({"system": "ease", "error": "no"}), 80)


@pytest.mark.parametrize("interval", [None, (None, None), (float("nan"), float("nan"))])
def test_without_an_interval_there_is_the_number_alone(interval: tuple[float | None, float | None] | None) -> None:
    said = to_markdown(board(row("ease", interval=interval)))
    assert "| 0.2500 |" in said and "±0" not in said and "nan" not in said


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_number_that_is_none_is_a_dash(value: float | None) -> None:
    assert "| ease | - | - | - | 0.5000 |" in to_markdown(board(row("ease", value)))


def test_chosen_metrics_stand_in_for_the_usual_ones() -> None:
    chosen = row("ease") | {"metrics": {f"hr@{k}": 0.1 for k in (1, 2, 3, 5, 7)}, "ci95": {}}
    assert "| system | hr@1 | hr@2 | hr@3 | hr@5 | fit s |" in to_markdown(board(chosen))


def test_a_sampled_board_says_so() -> None:
    sampled = Leaderboard(**{**board(row("ease")).to_dict(), "protocol": "uniform-99"})
    assert "SAMPLED ranking, uniform-99: not comparable with full ranking" in to_markdown(sampled)
    assert "all items ranked" in to_markdown(board(row("ease")))
