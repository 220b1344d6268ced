"""What a table says of items or users, as arrays that modules can read: categories as codes, numbers on one scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.attribute import DESCRIBES, Attribute
from tastelm.data.sequences import Sequences
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import SettingError, nearest

Kind = Literal["categories", "number"]


@dataclass(frozen=True)
class Field:
    """A column as a module knows it: its name, its kind, and how many distinct categories there are (0 for numbers)."""

    name: str
    kind: Kind
    values: int = 0


@dataclass(frozen=True)
class Sizes:
    """What the shape of a module depends on beside its settings: items of the catalogue, users, the columns of the items table, and for a
    system that tells or reads them the attributes of users."""

    items: int
    users: int = 0
    features: tuple[Field, ...] = ()
    profile: tuple[Attribute, ...] = ()

    def pick(self, columns: str) -> tuple[Field, ...]:
        """The fields a setting names: `all`, `none`, or names with commas between. Raises SettingError for one that is not there."""
        if columns in ("all", "none"):
            return self.features if columns == "all" else ()
        known = {field.name: field for field in self.features}
        names = list(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))
        for name in names:
            if name not in known:
                there = nearest(name, known) if known else "the items table has no column of categories or numbers."
                raise SettingError(f"columns: the items have no feature '{name}'; {there}")
        return tuple(known[name] for name in names)


@dataclass(frozen=True, eq=False)
class Feature:
    """The values of one field for all N rows.

    codes    N sequences of category codes, for a field of categories; empty where nothing is known
    numbers  (N,) float32 of mean 0 and deviation 1, NaN where nothing is known, for a field of numbers
    names    the categories, by their codes
    """

    field: Field
    codes: Sequences | None = None
    numbers: NDArray[np.float32] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Features:
    """All columns of a table that describe its rows, in the order of a vocabulary."""

    columns: tuple[Feature, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(column.field for column in self.columns)

    def __getitem__(self, name: str) -> Feature:
        found = next((column for column in self.columns if column.field.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    @classmethod
    def of(cls, table: pl.DataFrame | None, key: str, vocabulary: Vocabulary) -> Features:
        """Every column of `table` that describes its rows: lists and texts of categories, and numbers.

        Texts that are nearly all different name their rows and are left out. Rows the vocabulary does not know are left out; what
        is known of its rows alone counts.
        """
        if table is None:
            return cls(())
        rows = pl.DataFrame({key: pl.Series(vocabulary.ids, dtype=pl.String)}).join(table, on=key, how="left", maintain_order="left")
        found = (_feature(name, rows[name]) for name in rows.columns if name != key)
        return cls(tuple(feature for feature in found if feature is not None))

    def merged(self, names: Iterable[str]) -> tuple[Sequences, int]:
        """The categories of several fields as if they were one, each field's codes behind those of the field before, and how many there are."""
        chosen = [self[name] for name in names]
        parts, begin = list[tuple[Sequences, int]](), 0
        for feature in chosen:
            assert feature.codes is not None
            parts.append((feature.codes, begin))
            begin += feature.field.values
        owners = np.concatenate([codes.owners for codes, _ in parts])
        values = np.concatenate([codes.values + shift for codes, shift in parts])
        order = np.argsort(owners, kind="stable")
        return Sequences.from_lengths(values[order].astype(np.int32), np.bincount(owners, minlength=len(parts[0][0]))), begin


def _feature(name: str, values: pl.Series) -> Feature | None:
    if isinstance(values.dtype, pl.List):
        lists = values.cast(pl.List(pl.String), strict=False).list.drop_nulls().list.unique(maintain_order=True)
        return _categories(name, lists) if lists.list.len().fill_null(0).sum() else None
    if values.dtype.is_numeric():
        return _number(name, values)
    if values.dtype in (pl.String, pl.Categorical, pl.Boolean):
        known = values.cast(pl.String).drop_nulls()
        if len(known) == 0 or known.n_unique() > max(2, DESCRIBES * len(known)):
            return None
        return _categories(name, values.cast(pl.String).reshape((-1, 1)).arr.to_list().list.drop_nulls())
    return None


def _categories(name: str, lists: pl.Series) -> Feature:
    lists = lists.fill_null([])
    vocabulary = Vocabulary(lists.explode().drop_nulls().unique().to_list())
    codes = vocabulary.encode(value for value in lists.explode().to_list() if value is not None)
    return Feature(Field(name, "categories", len(vocabulary)), Sequences.from_lengths(codes, lists.list.len().to_numpy()), names=vocabulary.ids)


def _number(name: str, values: pl.Series) -> Feature | None:
    numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
    numbers[~np.isfinite(numbers)] = np.nan
    known = numbers[~np.isnan(numbers)]
    if len(known) == 0 or known.std() == 0:
        return None
    return Feature(Field(name, "number"), numbers=((numbers - known.mean()) / known.std()).astype(np.float32))
