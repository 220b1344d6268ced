"""The tables of a Dataset: which columns they may have, of which type, and what a value must be."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tastelm.errors import DataError


@dataclass(frozen=True)
class Column:
    """A column the library understands.

    dtype     its type inside the library
    meaning   what it says, in words that fit `cannot be used as ...`
    aliases   the names that files commonly give it, as `normal` spells them: best first, the words of one line stand equally
    required  whether every table of interactions has it
    prose     whether it is text of any length that may be missing
    """

    dtype: type[pl.DataType]
    meaning: str
    aliases: tuple[str, ...]
    required: bool = False
    prose: bool = False

    def standing(self, name: str) -> int | None:
        """0 for the best names of this column, more for weaker ones, None for a name that is not its own."""
        return next((rank for rank, names in enumerate(self.aliases) if normal(name) in names.split()), None)


INTERACTIONS: dict[str, Column] = {
    "user": Column(pl.String, "who", (
        "user userid",
        "uid useridx customerid customer reviewerid visitorid accountid memberid clientid",
    ), required=True),
    "item": Column(pl.String, "what", (
        "item itemid",
        "iid movieid productid product asin articleid trackid songid bookid isbn gameid stockcode sku businessid newsid",
    ), required=True),
    "time": Column(pl.Float64, "when, seconds since 1970", (
        "time timestamp",
        "unixreviewtime eventtime datetime ts",
        "date createdat reviewtime invoicedate",
    )),
    "rating": Column(pl.Float64, "how much it was liked", ("rating", "overall stars score ratingvalue")),
    "event": Column(pl.String, "what was done: view, buy, ...", ("event eventtype", "action behavior behaviour type")),
    "session": Column(pl.String, "the visit it belongs to", ("session sessionid", "visitid sid")),
    "weight": Column(pl.Float64, "how often or how much", ("weight", "playcount")),
    "review": Column(pl.String, "what was written of it", ("review reviewtext",), prose=True),
    "summary": Column(pl.String, "the review in a line", ("summary reviewsummary",), prose=True),
    "explanation": Column(pl.String, "why it was liked or not, in a sentence", ("explanation",), prose=True),
    "feature": Column(pl.String, "what the explanation is about", ("feature",), prose=True),
    "opinion": Column(pl.String, "how that is, as sturdy", ("opinion",), prose=True),
}  # fmt: skip


def normal(name: str) -> str:
    """`User-ID` and `user_id` are the same name; a RecBole type suffix (`user_id:token`) is not part of it."""
    return "".join(letter for letter in name.split(":")[0].lower() if letter.isalnum())


def check_interactions(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """Columns in the order of the schema, cast to its types. Raises DataError naming the first row that does not fit."""
    for name, column in INTERACTIONS.items():
        if column.required and name not in frame.columns:
            raise DataError(f"{source}: the interactions have no column '{name}' ({column.meaning}), only {', '.join(frame.columns) or 'none'}.")
    checked = {name: _cast(frame[name], column) for name, column in INTERACTIONS.items() if name in frame.columns}
    for name, values in checked.items():
        bad = _unfit(values, INTERACTIONS[name])
        if bad.any():
            row = int(bad.arg_max() or 0)
            raise DataError(
                f"{source}, row {row + 1}, column '{name}': {frame[name][row]!r} cannot be used as {INTERACTIONS[name].meaning} "
                f"({bad.sum()} of {len(frame)} rows). Correct them or drop them with --bad-rows skip."
            )
    return pl.DataFrame(checked)


def _cast(values: pl.Series, column: Column) -> pl.Series:
    """The values in the type of the column, null where they do not fit it."""
    try:
        return values.cast(column.dtype, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series(values.name, [None] * len(values), dtype=column.dtype)


def _unfit(values: pl.Series, column: Column) -> pl.Series:
    """Which values cannot be used: a number must be finite, an id of a required column must not be empty."""
    if column.dtype is pl.Float64:
        return ~values.is_finite().fill_null(False)
    if column.required:
        return values.is_null() | (values == "").fill_null(True)
    return pl.repeat(False, len(values), eager=True)
