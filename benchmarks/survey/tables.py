"""The survey's Tables 4 and 5 again: every sequence system on Beauty, Sports and Yelp, under one full-ranking protocol.

    python benchmarks/survey/tables.py                       # all sets; hours. Interrupted, the same command goes on
    python benchmarks/survey/tables.py --data Beauty --systems popularity,markov,sasrec
    python benchmarks/survey/tables.py --tune 1h             # first search settings on Beauty's valid part where settings/ has none
    python benchmarks/survey/tables.py --tables-only         # write the tables of what is there

A set's leaderboard, with intervals and paired tests, is what `tastelm compare` writes, in `results/survey/SET`. The systems of the survey's
tables are judged once more under the two sampled protocols that the tables mixed, from the same trained models.
Settings come from `settings/SYSTEM.toml`; a system without a file has its defaults. Nothing is chosen by the test part.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Any

from rows import RESULTS, ROOT, SEED, SETS, SETTINGS, judge, split_of, stored

import tastelm as tl
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.evaluation import protocol
from tastelm.files import write_text
from tastelm.metrics import parse_metrics
from tastelm.systems.catalogue import system

# What costs least and what the survey's tables are about comes first, so that an interrupted run has it.
SYSTEMS = (
    "popularity", "next-integer", "itemknn", "ease", "markov", "sknn", "sasrec", "gru4rec", "caser", "bert4rec", "s3rec", "transformers4rec", "uprec",
    "resetbert4rec", "peterrec", "fdsa", "hstu", "cl4srec", "gsasrec", "grec", "bpr-mf",
)  # fmt: skip
SAMPLED = ("uniform-99", "popularity-100")
# Table 4 is about Beauty, Table 5 about Yelp: the rows that pre-train on sequences, and the baselines they are told against.
TABLE = {"Beauty": (("bert4rec", "s3rec"), ("caser", "gru4rec", "sasrec")), "Yelp": (("uprec", "s3rec"), ("caser", "sasrec", "bert4rec", "gru4rec"))}
# The page that says what held up; its tables are those of the results.
PAGE = ROOT / "docs" / "survey.md"
BLOCK = re.compile(r"<!-- (\S+\.md) -->\n.*?<!-- end -->", re.DOTALL)
PRINTED = ("hr@5", "ndcg@5", "hr@10", "ndcg@10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--budget", default="10m", help="longest training of a system on a set")
    parser.add_argument("--tune", help="time for the search of each system that has no settings yet, such as 1h")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--tables-only", action="store_true")
    args = parser.parse_args()
    systems = args.systems.split(",")
    if args.tune and not args.tables_only:
        search(systems, args.tune, args.out)
    for name in args.data:
        if not args.tables_only:
            measure(name, systems, args)
        if (args.out / name / "leaderboard.json").is_file() and name in TABLE:
            write_text(args.out / name / "improvements.md", improvements(name, args.out / name))
    if args.out == RESULTS:
        write_text(PAGE, embedded(PAGE.read_text(), RESULTS))


def search(systems: list[str], budget: str, out: Path) -> None:
    """The best settings of each system on the valid part of Beauty, where nobody chose any yet."""
    for name in systems:
        if not (SETTINGS / f"{name}.toml").is_file() and system(name).card.space:
            tl.tune(name, split_of("Beauty").dataset, budget=budget, set=half(name), out=out / "tuning" / name)
            shutil.copy(out / "tuning" / name / "best.toml", SETTINGS / f"{name}.toml")


def half(name: str) -> dict[str, str]:
    """Every system that scores the whole catalogue in training does so in bfloat16 here: sasrec on Beauty scores the same with it."""
    return {"softmax": "bfloat16"} if hasattr(system(name).Config(), "softmax") else {}


def measure(name: str, systems: list[str], args: argparse.Namespace) -> None:
    """Train and compare, and judge the trained models under the sampled protocols."""
    folder, split = args.out / name, split_of(name)
    # What was measured before stands in the table too; it is not trained again.
    systems = [one for one in SYSTEMS if one in systems or (folder / "rows" / f"{one}.json").is_file()] + [one for one in systems if one not in SYSTEMS]
    files = [SETTINGS / f"{system}.toml" for system in systems if (SETTINGS / f"{system}.toml").is_file()]
    said = f"python benchmarks/survey/tables.py --data {name} --systems {','.join(systems)} --budget {args.budget} --seed {args.seed}"
    precision = {f"{one}.{setting}": value for one in systems for setting, value in half(one).items()}
    board = tl.compare(split.dataset, systems, config=files, set=precision, budget=args.budget, seed=args.seed, out=folder, command=said)
    for row in board.rows:
        print(name, row["system"], row.get("error") or {metric: round(row["metrics"][metric], 4) for metric in ("hr@10", "ndcg@10")}, flush=True)
    if name in TABLE:
        for one in sum(TABLE[name], ()):
            if one in systems:
                judge_sampled(one, split, folder)


def judge_sampled(name: str, split: Split, folder: Path) -> None:
    """The trained model of a row under the sampled protocols, if they are not stored yet. The row's run folder must still be there."""
    row = json.loads((folder / "rows" / f"{name}.json").read_bytes())
    for ranking in SAMPLED:
        place = folder / ranking / f"{name}.json"
        if stored(place, row["key"]) is None:
            runs = sorted((folder / "runs").glob(f"{name}-*"), key=lambda run: run.stat().st_mtime)
            if not runs:
                print(f"{name}: its trained model is gone, so it cannot be judged under {ranking}. Delete {folder / 'rows' / name}.json to train it again.")
                continue
            question = protocol(split, ranking=ranking, metrics=parse_metrics("hr@1 hr@5 ndcg@5 hr@10 ndcg@10 mrr"), seed=split.seed)
            judge(tl.load(runs[-1]), question, row["key"], place)


def improvements(name: str, folder: Path) -> str:
    """The survey's table of a set: improvements in percent, each within one protocol, with 95 % paired intervals over users."""
    ours, baselines = TABLE[name]
    lines = [f"# Relative improvements on {name}", ""]
    for ranking, place in (("all items ranked", "rows"), *((f"sampled, {ranking}", ranking) for ranking in SAMPLED)):
        lines += [f"## {ranking}", "", "| system | against | " + " | ".join(PRINTED) + " |", "|" + "---|" * (2 + len(PRINTED))]
        for one in ours:
            for other in baselines:
                if one != other:
                    lines.append(f"| {one} | {other} | " + " | ".join(_cell(folder / place, one, other, metric) for metric in PRINTED) + " |")
        lines.append("")
    return "\n".join(lines)


def embedded(page: str, results: Path) -> str:
    """The page with the tables of the results in its blocks, their headings two levels down; a block whose file is not there stays as it is."""

    def block(found: re.Match[str]) -> str:
        place = results / found[1]
        if not place.is_file():
            return found[0]
        text = re.sub(r"^#", "###", place.read_text().strip(), flags=re.MULTILINE)
        return f"<!-- {found[1]} -->\n{text}\n<!-- end -->"

    return BLOCK.sub(block, page)


def _cell(folder: Path, one: str, other: str, metric: str) -> str:
    places: list[Any] = [folder / f"{name}.json" for name in (one, other)]
    if not all(place.is_file() for place in places):
        return "-"
    try:
        return str(tl.relative_improvement(*places, metric))
    except SettingError as error:
        return str(error)


if __name__ == "__main__":
    main()
