"""What a run says of items that it has never met: it is told what their pages say, and its opinions are held against those of the users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.explanations import explains, explanations
from tastelm.data.reviews import Reviews, Stars, reviews
from tastelm.data.split import Part, Split
from tastelm.errors import DataError
from tastelm.explaining import Reasons, judged
from tastelm.metrics.classes import auc
from tastelm.metrics.paired_text import plain
from tastelm.plm.nli import proven_judge
from tastelm.prompting.records import LIKED
from tastelm.rated import errors
from tastelm.recommender import Recommender
from tastelm.systems.base import NewcomerExplainer, NewcomerRater, Page

# Interactions that are asked about.
CASES = 1000
# What a page says beside the title, and what it says where the data do not.
BESIDE, UNKNOWN = ("brand", "price"), "unknown"


def judge_newcomers(
    model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int | None = None, seed: int = 0, judge: str | None = None
) -> dict[str, Any]:
    """Opinions of a run on at most `cases` (1,000) interactions with items of another catalogue (Geng et al. 2022, zero-shot generalisation).

    judge  the source of a model of natural language inference, for reasons

    Returns `new_items`: RMSE and MAE of the stars, on the scale of these data, and the AUC of likes against dislikes by what it finds likelier, a like
    being a rating of four stars or more; `explanation`: how good its reasons are, of a run that gives some; `remarks`. Users of whom the run knows
    nothing are asked as strangers. Raises DataError for a run that cannot be asked so, items without titles, and data without ratings and reasons;
    for a judge as `proven_judge`.
    """
    module, name = model.module, split.dataset.name
    nobody = f"none of the {len(split.items):,} items of {name} is known to the run"
    if not isinstance(module, NewcomerRater):
        raise DataError(f"{nobody}. Give data of the catalogue that it was trained on.")
    pages = pages_of(split)
    if not any(pages):
        raise DataError(f"{nobody}, and none has a title by which it could be told. Give an items table with a column title, or another catalogue.")
    told = _rated(model, split, reviews(split, part), pages, cases or CASES, seed)
    said = _reasons(model, split, part, pages, cases or CASES, seed)
    found = {"new_items": told} if told else {}
    if said is not None:
        found["explanation"] = judged(said, split, seed=seed, judge=None if judge is None else proven_judge(judge))
    if not found:
        raise DataError(f"{nobody}, and the test part of these data has no ratings or reasons to hold its opinions on them against. Give data that have.")
    missing = [column for column in BESIDE if split.dataset.items is None or column not in split.dataset.items.columns]
    known = sum(user in model.users for user in split.users.ids)
    remarks = [
        *model.remarks,
        f"The run knows none of the {len(split.items):,} items, so nothing is ranked: it was asked about them by what their pages say.",
        f"{known:,} of {len(split.users):,} users are known to the run; the others were asked as strangers.",
        *([f"The items have no {' and no '.join(missing)}: the prompts call what is missing {UNKNOWN}."] if missing else []),
        *(["The reasons were told the feature that they are to be about."] if said is not None and getattr(module, "reads_features", False) else []),
    ]
    return found | {"remarks": remarks}


def pages_of(split: Split) -> list[Page | None]:
    """What is said of each of the N items: title, brand and price; None where there is no title."""
    titles, table = split.dataset.titles(), split.dataset.items
    columns = [column for column in BESIDE if table is not None and column in table.columns and not table[column].dtype.is_nested()]
    rows = [] if table is None else table.select("item", *(pl.col(column).cast(pl.String).fill_null("").str.strip_chars() for column in columns)).rows()
    beside = {item: dict(zip(columns, values, strict=True)) for item, *values in rows}
    return [_page(titles.get(item, "").strip(), beside.get(item, {})) for item in split.items.ids]


def _page(title: str, beside: dict[str, str]) -> Page | None:
    return {"title": title} | {column: beside.get(column) or UNKNOWN for column in BESIDE} if title else None


def _rated(model: Recommender, split: Split, told: Reviews, pages: Sequence[Page | None], cases: int, seed: int) -> dict[str, Any]:
    """How right the stars are, and what is liked; empty where nobody rates, or all alike."""
    module, scale = model.module, Stars.of(reviews(split, Part.TRAIN).ratings)
    assert isinstance(module, NewcomerRater)
    able = np.flatnonzero(~np.isnan(told.ratings) & _titled(told.items, pages))
    chosen = _drawn(able, cases, seed)
    if not len(chosen) or scale.low == scale.high:
        return {}
    users, shown = _asked(model, split, told.users[chosen], told.items[chosen], pages)
    given = told.ratings[chosen]
    found = errors(scale.rating(module.page_stars(users, shown).double().cpu().numpy()), given, split)
    liked = np.round(scale.count(given)) >= LIKED
    if liked.any() and not liked.all():
        found["auc"] = auc(module.page_likings(users, shown).double().cpu().numpy(), liked)
    return plain(found, seed=seed) | {"cases": len(chosen), "of": len(able), "seed": seed}


def _reasons(model: Recommender, split: Split, part: Part, pages: Sequence[Page | None], cases: int, seed: int) -> Reasons | None:
    """What the run says of interactions that somebody gave a reason for; None where nobody did, or it gives none."""
    module = model.module
    if not isinstance(module, NewcomerExplainer) or not explains(split):
        return None
    every = explanations(split, part, owner=model.name)
    able = np.flatnonzero(_titled(every.items, pages) & (np.array([bool(feature) for feature in every.features], bool) | (not module.reads_features)))
    if not len(able):
        return None
    asked = every.take(_drawn(able, cases, seed))
    users, shown = _asked(model, split, asked.users, asked.items, pages)
    about = [{**page, "feature": feature} for page, feature in zip(shown, asked.features, strict=True)]
    return Reasons(asked, len(able), tuple(module.page_reasons(users, about)), None)


def _titled(items: NDArray[np.int32], pages: Sequence[Page | None]) -> NDArray[np.bool_]:
    return np.array([pages[item] is not None for item in items], bool)


def _drawn(places: NDArray[np.int64], cases: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(places)[:cases])


def _asked(
    model: Recommender, split: Split, users: NDArray[np.int32], items: NDArray[np.int32], pages: Sequence[Page | None]
) -> tuple[NDArray[np.int32], list[Page]]:
    """Users by the codes of the run, and the pages of the items."""
    return model.users.encode(split.users.decode(users)), [page for item in items if (page := pages[item]) is not None]
