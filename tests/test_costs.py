"""What 1,000 questions cost stands beside the scores of systems that ask a language model."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cli.running import done
from rich.console import Console
from test_leaderboard import board, row

import tastelm as tl
from tastelm.cli.show import scores_of
from tastelm.data.dataset import Dataset
from tastelm.evaluation import evaluate, protocol
from tastelm.fitting import fit_system
from tastelm.leaderboard import PER_COST, WIDE, Leaderboard, costs_of, to_markdown, to_table
from tastelm.report.record import read_record
from tastelm.report.tables import leaderboard
from tastelm.systems.catalogue import system
from tastelm.testing import SMALL, circle

READER = {"lm-zeroshot.model": SMALL["model"], "lm-zeroshot.shown": 1}
COST = {"tokens": 1234567.8, "seconds": 65.4321, "money": None}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return circle(30)


@pytest.fixture(scope="module")
def folder(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("costs")
    tl.compare(data, "popularity,lm-zeroshot", set=READER, protocol="uniform-4", out=place)
    return place


def test_the_row_of_a_system_that_asks_says_what_it_costs(folder: Path) -> None:
    rows = {found["system"]: found for found in json.loads((folder / "leaderboard.json").read_bytes())["rows"]}
    assert "cost" not in rows["popularity"]
    cost, seconds = rows["lm-zeroshot"]["cost"], rows["lm-zeroshot"]["seconds"]["evaluate"]
    assert cost["tokens"] > 1000 and cost["seconds"] == pytest.approx(1000 * seconds / 30) and cost["money"] is None
    fitted = json.loads(next((folder / "runs").glob("lm-zeroshot-*/metrics.json")).read_bytes())
    assert fitted["test"]["cost"]["tokens"] > 1000


def test_the_tokens_are_those_of_the_questions(data: Dataset) -> None:
    """The same questions cost the same again, and half of them about half as much: nothing is left over from before."""
    parts = tl.split(data)
    module: Any = fit_system(system("lm-zeroshot").create({"model": SMALL["model"], "shown": 1}), parts).recommender.module
    question = protocol(parts, ranking="uniform-4")
    first, again = (evaluate(module, question).cost for _ in range(2))
    half = evaluate(module, protocol(parts, ranking="uniform-4", most=15)).cost
    assert first is not None and again is not None and half is not None
    assert first.tokens == again.tokens and half.tokens == pytest.approx(first.tokens, rel=0.3)


def test_an_evaluation_by_hand_scores_and_costs_as_the_comparison(folder: Path, data: Dataset) -> None:
    """Candidates are asked about alone there too."""
    stored = json.loads((folder / "rows" / "lm-zeroshot.json").read_bytes())
    found = tl.evaluate(next((folder / "runs").glob("lm-zeroshot-*")), data, protocol="uniform-4")
    assert found["metrics"]["ndcg@10"] == pytest.approx(stored["metrics"]["ndcg@10"]) and found["cost"]["tokens"] == stored["cost"]["tokens"]


def test_columns_of_costs_stand_where_some_row_has_them_and_only_there() -> None:
    asks, counts = row("llm-rerank", cost=COST), row("popularity")
    both, paid = to_markdown(board(asks, counts)), to_markdown(board(row("llm-rerank", cost=COST | {"money": 0.0371}), asks, counts))
    assert "| fit s | rank s | tokens/1k | s/1k | MiB |" in both and "1,000 questions" in both
    assert "| 12345.6 | 1.5 | 1,234,568 | 65.4 | 12,345 |" in both and "| 12345.6 | 1.5 | - | 1.2 | 12,345 |" in both
    assert "| tokens/1k | s/1k | $/1k |" in paid and "| 1,234,568 | 65.4 | 0.0371 |" in paid and "| 1,234,568 | 65.4 | - |" in paid
    assert "1k" not in to_markdown(board(counts, row("ease", cost=None)))


def test_a_failed_row_has_as_many_cells() -> None:
    lines = [line for line in to_markdown(board(row("a", cost=COST | {"money": 1.0}), {"system": "b", "error": "no"})).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1 and any("failed, see below" in line for line in lines)


@pytest.mark.parametrize("width", [80, 100, WIDE, WIDE + 3 * PER_COST - 1, WIDE + 3 * PER_COST, 200])
def test_no_cost_is_ever_cut(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(to_table(board(row("transformers4rec", cost=COST | {"money": 12.345}), row("popularity")), width=width))
    text = console.export_text()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    assert all(re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d.,])", text) for number in ("1,234,568", "65.4", "12.35", "1.2", "0.2500"))


def test_seconds_of_others_follow_from_their_ranking() -> None:
    assert costs_of(None, 2.0, 100) == {"tokens/1k": None, "s/1k": 20.0, "$/1k": None}
    assert costs_of({"tokens": 5.0}, 2.0, 100) == {"tokens/1k": 5.0, "s/1k": None, "$/1k": None}, "a row of another version is shown as far as it goes"


def test_the_report_shows_them_and_reads_rows_without(folder: Path, tmp_path: Path) -> None:
    words = (folder / "report.html").read_text()
    assert "tokens/1k" in words and "s/1k" in words and "$/1k" not in words
    content = json.loads((folder / "leaderboard.json").read_bytes())
    for found in content["rows"]:
        found.pop("cost", None)
    (folder / "leaderboard.json").write_text(json.dumps(content))
    table = leaderboard(read_record(folder).board, {found["system"]: at for at, found in enumerate(content["rows"])})
    assert "tokens/1k" not in table.head and {len(line.cells) for line in table.lines} == {len(table.head) - 1}
    for found, cost in zip(content["rows"], (COST | {"money": 2.5}, None), strict=True):
        found["cost"] = cost
    (folder / "leaderboard.json").write_text(json.dumps(content))
    table = leaderboard(read_record(folder).board, {found["system"]: at for at, found in enumerate(content["rows"])})
    at = table.head.index("$/1k") - 1
    assert [(line.cells[at].text, line.cells[at].sort) for line in table.lines] == [("2.50", 2.5), ("–", None)]


def test_the_command_line_says_what_a_run_costs(folder: Path, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    data.interactions.write_csv(tmp_path / "films" / "interactions.csv")
    assert data.items is not None
    data.items.write_csv(tmp_path / "films" / "items.csv")
    said = done("evaluate", next((folder / "runs").glob("lm-zeroshot-*")), "--data", tmp_path / "films", "--protocol", "uniform-4", "--cases", "5").out
    assert re.search(r"1,000 questions cost [\d,]+ tokens of a language model and [\d.]+ s\.", " ".join(said.split()))
    assert "1,000 questions" not in done("evaluate", next((folder / "runs").glob("popularity-*")), "--data", tmp_path / "films").out
    paid = {"test": {"metrics": {}, "ci95": {}, "cost": {"tokens": 1e6, "seconds": 3.0, "money": 0.5}}}
    assert "0.5000 in the currency of the prices" in str(scores_of(paid, title="x").caption)


def test_a_board_without_the_field_is_what_it_was() -> None:
    plain = board(row("ease"), row("popularity"))
    assert Leaderboard(**plain.to_dict()).to_dict() == plain.to_dict() and "| MiB | numbers |" in to_markdown(plain)
