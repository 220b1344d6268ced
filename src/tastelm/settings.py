"""Typed settings: declared once, as the fields of a frozen dataclass; parsed, refused and listed from there.

    @dataclass(frozen=True)
    class Config:
        dim: int = setting(64, "width of the item vectors", source="Kang and McAuley 2018", at_least=1)

The words on the command line, in Python and in `config.toml` are the names of the fields.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from tastelm.errors import SettingError, nearest

T = TypeVar("T")

# No size, count or number of steps is larger; what is, no library below could be told.
LARGEST = 2**31 - 1


def setting(default: T, meaning: str, *, source: str = "TasteLM", at_least: float | None = None, at_most: float | None = None, above: float | None = None) -> T:
    """A field of a config: its default, what it means with its unit, where the default comes from, and its limits (both included, or `above`)."""
    limits = {"ge": at_least, "le": at_most, "gt": above}
    metadata = {"meaning": meaning, "source": source, "limits": {name: limit for name, limit in limits.items() if limit is not None}}
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


def describe(config: type) -> list[Described]:
    """Every setting of a config class, in the order of its fields."""
    kinds = typing.get_type_hints(config)
    return [
        Described(entry.name, _kind(kinds[entry.name], entry.metadata.get("limits", {})), entry.default, entry.metadata["meaning"], entry.metadata["source"])
        for entry in fields(config)
    ]


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
