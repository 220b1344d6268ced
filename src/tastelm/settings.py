"""Typed settings: declared once, as the fields of a frozen dataclass; parsed, refused and listed from there.

    @dataclass(frozen=True)
    class Config:
        dim: int = setting(64, "width of the item vectors", source="Kang and McAuley 2018", at_least=1, search=among(32, 64, 128))
        lr: float = setting(1e-3, "peak learning rate", above=0, search=span(1e-4, 1e-2, log=True))

A setting with a `search` is one that `tastelm tune` chooses; together they are the search space of the system. One with a `when` is left
out where nothing reads it. The words on the command line, in Python and in `config.toml` are the names of the fields.
"""

from __future__ import annotations

import typing
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from tastelm.errors import SettingError, nearest

T = TypeVar("T")

# No size, count or number of steps is larger; what is, no library below could be told.
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Span:
    """Every number from `low` to `high`, both included; whole numbers where both are whole.

    log  the search takes steps of equal ratio, for what ranges over orders of magnitude
    """

    low: float
    high: float
    log: bool = False

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" + (", log" if self.log else "")


@dataclass(frozen=True)
class Among:
    """Each of the `choices`; no order among them is taken for granted."""

    choices: tuple[Any, ...]

    def __contains__(self, value: Any) -> bool:
        return value in self.choices

    def __str__(self) -> str:
        return " | ".join(str(choice) for choice in self.choices)


Search = Span | Among


@dataclass(frozen=True)
class When:
    """What makes a setting matter: the one of that name has one of the `values`, or none of them (`unless`)."""

    name: str
    values: tuple[Any, ...]
    unless: bool = False

    def holds(self, value: Any) -> bool:
        """Whether it does where the other setting is `value`."""
        return (value in self.values) is not self.unless

    def __str__(self) -> str:
        return f"{'unless' if self.unless else 'if'} {self.name}={' | '.join(str(value).lower() for value in self.values)}"


def span(low: float, high: float, *, log: bool = False) -> Span:
    """Search a setting between two numbers. Raises ValueError for a span that is empty, or a logarithmic one that reaches 0."""
    if not low < high or (log and low <= 0):
        raise ValueError(f"span({low}, {high}, log={log}): the first number must be the smaller one, and above 0 where log=True.")
    return Span(low, high, log)


def among(*choices: Any) -> Among:
    """Search a setting among values. Raises ValueError for fewer than two different ones."""
    if len(set(choices)) < max(2, len(choices)):
        raise ValueError(f"among{choices}: give at least two choices, each of them once.")
    return Among(choices)


def when(name: str, *values: Any) -> When:
    """A setting matters where another has one of these values."""
    return When(name, values)


def unless(name: str, *values: Any) -> When:
    """A setting matters where another has none of these values."""
    return When(name, values, unless=True)


def setting(
    default: T, meaning: str, *, source: str = "TasteLM", at_least: float | None = None, at_most: float | None = None, above: float | None = None,
    search: Search | None = None, when: When | None = None, later: bool = False, after: bool = False,
) -> T:  # fmt: skip
    """A field of a config: its default, what it means with its unit, where the default comes from, and its limits (both included, or `above`).

    search  where `tastelm tune` looks for better values: a `span` or `among`; without one the setting is left at its default
    when    what makes it matter; elsewhere it is not searched
    later   the system had results before it had this setting, and its default does what was done before: those results stay valid
    after   it decides how a trained system is asked, and nothing that is learnt: a run may be given another value, see `asked_otherwise`

    Raises ValueError for a search space that does not hold the default, where every search begins, or fractions for a whole number.
    """
    if isinstance(search, Span):
        if isinstance(default, float):
            search = Span(float(search.low), float(search.high), search.log)
        elif not (isinstance(search.low, int) and isinstance(search.high, int)):
            raise ValueError(f"search {search}: the setting takes whole numbers.")
    if search is not None and default not in search:
        raise ValueError(f"search {search} does not hold the default {default}, with which a search begins.")
    limits = {"ge": at_least, "le": at_most, "gt": above}
    kept = {name: limit for name, limit in limits.items() if limit is not None}
    metadata = {"meaning": meaning, "source": source, "limits": kept, "search": search, "when": when, "later": later, "after": after}
    made: T = field(default=default, metadata=metadata)
    return made


@dataclass(frozen=True)
class Described:
    """One line of `tastelm systems SYSTEM`."""

    name: str
    kind: str
    default: Any
    meaning: str
    source: str
    search: str | None = None


def search_space(config: type) -> dict[str, Search]:
    """Setting -> where to look for better values, for those that are searched."""
    return {entry.name: found for entry in fields(config) if (found := entry.metadata.get("search")) is not None}


def searched(config: Any, fixed: Collection[str]) -> dict[str, Search]:
    """Setting -> where to look for better values than those of `config`, without those that are `fixed` and those that could not matter
    beside them: what depends on a setting that is searched too, matters where one of its values would do."""
    made = {entry.name: entry.metadata for entry in fields(config)}
    free = {name: where for name, where in search_space(type(config)).items() if name not in fixed}

    def matters(name: str) -> bool:
        depends: When | None = made[name].get("when")
        if depends is None:
            return True
        where = free.get(depends.name)
        values = where.choices if isinstance(where, Among) else (getattr(config, depends.name) if where is None else where.high,)
        return matters(depends.name) and any(map(depends.holds, values))

    return {name: where for name, where in free.items() if matters(name)}


def decisive(config: Any) -> dict[str, Any]:
    """The values that decide what a config makes: all but those of settings that came later and stand at their defaults."""
    return {entry.name: value for entry in fields(config) if (value := getattr(config, entry.name)) != entry.default or not entry.metadata.get("later")}


def describe(config: type) -> list[Described]:
    """Every setting of a config class, in the order of its fields."""
    kinds = typing.get_type_hints(config)
    return [
        Described(
            entry.name, _kind(kinds[entry.name], entry.metadata.get("limits", {})), entry.default, entry.metadata["meaning"], entry.metadata["source"],
            _searched(entry.metadata),
        )
        for entry in fields(config)
    ]  # fmt: skip


def _searched(metadata: Mapping[str, Any]) -> str | None:
    where, depends = metadata.get("search"), metadata.get("when")
    return None if where is None else f"{where}{f', {depends}' if depends else ''}"


def configure(config: type[T], values: Mapping[str, Any], *, owner: str) -> T:
    """A config with `values` over its defaults. Values may be text, as from a command line, or of the right type.

    Raises SettingError for an unknown name (with the nearest known one), a wrong type, a value out of range, and values that do
    not go together, which a config refuses in its `__post_init__`.
    """
    adapters = _adapters(config)
    parsed: dict[str, Any] = {}
    for name, value in values.items():
        if name not in adapters:
            raise SettingError(f"{owner} has no setting '{name}'; {nearest(name, adapters) if adapters else 'it has none at all.'}")
        try:
            parsed[name] = _parsed(adapters[name], value)
        except ValidationError as error:
            kind = next(line.kind for line in describe(config) if line.name == name)
            raise SettingError(f"{owner}.{name}: {value!r} does not fit ({reason(error)}); it takes {kind}.") from None
    try:
        return config(**parsed)
    except SettingError as error:
        raise SettingError(f"{owner}.{error}") from None


def asked_otherwise(config: T, values: Mapping[str, Any], *, owner: str) -> T:
    """The config of a trained system with other `values` of settings that nothing was learnt by. Raises SettingError for others, and as `configure`."""
    known = {entry.name: bool(entry.metadata.get("after")) for entry in fields(config)}  # type: ignore[arg-type]
    free = [name for name, after in known.items() if after]
    for name in values:
        if not known.get(name, True):
            can = f"only {', '.join(free)} can be set afterwards" if free else "nothing can be set afterwards"
            raise SettingError(f"{owner}.{name} was decided when the run was trained; {can}. Train another run for it.")
    return configure(type(config), {**vars(config), **values}, owner=owner)


def parse_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """`["lr=1e-3", "dim=32"]` -> a dict of text. Raises SettingError where there is no `=`, or a name stands twice."""
    found: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        name = name.strip()
        if not equals or not name or not value.strip():
            raise SettingError(f"--set '{assignment}' is not of the form name=value, as in --set lr=0.001.")
        if name in found:
            raise SettingError(f"--set gives '{name}' twice: {found[name]} and {value.strip()}. Keep one.")
        found[name] = value.strip()
    return found


def reason(error: ValidationError) -> str:
    """What a value fails for, in lower case, to stand in a sentence."""
    message = error.errors()[0]["msg"].removeprefix("Value error, ").rstrip(".")
    return message[0].lower() + message[1:]


def _adapters(config: type) -> dict[str, TypeAdapter[Any]]:
    kinds = typing.get_type_hints(config)
    found: dict[str, TypeAdapter[Any]] = {}
    for entry in fields(config):
        limits: Any = dict(entry.metadata.get("limits", {}))
        if kinds[entry.name] is float:
            limits["allow_inf_nan"] = False
        if kinds[entry.name] is int:
            limits.setdefault("le", LARGEST)
        annotation: Any = Annotated[kinds[entry.name], Field(**limits)]
        found[entry.name] = TypeAdapter(annotation)
    return found


def _parsed(adapter: TypeAdapter[Any], value: Any) -> Any:
    if isinstance(value, str):
        return adapter.validate_strings(value)
    # A whole number may stand for any number; nothing else may stand for what it is not.
    return adapter.validate_python(value, strict=isinstance(value, bool) or not isinstance(value, int))


def _kind(annotation: Any, limits: Mapping[str, float]) -> str:
    options = typing.get_args(annotation)
    if options:
        return " | ".join(str(option) for option in options)
    words = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}[annotation.__name__]
    signs = {"gt": ">", "ge": ">=", "le": "<="}
    return f"{words} {', '.join(f'{sign} {limits[name]:g}' for name, sign in signs.items() if name in limits)}".strip()
