"""What a run has said, kept in its folder: for people who want to read it, and for comparisons, which need every sentence.

reasons.json holds, of each interaction that was asked about, user, item, what the run said and what was really said, and how likely the run finds the
latter (`nll`, in nats, of its `tokens`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tastelm.data.explanations import explains
from tastelm.data.split import Part, Split
from tastelm.explaining import CASES, Reasons, asked_of, give_reasons
from tastelm.files import write_json
from tastelm.foreseen import Foreseen
from tastelm.plm.endpoint_meter import PerThousand
from tastelm.plm.meter import Took
from tastelm.runs import is_run, load, read_metrics

FILE = "reasons.json"


def keep(said: Reasons, split: Split, folder: Path, *, part: Part = Part.TEST) -> None:
    """Write what was said of a part into a run folder. Raises OutputError."""
    asked = said.asked
    columns: dict[str, Any] = {"user": split.users.decode(asked.users), "item": split.items.decode(asked.items), "said": said.texts, "true": asked.texts}
    columns |= {"feature": asked.features}
    columns |= {} if said.ratings is None else {"rating": said.ratings.tolist()}
    about = _about(split, part) | {"of": said.of, "given": said.given} | ({} if said.took is None else said.took.plain())
    if said.foreseen is not None:
        columns |= {"nll": said.foreseen.nll.tolist(), "tokens": said.foreseen.lengths.tolist()}
        about |= {"tokenizer": said.foreseen.tokenizer}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    write_json(folder / FILE, about | {"reasons": rows})


def kept(split: Split, folder: Path, *, part: Part = Part.TEST) -> Reasons | None:
    """What is kept in a run folder of what was asked about the part; None where nothing is, or it is of other questions or damaged."""
    try:
        content = json.loads((folder / FILE).read_bytes())
        rows = content["reasons"]
        found = asked_of(split, part, owner="the comparison", seed=split.seed)
        if found is None or {name: content[name] for name in _about(split, part)} != _about(split, part) or len(rows) != len(found[0]):
            return None
        ratings, foreseen = (np.array([row["rating"] for row in rows], np.float64) if "rating" in rows[0] else None), None
        if "tokenizer" in content:
            nll = np.array([np.nan if row["nll"] is None else row["nll"] for row in rows], np.float64)
            foreseen = Foreseen(nll, np.array([row["tokens"] for row in rows], np.int64), str(content["tokenizer"]))
        cost = PerThousand(**content["cost"]) if "cost" in content else None
        took = Took(float(content["seconds"]), cost) if "seconds" in content else None
        return Reasons(found[0], int(content["of"]), tuple(str(row["said"]) for row in rows), ratings, took, foreseen, bool(content.get("given")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def said_by(run: Path, split: Split) -> Reasons | None:
    """What the run in a folder has said of the test part, of the data that it was trained on; it is asked now where that was not kept.

    None where it gives no reasons, or is not there any more. Raises RunError for a damaged folder, MissingExtra where a library is missing.
    """
    if not explains(split) or not is_run(run):
        return None
    if (found := kept(split, run)) is None and "explanation" in read_metrics(run):
        found = give_reasons(load(run), split, seed=split.seed)
        if found is not None:
            keep(found, split, run)
    return found


def _about(split: Split, part: Part) -> dict[str, Any]:
    """What must be alike for sentences to be about the same."""
    return {"split": split.fingerprint, "part": part.name.lower(), "seed": split.seed, "cases": CASES}
