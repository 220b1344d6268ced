"""The page about the survey's tables shows the results that are kept."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_tables_of_the_page_are_those_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("benchmarks/survey", "benchmarks"):
        monkeypatch.syspath_prepend(ROOT / folder)
    tables = importlib.import_module("tables")
    page = (ROOT / "docs" / "survey.md").read_text()
    blocks = tables.BLOCK.findall(page)
    assert "Beauty/leaderboard.md" in blocks and "Beauty/improvements.md" in blocks
    assert tables.embedded(page, tables.RESULTS) == page, "run: python benchmarks/survey/tables.py --tables-only"
    spoiled = page.replace("| sasrec |", "| sasrec | 1.0000 |", 1)
    assert spoiled != page and tables.embedded(spoiled, tables.RESULTS) == page, "a number that was typed in is put right"
    for name in ("tables", "rows", "common"):
        sys.modules.pop(name, None)
