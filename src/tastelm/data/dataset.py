"""Dataset: immutable columnar tables with a checked schema and a fingerprint. It never trains, tokenises or splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import polars as pl

from tastelm.data.schema import INTERACTIONS, check_interactions
from tastelm.errors import DataError, SettingError

Order = Literal["time", "file", "none"]
Duplicates = Literal["keep", "exact", "first", "last"]
# What an Amazon or MovieLens-like items table may call the text that a person reads.
TITLE_COLUMNS = ("title", "name", "movie_title", "item_name", "product_title")
# From this share of repeats on, meeting an item again is how these users behave, and seen items stay candidates.
REPEATS_COUNT = 0.005


@dataclass(frozen=True, eq=False)
class Dataset:
    """Who met what, and what is known of both.

    name          what the tables are called in reports
    interactions  `user`, `item`, and where known `time` (seconds), `rating`, `event`, `session`, `weight` (how often or how much),
                  and the `review` that was written, with its `summary`
    items         `item` and any further columns, or None
    users         `user` and any further columns, or None
    order         what orders the interactions of a user: their `time`; the `file`, a sequence file whose lines are
                  chronological; or `none`, nothing is known
    notes         what the reader understood and dropped, for a person

    Made by `Dataset.build` and the readers, which check the schema; filters return a new Dataset.
    """

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame | None = None
    users: pl.DataFrame | None = None
    order: Order = "none"
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def build(
        cls,
        interactions: pl.DataFrame,
        *,
        items: pl.DataFrame | None = None,
        users: pl.DataFrame | None = None,
        name: str = "data",
        order: Order | None = None,
        notes: Iterable[str] = (),
    ) -> Dataset:
        """Check the tables and put the rows in an order that does not depend on the file, unless the file is the order.

        Raises DataError for missing columns, empty tables and values that do not fit, naming row and column.
        """
        checked = check_interactions(interactions, name)
        if len(checked) == 0:
            raise DataError(f"{name}: no interactions are left; a data set needs at least one row of user and item.")
        chosen: Order = order or ("time" if "time" in checked.columns else "none")
        if chosen != "file":
            checked = checked.sort(checked.columns)
        return cls(name, checked, _known(items, "item", name), _known(users, "user", name), chosen, tuple(notes))

    def __len__(self) -> int:
        return len(self.interactions)

    @cached_property
    def n_users(self) -> int:
        return self.interactions["user"].n_unique()

    @cached_property
    def n_items(self) -> int:
        return self.interactions["item"].n_unique()

    @cached_property
    def repeats(self) -> float:
        """Share of interactions in which a user meets an item again."""
        return 1 - self.interactions.select("user", "item").unique().height / len(self)

    @property
    def repeats_items(self) -> bool:
        """Whether users meet items again so often that a protocol must not set seen items aside."""
        return self.repeats >= REPEATS_COUNT

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of a hash over all tables; the order of rows counts only where the file is the order."""
        digest = hashlib.sha256(self.order.encode())
        for label, table in (("interactions", self.interactions), ("items", self.items), ("users", self.users)):
            if table is not None:
                digest.update(label.encode())
                digest.update(_csv_ready(table).write_csv().encode())
        return digest.hexdigest()[:16]

    def titles(self) -> dict[str, str]:
        """Item id -> the text a person knows it by; empty where no column of the items table holds one."""
        if self.items is None:
            return {}
        column = next((name for name in TITLE_COLUMNS if name in self.items.columns and not self.items[name].dtype.is_nested()), None)
        if column is None:
            return {}
        rows = self.items.select("item", pl.col(column).cast(pl.String)).drop_nulls()
        return dict(rows.iter_rows())

    def filter(
        self,
        *,
        min_rating: float | None = None,
        events: Iterable[str] | None = None,
        duplicates: Duplicates = "keep",
        k_core: int = 0,
    ) -> Dataset:
        """A new Dataset with fewer interactions; the filters apply in the order of the arguments.

        min_rating  keep rows rated at least so
        events      keep rows of these events
        duplicates  of the rows of one user and item keep all, all but `exact` copies (whatever was written), the `first` or the `last`
        k_core      drop users and items with fewer than k interactions until none is left
        """
        rows, notes = self.interactions, list(self.notes)

        def kept(after: pl.DataFrame, what: str) -> pl.DataFrame:
            if len(after) < len(rows):
                notes.append(f"{what}: {len(rows) - len(after):,} of {len(rows):,} interactions dropped")
            if len(after) == 0:
                raise DataError(f"{self.name}: no interactions are left after the filter {what}. Loosen it.")
            return after

        if min_rating is not None:
            self._need("rating", "min_rating")
            rows = kept(rows.filter(pl.col("rating") >= min_rating), f"rating >= {min_rating:g}")
        if events is not None:
            self._need("event", "events")
            wanted = [events] if isinstance(events, str) else list(events)
            rows = kept(rows.filter(pl.col("event").is_in(wanted)), f"event in {', '.join(wanted)}")
        if duplicates != "keep":
            rows = kept(_without_duplicates(rows, duplicates), f"{duplicates} duplicates")
        if k_core > 1:
            rows = kept(_core(rows, k_core), f"{k_core}-core")
        return replace(self, interactions=rows, notes=tuple(notes))

    def _need(self, column: str, option: str) -> None:
        if column not in self.interactions.columns:
            raise SettingError(f"{self.name} has no column '{column}', which {option} needs; it has {', '.join(self.interactions.columns)}.")


def _known(table: pl.DataFrame | None, key: str, name: str) -> pl.DataFrame | None:
    """The table with its key as text, sorted, checked to name each key once."""
    if table is None:
        return None
    if key not in table.columns:
        raise DataError(f"{name}: the {key}s table has no column '{key}', only {', '.join(table.columns)}.")
    table = table.with_columns(pl.col(key).cast(pl.String)).sort(key)
    repeated = table.filter(pl.col(key).is_duplicated() | pl.col(key).is_null())
    if len(repeated):
        raise DataError(f"{name}: the {key}s table must name each {key} once, but {repeated[key][0]!r} stands there more than once or is empty.")
    return table


def _csv_ready(table: pl.DataFrame) -> pl.DataFrame:
    """Nested columns as text, so that every table has one spelling."""
    nested = [name for name, dtype in table.schema.items() if dtype.is_nested()]
    return table.with_columns([pl.struct(name).struct.json_encode().alias(name) for name in nested])


def _without_duplicates(rows: pl.DataFrame, policy: Duplicates) -> pl.DataFrame:
    if policy == "exact":
        # Who writes twice of one meeting met the item once: the texts do not tell copies apart.
        return rows.unique([name for name in rows.columns if not INTERACTIONS[name].prose], keep="first", maintain_order=True)
    if policy not in ("first", "last"):
        raise SettingError(f"duplicates takes keep, exact, first or last, not {policy!r}.")
    ordered = rows.sort("time", maintain_order=True) if "time" in rows.columns else rows
    kept = ordered.unique(["user", "item"], keep=policy, maintain_order=True)
    return kept.sort(kept.columns) if "time" in rows.columns else kept


def _core(rows: pl.DataFrame, k: int) -> pl.DataFrame:
    while True:
        fewer = rows.filter((pl.len().over("user") >= k) & (pl.len().over("item") >= k))
        if len(fewer) == len(rows):
            return fewer
        rows = fewer
