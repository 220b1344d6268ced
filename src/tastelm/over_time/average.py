"""The average over time (AoT): the mean over windows of each window's mean, how sure it is, and the table of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.leaderboard import row_of
from tastelm.metrics import stratified_ci

# Metric -> (C,) values of the sessions of a window.
Values = Mapping[str, NDArray[np.float64]]
# What the table is sorted by; where it is not asked for, the first metric is.
MAIN = "ndcg@20"


@dataclass(frozen=True)
class OverTime:
    """data: name, fingerprint, counts of sessions, items, events; evaluation: windows, mode, budget, seeds, metrics, and the main one of these;
    rows: best first, a failed system last with its error."""

    data: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `over_time.json` holds them."""
        return asdict(self)

    def row(self, system: str) -> Mapping[str, Any]:
        """The row of a system. Raises KeyError."""
        return row_of(self.rows, system)


def average(walks: Sequence[Sequence[Values]]) -> dict[str, Any]:
    """What the values of one system come to; `walks` holds, for each seed, those of each window, the same sessions under every seed.

    metrics  the average over time: every window counts alike, however many sessions it has; the mean over seeds
    ci95     its bootstrap interval over sessions, drawn again within their window; a session's value is its mean over seeds
    seeds    the average over time under each seed
    windows  the mean of each window, over seeds
    """
    names = list(walks[0][0])
    strata = _strata(walks, names)
    means = np.array([stratum.mean(axis=1) for stratum in strata])  # (windows, M)
    low, high = stratified_ci(strata)
    seeds = [np.mean([[values[name].mean() for name in names] for values in windows], axis=0) for windows in walks]
    return {
        "metrics": dict(zip(names, means.mean(axis=0).tolist(), strict=True)),
        "ci95": {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)},
        "seeds": [dict(zip(names, row.tolist(), strict=True)) for row in seeds],
        "windows": [dict(zip(names, row.tolist(), strict=True)) for row in means],
    }


def difference(walks: Sequence[Sequence[Values]], rival: Sequence[Sequence[Values]], metric: str) -> dict[str, float]:
    """The average over time of the first less that of the second, on the same sessions, with its 95 % interval."""
    gaps = [a - b for a, b in zip(_strata(walks, [metric]), _strata(rival, [metric]), strict=True)]
    low, high = stratified_ci(gaps)
    return {"difference": float(np.mean([gap.mean() for gap in gaps])), "low": float(low[0]), "high": float(high[0])}


def main_metric(names: Sequence[str]) -> str:
    """What the table is sorted by."""
    return MAIN if MAIN in names else names[0]


def to_table(
    data: Mapping[str, Any], evaluation: Mapping[str, Any], rows: Sequence[dict[str, Any]], walks: Mapping[str, Sequence[Sequence[Values]]]
) -> OverTime:
    """Rows of systems, some with an `error`, completed by their averages and put in order; `walks` holds the values of the others by system."""
    metrics = evaluation["metrics"]
    main = main_metric(metrics)
    told = [row | average(walks[row["system"]]) if row["system"] in walks else row for row in rows]
    told.sort(key=lambda row: row["metrics"][main] if "metrics" in row else -np.inf, reverse=True)
    for row in told[1:]:
        if "metrics" in row:
            row["against_best"] = difference(walks[row["system"]], walks[told[0]["system"]], main)
    return OverTime(data, {**evaluation, "main": main}, told)


def head(table: OverTime) -> list[str]:
    """The columns of the table."""
    return ["system", *table.evaluation["metrics"], "over seeds", "fit s", "against the best"]


def cells(row: Mapping[str, Any], table: OverTime) -> list[str]:
    """The cells of a row, as text."""
    metrics, main = table.evaluation["metrics"], table.evaluation["main"]
    if "error" in row:
        return [row["system"], *["-"] * (len(metrics) + 2), "failed, see below"]
    numbers = [f"{row['metrics'][name]:.4f} ±{(row['ci95'][name][1] - row['ci95'][name][0]) / 2:.4f}" for name in metrics]
    each = [seed[main] for seed in row["seeds"]]
    spread = f"{min(each):.4f} to {max(each):.4f}" if len(each) > 1 else "-"
    gap = row.get("against_best")
    against = "best" if gap is None else f"{gap['difference']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]"
    return [row["system"], *numbers, spread, f"{row['seconds']:.1f}", against]


def title(table: OverTime) -> str:
    data = table.data
    return f"{data['name']} over time: {data['users']:,} sessions, {data['items']:,} items, {data['interactions']:,} events"


def caption(table: OverTime) -> str:
    said = table.evaluation
    failed = "".join(f"\n{row['system']} failed: {' '.join(row['error'].split())}" for row in table.rows if "error" in row)
    cases = [window["test"] for window in said["windows"]]
    return (
        f"Mean over {len(cases)} windows ({said['protocol']}, {said['windows'][0]['label']} to {said['windows'][-1]['label']}) of the mean over their "
        f"{' + '.join(map(str, cases))} test sessions; the last item of each asked for, all items ranked, those of the session too.\n"
        f"Training: {said['mode']}, budget {said['budget'] or 'none'} a window, seeds {', '.join(map(str, said['seeds']))}. "
        f"± and [ ]: 95 % bootstrap interval over sessions, drawn within windows; the last column is the difference in {said['main']}. "
        f"Data {table.data['fingerprint']}.{failed}"
    )


def to_markdown(table: OverTime) -> str:
    """The table as a Markdown page, with what is needed to read it, and the main metric of every window."""
    windows, main = table.evaluation["windows"], table.evaluation["main"]
    scored = [[row["system"], *(f"{window[main]:.4f}" for window in row["windows"])] for row in table.rows if "windows" in row]
    lines = [f"# {title(table)}", "", *_lines(head(table), [cells(row, table) for row in table.rows]), "", caption(table).replace("\n", "  \n"), ""]
    lines += [f"{main} of each window:", "", *_lines(["system", *(window["label"] for window in windows)], scored), ""]
    return "\n".join(lines)


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows),
    ]


def _strata(walks: Sequence[Sequence[Values]], names: Sequence[str]) -> list[NDArray[np.float64]]:
    """(M, C) values of each window, a session's being the mean over seeds."""
    return [np.mean([[values[name] for name in names] for values in seeds], axis=0) for seeds in zip(*walks, strict=True)]
