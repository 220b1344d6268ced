"""Whose reasons are better: side by side in a comparison, on the same interactions, and without a ranking that is none."""

import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cli.running import done
from rich.console import Console
from test_explaining import data, speaker

import tastelm as tl
from tastelm.contest import Contest
from tastelm.data.split import split
from tastelm.errors import SettingError
from tastelm.explaining import differences, give_reasons, judge_reasons
from tastelm.foreseen import Foreseen
from tastelm.leaderboard import reasons_table
from tastelm.leaderboard.reasons import NOTHING, reasons_markdown, variants
from tastelm.prompting.reasons import reasoned
from tastelm.said import FILE, kept, said_by
from tastelm.testing import SMALL, circle, reasons

PEPLER = {"pepler.model": SMALL["model"], "pepler.batch": 32}
SETTINGS = PEPLER | {"nrt.dim": 16, "nrt.vocabulary": 300, "nrt.hidden": 16}
PROTOCOL = "random:0.7,0.1"


def contest() -> Contest:
    """One who knows what is so, one who says of everything what is so of a quarter, and one who is silent."""
    parts = data()
    found = Contest(parts)
    for name, knows in (("dull", False), ("right", True)):
        said = give_reasons(speaker(parts, knows=knows), parts)
        assert said is not None
        found.enter(name, said)
    found.enter("silent", type(said)(said.asked, said.of, ("",) * len(said.texts), None))
    return found


def test_the_best_of_each_measure_is_held_against_the_others_on_the_same_interactions() -> None:
    told = contest().table()
    assert told is not None and [row["system"] for row in told["rows"]] == ["right", "dull", "silent"]
    assert {told["best"][name] for name in ("bleu-4", "rouge-1", "fmr", "rmse", "mae")} == {"right"}, "of errors the lower is the better"
    tests = {(test["measure"], test["system_b"]): test for test in told["tests"]}
    values = {row["system"]: row["metrics"] for row in told["rows"]}
    fmr, rmse = tests["fmr", "dull"], tests["rmse", "dull"]
    assert fmr["difference"] == pytest.approx(values["right"]["fmr"] - values["dull"]["fmr"]) and fmr["low"] > 0 > rmse["high"]
    assert ("rmse", "silent") not in tests and "rmse" not in values["silent"]
    assert [row["empty"] for row in told["rows"]] == [0, 0, told["rows"][2]["cases"]]


def test_where_all_are_alike_none_is_the_best() -> None:
    parts = data()
    found = Contest(parts)
    assert found.table() is None
    for name in ("one", "two"):
        said = give_reasons(speaker(parts, knows=True), parts)
        assert said is not None
        found.enter(name, said)
    told = found.table()
    assert told is not None and told["best"] == {} and told["tests"] == []


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_number_is_cut_and_each_says_how_it_stands(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    told = contest().table()
    assert told is not None
    console.print(reasons_table(told))
    text = console.export_text()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    assert "100.0000" in text and "Reasons in which nothing was written: silent" in " ".join(text.split())
    lines = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in reasons_markdown(told) if line.startswith("| ")}
    assert lines["measure"] == ["right", "dull", "silent"]
    assert lines["fmr ↑"][0] == "1.0000 ±0.0000 best" and lines["fmr ↑"][1].endswith(" \\*") and lines["rmse ↓"][2] == "-"
    assert f"  - silent: {NOTHING}" in reasons_markdown(told)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("contest")
    tl.compare(reasons(20), "pepler,popularity,nrt", set=SETTINGS, budget="6steps", split=PROTOCOL, out=place)
    return place


def test_who_gives_reasons_alone_has_no_row_in_the_ranking(folder: Path) -> None:
    board = json.loads((folder / "leaderboard.json").read_bytes())
    rows = {row["system"]: row for row in board["rows"]}
    assert [row["system"] for row in board["rows"]][-1] == "pepler" and rows["pepler"]["metrics"] == {} and rows["pepler"]["ranks"] is False
    assert rows["nrt"]["metrics"] and "pepler" not in {test["system_b"] for test in board["tests"]}
    assert {row["system"] for row in board["reasons"]["rows"]} == {"pepler", "nrt"}
    written, page = (folder / "leaderboard.md").read_text(), (folder / "report.html").read_text()
    assert "\n| pepler |" not in written and "| nrt | 0." in written and "| measure |" in written and "\n- user " in written
    assert "pepler: gives reasons and ranks nothing" in written
    assert '<h2 id="h-reasons">' in page and "pepler ranks nothing and gives reasons." in page and "bleu-4 ↑" in page
    metrics = json.loads(next(folder.glob("runs/pepler-*/metrics.json")).read_bytes())
    assert "test" not in metrics and metrics["explanation"]["test"]["metrics"].keys() >= {"bleu-4", "fmr"}


def untimed(folder: Path) -> dict[str, Any]:
    """The reasons of a leaderboard, without how long writing took."""
    found: dict[str, Any] = json.loads((folder / "leaderboard.json").read_bytes())["reasons"]
    return found | {"rows": [{name: value for name, value in row.items() if name not in ("seconds", "cost")} for row in found["rows"]]}


def test_reasons_are_those_that_the_runs_keep_and_are_asked_again_only_where_they_do_not(folder: Path) -> None:
    parts = split(reasons(20), PROTOCOL)
    run = next(folder.glob("runs/nrt-*"))
    rows = json.loads((run / FILE).read_bytes())["reasons"]
    found = kept(parts, run)
    assert found is not None and [row["said"] for row in rows] == list(found.texts) and [row["true"] for row in rows] == list(found.asked.texts)
    assert tl.load(run).explain(rows[0]["item"], user=rows[0]["user"]).text == rows[0]["said"]
    assert kept(split(reasons(20), PROTOCOL, seed=1), run) is None, "another split asks about others"
    before = untimed(folder)
    (run / FILE).write_text("{")
    again = tl.compare(reasons(20), "pepler,popularity,nrt", set=SETTINGS, budget="6steps", split=PROTOCOL, out=folder)
    assert untimed(folder) == before and kept(parts, run) is not None and again.reasons is not None
    assert said_by(next(folder.glob("runs/popularity-*")), parts) is None and said_by(folder / "nowhere", parts) is None


def test_what_a_language_model_writes_is_on_the_label(folder: Path) -> None:
    rows = {row["system"]: row for row in json.loads((folder / "leaderboard.json").read_bytes())["reasons"]["rows"]}
    cost, cases = rows["pepler"]["cost"], rows["pepler"]["cases"]
    assert cost["tokens"] >= 1000 and cost["money"] is None and cost["seconds"] == pytest.approx(1000 * rows["pepler"]["seconds"] / cases, rel=0.01)
    assert "cost" not in rows["nrt"] and rows["nrt"]["seconds"] > 0
    fitted = json.loads(next(folder.glob("runs/pepler-*/metrics.json")).read_bytes())["explanation"]["test"]
    assert fitted["cost"] == cost
    written, page = (folder / "leaderboard.md").read_text(), (folder / "report.html").read_text()
    assert f"| tokens/1k | {cost['tokens']:,.0f} | - |" in written or f"| tokens/1k | - | {cost['tokens']:,.0f} |" in written
    assert "for 1,000 reasons" in written and "$/1k" not in written and f"{cost['tokens']:,.0f}" in page
    parts, run = split(reasons(20), PROTOCOL), next(folder.glob("runs/pepler-*"))
    again = judge_reasons(tl.load(run), parts)["cost"]
    assert again["tokens"] == cost["tokens"], "the same questions cost the same again"
    paid = contest().table()
    assert paid is not None
    paid["rows"][0] |= {"cost": {"tokens": 1234.0, "seconds": 5.0, "money": 0.25}}
    lines = [line for line in reasons_markdown(paid) if line.startswith(("| tokens", "| s/1k", "| $"))]
    assert lines[0] == "| tokens/1k | 1,234 | - | - |" and lines[1].startswith("| s/1k | 5.0 | 0.") and lines[2] == "| $/1k | 0.2500 | - | - |"


def test_a_system_whose_run_is_gone_is_trained_again_and_misses_in_no_table(folder: Path) -> None:
    before = untimed(folder)
    gone = next(folder.glob("runs/nrt-*"))
    shutil.rmtree(gone)
    tl.compare(reasons(20), "pepler,popularity,nrt", set=SETTINGS, budget="6steps", split=PROTOCOL, out=folder)
    assert untimed(folder) == before and (gone / FILE).is_file()


def test_a_row_of_before_that_told_how_popular_items_rank_is_made_anew(folder: Path) -> None:
    place = folder / "rows" / "pepler.json"
    row = json.loads(place.read_bytes())
    place.write_text(json.dumps({name: value for name, value in row.items() if name != "ranks"} | {"metrics": {"ndcg@10": 0.9}, "ci95": {}}))
    board = tl.compare(reasons(20), "pepler,popularity,nrt", set=SETTINGS, budget="6steps", split=PROTOCOL, out=folder)
    assert board.row("pepler")["metrics"] == {} and json.loads(place.read_bytes())["ranks"] is False


def test_without_anybody_who_ranks_there_is_a_table_of_reasons_alone(tmp_path: Path) -> None:
    reasons(20).interactions.write_csv(tmp_path / "told.csv")
    words = [word for name, value in PEPLER.items() for word in ("--set", f"{name}={value}")]
    said = done("compare", "--data", tmp_path / "told.csv", "--systems", "pepler", "--budget", "2steps", "--split", PROTOCOL, "--out", tmp_path / "out", *words)
    assert "pepler: gives reasons, and ranks nothing" in said.err and "ndcg@10" not in said.out and "bleu-4 ↑" in said.out
    page = (tmp_path / "out" / "report.html").read_text()
    assert "No system of this comparison ranks anything." in page and "Every system failed" not in page
    fitted = done("fit", "pepler", "--data", tmp_path / "told.csv", "--budget", "2steps", "--split", PROTOCOL, "--out", tmp_path / "run",
                  *[word.removeprefix("pepler.") for word in words])  # fmt: skip
    assert "ndcg@10" not in fitted.out and "bleu-4" in fitted.out and "pepler gives reasons and ranks nothing" in fitted.err
    assert "1,000 reasons cost" in fitted.out
    judged = done("evaluate", tmp_path / "run", "--data", tmp_path / "told.csv")
    assert "ndcg@10" not in judged.out and "bleu-4" in judged.out and "pepler gives reasons and ranks nothing" in judged.err


def test_a_comparison_without_reasons_says_nothing_of_them(tmp_path: Path) -> None:
    board = tl.compare(circle(20), "popularity", out=tmp_path)
    assert board.reasons is None and "Reasons" not in (tmp_path / "leaderboard.md").read_text()
    assert 'id="reasons"' not in (tmp_path / "report.html").read_text()


def test_a_likelihood_is_told_of_what_all_read_to_the_end_and_perplexity_of_like_tokens_alone() -> None:
    parts = data()
    first = give_reasons(speaker(parts, knows=True), parts)
    assert first is not None
    texts, count = first.asked.texts, len(first.texts)
    lengths, characters = np.full(count, 5), np.array([len(text) for text in texts])
    nll = np.full(count, 7.0)
    short = np.where(np.arange(count) < 4, np.nan, 14.0)
    found = Contest(parts)
    found.enter("one", replace(first, foreseen=Foreseen(nll, lengths, "300 tokens of theirs")))
    alone = found.table()
    assert alone is not None and alone["rows"][0]["counted"]["bits"] == count
    assert alone["rows"][0]["metrics"]["perplexity"] == pytest.approx(np.exp(7 / 5))
    found.enter("two", replace(first, foreseen=Foreseen(short, lengths, "300 tokens of theirs")))
    both = found.table()
    assert both is not None and [row["counted"]["perplexity"] for row in both["rows"]] == [count - 4] * 2
    bits = {row["system"]: row["metrics"]["bits"] for row in both["rows"]}
    assert bits["one"] == pytest.approx(7 * (count - 4) / np.log(2) / characters[4:].sum()) and bits["two"] == pytest.approx(2 * bits["one"])
    assert both["best"] == {"bits": "one", "perplexity": "one"}
    found.enter("three", replace(first, foreseen=Foreseen(nll, lengths + 1, "300 tokens of theirs")))
    told = found.table()
    assert told is not None and "perplexity" not in told["best"] and told["best"]["bits"] == "one"
    assert "300 tokens of theirs, " in told["rows"][0]["variants"]["perplexity"]
    assert {name for name, _ in variants(told)} >= {"bits", "perplexity of one", "perplexity of three"}
    pair = differences(replace(first, foreseen=Foreseen(nll, lengths, "a")), replace(first, foreseen=Foreseen(short, lengths, "b")), parts)
    assert "perplexity" not in pair and pair["bits"].high < 0


def test_every_number_says_how_it_was_computed(folder: Path) -> None:
    rows = json.loads((folder / "leaderboard.json").read_bytes())["reasons"]["rows"]
    assert all(row["variants"].keys() == row["metrics"].keys() for row in rows)
    written, page = (folder / "leaderboard.md").read_text(), (folder / "report.html").read_text()
    assert "- bleu-4: `bleu_corpus-4 nrefs:1|case:mixed|eff:no|tok:spaced|smooth:none`\n" in written
    for words in (
        "rouge1-f1 nrefs:1|rouge-score|stem:no",
        "a feature is named where all its words stand one after the other",
        "in small letters",
        "4 features, ",
    ):
        assert words in written and words in page
    assert re.search(r"- perplexity: `tokenizer \d+ tokens of the training sentences, [\d,]+ scored in \d+ sentences, own model`", written)


def test_what_a_run_foresees_is_told_by_fit_and_evaluate_alike_and_kept(folder: Path) -> None:
    parts = split(reasons(20), PROTOCOL)
    for name in ("nrt", "pepler"):
        run = next(folder.glob(f"runs/{name}-*"))
        told = json.loads((run / "metrics.json").read_bytes())["explanation"]["test"]
        again = tl.evaluate(run, reasons(20))["explanation"]
        assert again["metrics"]["bits"] == pytest.approx(told["metrics"]["bits"]) and again["metrics"]["perplexity"] == pytest.approx(
            told["metrics"]["perplexity"]
        )
        found, module = kept(parts, run), tl.load(run).module
        assert found is not None and found.foreseen is not None
        batch = reasoned(found.asked)
        with torch.no_grad():
            np.testing.assert_allclose(found.foreseen.nll, module.nll(batch).numpy() * module.lengths(found.asked.texts), rtol=1e-4)
        assert "tokens of the training sentences" in told["variants"]["perplexity"]


def test_settings_that_no_ranking_tells_apart_are_not_searched(tmp_path: Path) -> None:
    model = {"model": SMALL["model"], "batch": 32}
    with pytest.raises(SettingError, match=r"pepler gives reasons and ranks nothing, so ndcg@10 is the same whatever its settings are\."):
        tl.tune("pepler", reasons(20), trials=1, set=model, split=PROTOCOL)
    study = tl.tune("pepler", reasons(20), trials=1, trial_budget="2steps", set=model | {"training": "joint", "rating": "mf"}, split=PROTOCOL)
    assert study.value is not None
    told = tl.compare(reasons(20), "pepler", set=PEPLER, budget="2steps", tune="1", split=PROTOCOL, out=tmp_path)
    assert told.row("pepler")["tuning"]["trials"] == 0 and "Nothing to tune: pepler." in (tmp_path / "leaderboard.md").read_text()
