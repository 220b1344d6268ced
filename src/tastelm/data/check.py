"""What a data set is, and what is odd in it, in sentences that say the consequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.dataset import REPEATS_COUNT, Dataset

WIDTH = 64
LOGIT_CHUNK, LARGEST_CHUNK = 64, 2**28
# An id order is worth a warning from this rank correlation with time, or this share of steps to the next integer. S3-Rec's Beauty,
# numbered as its file runs, has 1.00 and 0.032; catalogues of fewer items correlate by chance.
ORDER_CORRELATION, ORDER_STEPS, ORDER_ITEMS = 0.5, 0.01, 30
# From this share of interactions on, ties in time decide who is held out last.
TIES_COUNT = 0.01
HUGE_CATALOGUE = 200_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Report:
    """facts: (label, text), each label once; odd: sentences, each with its count and what follows from it."""

    facts: list[tuple[str, str]]
    odd: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        return {"facts": dict(self.facts), "odd": list(self.odd)}


def check(dataset: Dataset) -> Report:
    """Look at the whole Dataset once. Nothing is changed and nothing is raised: what is odd may still be what is meant."""
    return Report(list(_facts(dataset)), list(_odd(dataset)))


def training_bytes(dataset: Dataset) -> int:
    """About what a training with a full softmax holds in memory, beside the libraries.

    N x 64 x 4 bytes x 4   the item table in single precision: weights, gradient and Adam's two moments
    N x 64 x 4 bytes       one chunk of logits, 256 MiB at most
    rows x 32 bytes        codes of user and item, time, place and length
    """
    items = dataset.n_items
    return items * WIDTH * 4 * 4 + min(items * LOGIT_CHUNK * 4, LARGEST_CHUNK) + len(dataset) * 32


def _facts(dataset: Dataset) -> Iterator[tuple[str, str]]:
    rows, users, items = len(dataset), dataset.n_users, dataset.n_items
    lengths, popularity = _counts(dataset, "user"), _counts(dataset, "item")
    top = np.sort(popularity)[::-1][: max(1, round(items * 0.1))].sum() / rows
    yield "name", dataset.name
    yield "fingerprint", dataset.fingerprint
    yield "columns", ", ".join(dataset.interactions.columns)
    dropped = [note for note in dataset.notes if "dropped" in note]
    understood = [note for note in dataset.notes if note not in dropped]
    if understood:
        yield "understood", "; ".join(understood)
    yield "dropped", "; ".join(dropped) or "nothing"
    yield "users", f"{users:,}"
    yield "items", f"{items:,}"
    yield "interactions", f"{rows:,}"
    yield "density", f"{dataset.interactions.select('user', 'item').unique().height / (users * items):.4%} of all pairs of user and item"
    yield "time", _time_range(dataset)
    yield "history length", f"{_quantiles(lengths)}, mean {rows / users:.1f}"
    yield "item popularity", f"{_quantiles(popularity)}; the most popular 10 % take {top:.0%} of the interactions"
    for label, table in (("items table", dataset.items), ("users table", dataset.users)):
        if table is not None:
            yield label, f"{len(table):,} rows: {', '.join(table.columns)}"
    yield "memory", f"about {_size(training_bytes(dataset))} for a training with full softmax and width {WIDTH}"


def _odd(dataset: Dataset) -> Iterator[str]:
    yield from _few(dataset)
    yield from _repeats(dataset)
    yield from _times(dataset)
    yield from _id_order(dataset)
    yield from _tables(dataset)
    for column in ("user", "item"):
        negative = dataset.interactions[column].str.contains(r"^-\d+$").sum()
        if negative:
            yield f"{negative:,} interactions have a negative {column} id; if it means 'unknown', drop them, or it counts as one {column}."
    if dataset.n_items >= HUGE_CATALOGUE:
        yield (
            f"The catalogue has {dataset.n_items:,} items: a full softmax scores all of them at every position, about "
            f"{6 * WIDTH * dataset.n_items / 1e6:,.0f} million operations each; use sampled negatives, or a k-core first."
        )


def _few(dataset: Dataset) -> Iterator[str]:
    lengths, popularity = _counts(dataset, "user"), _counts(dataset, "item")
    if dataset.n_users == 1:
        yield "There is one user only: nothing can be learnt from one user for others, and a measure over one user says little."
    if dataset.n_items == 1:
        yield "There is one item only: every recommendation is that item, and every ranking is perfect."
    if short := int((lengths < 3).sum()):
        yield (f"{short:,} of {len(lengths):,} users have fewer than 3 interactions: they cannot be trained on, validated and tested as well.")
    if once := int((popularity == 1).sum()):
        yield (
            f"{once:,} of {len(popularity):,} items are met once: where that is in the test part, "
            "no system that learns by item id can find them; a k-core drops them."
        )


def _repeats(dataset: Dataset) -> Iterator[str]:
    if not dataset.repeats:
        return
    count = round(dataset.repeats * len(dataset))
    what = f"{count:,} interactions ({dataset.repeats:.2%}) are repeats of an item by the same user"
    if dataset.repeats_items:
        yield f"{what}, at least {REPEATS_COUNT:.1%}: users come back to items here, so seen items are not set aside when ranking."
    else:
        yield f"{what}, less than {REPEATS_COUNT:.1%}: seen items are set aside when ranking, so these cannot be found."


def _times(dataset: Dataset) -> Iterator[str]:
    if dataset.order == "none":
        yield "There is no time: the order within a user is drawn at random, so a sequential system has nothing to learn from order."
    if dataset.order != "time":
        return
    frame = dataset.interactions
    if len(frame) > 1 and frame["time"].n_unique() == 1:
        yield f"All times are equal ({frame['time'][0]:g}): the order within a user is drawn at random; check the time column."
        return
    tied = frame.select((pl.len().over("user", "time") > 1).sum()).item()
    if tied >= TIES_COUNT * len(frame):
        yield (
            f"{tied:,} interactions ({tied / len(frame):.1%}) share their time with another of the same user: "
            "their order is drawn at random, and with it which of them is tested."
        )


def _id_order(dataset: Dataset) -> Iterator[str]:
    """Whether integer item ids tell when an item came: by rank correlation with first appearance, and by steps to the next integer."""
    if not dataset.interactions["item"].str.contains(r"^-?\d{1,15}$").all():
        return
    frame = dataset.interactions.select("user", pl.col("item").cast(pl.Int64), *(["time"] if dataset.order == "time" else []))
    found = []
    if dataset.order != "none":
        if dataset.order == "time":
            first = frame.group_by("item").agg(pl.col("time").min().alias("first"))
        else:
            first = frame.with_row_index("first").group_by("item").agg(pl.col("first").min())
        correlation = first.select(pl.corr("item", "first", method="spearman")).item()
        if dataset.n_items >= ORDER_ITEMS and correlation is not None and abs(correlation) >= ORDER_CORRELATION:
            found.append(f"the rank correlation of id and first appearance is {correlation:.2f}")
        frame = frame.sort("user", "time", maintain_order=True) if dataset.order == "time" else frame.sort("user", maintain_order=True)
        step = frame.select(pl.col("item").diff().over("user")).to_series().drop_nulls()
        share = float((step == 1).sum()) / max(1, len(step))
        if dataset.n_items >= ORDER_ITEMS and share >= max(ORDER_STEPS, 5 / dataset.n_items):
            found.append(f"{share:.1%} of the steps of users go to the next integer")
    if found:
        yield (
            f"The item ids carry the order of {'time' if dataset.order == 'time' else 'the file'}: {' and '.join(found)}. "
            "A system that reads the digits of ids can guess from them; "
            "the next-integer probe will show how much an id-order rule finds."
        )


def _tables(dataset: Dataset) -> Iterator[str]:
    for key, table in (("item", dataset.items), ("user", dataset.users)):
        if table is None:
            continue
        met = dataset.interactions.select(key).unique()
        unmet, unknown = len(table.join(met, on=key, how="anti")), len(met.join(table, on=key, how="anti"))
        if unmet:
            yield f"{unmet:,} of {len(table):,} rows of the {key}s table have no interactions: they are never recommended or trained on."
        if unknown:
            yield f"{unknown:,} of {len(met):,} {key}s with interactions have no row in the {key}s table: nothing but their id is known."


def _counts(dataset: Dataset, key: str) -> NDArray[np.int64]:
    return dataset.interactions.group_by(key).len()["len"].to_numpy().astype(np.int64)


def _quantiles(values: NDArray[np.int64]) -> str:
    found = np.quantile(values, QUANTILES, method="inverted_cdf")
    return ", ".join(f"{'max' if q == 1 else f'{q:.0%}'} {int(value):,}" for q, value in zip(QUANTILES, found, strict=True))


def _time_range(dataset: Dataset) -> str:
    if dataset.order == "file":
        return "none, but the file is in order"
    if dataset.order == "none":
        return "none"
    times = dataset.interactions["time"].to_numpy()
    low, high = float(times.min()), float(times.max())
    if low >= 1e8 and high < 4e9:
        first, last = (datetime.fromtimestamp(value, UTC).date() for value in (low, high))
        return f"{first} to {last} ({(high - low) / 86400:,.0f} days)"
    return f"{low:g} to {high:g}"


def _size(count: int) -> str:
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size >= 1024:
            size, unit = size / 1024, larger
    return f"{size:.3g} {unit}"
