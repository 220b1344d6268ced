"""Families of templates: many ways to ask for the same, some of them held out of training. One TOML file each.

    [family]
    name = "likes"
    about = "what a list of liked items says about the next"
    paper = "Sileo et al. 2022"

    [slots]
    history = "history"
    title = "item"

    [[template]]
    name = "0"
    source = "Whoever liked {history} also likes"
    target = " {title}"

    [verbalizers.answer]
    yes = ["yes", "Yes"]
    no = ["no", "No"]

`separator` and `numbering` stand under [family] for all templates, or with one template; `held_out = true` with a template.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from tastelm.errors import SettingError, nearest
from tastelm.text.template import TOKEN, Template
from tastelm.text.verbalizer import Verbalizer

SHIPPED = files("tastelm.text") / "families"
SPELLING = {"separator": str, "numbering": str}
FILE = {"family": dict, "slots": dict, "template": list, "verbalizers": dict}
HEAD = {"name": str, "about": str, "paper": str, **SPELLING}
TEMPLATE = {"name": str, "source": str, "target": str, "held_out": bool, **SPELLING}
TYPES = {dict: "a table", list: "a list of tables, written [[template]]", str: "a text", bool: "true or false"}


@dataclass(frozen=True, eq=False)
class Family:
    """Templates under one name.

    about        what they ask for, in a line
    source       where the idea comes from
    verbalizers  name -> words for the labels that targets of this family hold

    Raises SettingError for no template, two of one name, and a family of held-out templates alone.
    """

    name: str
    about: str
    source: str
    templates: tuple[Template, ...]
    verbalizers: Mapping[str, Verbalizer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [template.name for template in self.templates]
        if not names:
            raise SettingError(f"family '{self.name}' has no template: give at least one.")
        for name in names:
            if names.count(name) > 1:
                raise SettingError(f"family '{self.name}' has two templates of the name '{name}': give each its own.")
        if not self.seen():
            raise SettingError(f"family '{self.name}' has held-out templates only, so nothing to train with: leave at least one in.")

    def __getitem__(self, name: str) -> Template:
        """A template by its name. Raises SettingError if there is none."""
        for template in self.templates:
            if template.name == name:
                return template
        raise SettingError(f"family '{self.name}' has no template '{name}'; {nearest(str(name), (template.name for template in self.templates))}")

    def seen(self) -> tuple[Template, ...]:
        """The templates to train with."""
        return tuple(template for template in self.templates if not template.held_out)

    def held_out(self) -> tuple[Template, ...]:
        """The templates kept for the test."""
        return tuple(template for template in self.templates if template.held_out)

    def chosen(self, names: str) -> tuple[Template, ...]:
        """`all` that are to train with, or those of the names, with commas between. Raises SettingError for a name that is not there."""
        return self.seen() if names == "all" else tuple(self[name.strip()] for name in names.split(","))

    def verbalizer(self, name: str) -> Verbalizer:
        """A verbalizer by its name. Raises SettingError if there is none."""
        if name not in self.verbalizers:
            known = nearest(name, self.verbalizers) if self.verbalizers else "it has none at all."
            raise SettingError(f"family '{self.name}' has no verbalizer '{name}'; {known}")
        return self.verbalizers[name]


def shipped() -> tuple[str, ...]:
    """Names of the families that come with the library."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in SHIPPED.iterdir() if entry.name.endswith(".toml")))


def family(name: str | Path) -> Family:
    """A family by its name, or from the path of a TOML file.

    Raises SettingError, with the file and the template, for an unknown name, and for a file that is missing, is no TOML, or does
    not hold a family.
    """
    if isinstance(name, Path) or name.endswith(".toml") or Path(name).name != name:
        place = Path(name)
        try:
            return _read(place.read_bytes(), str(place))
        except OSError as error:
            raise SettingError(f"{place}: cannot be read ({error.strerror}). Check the path of the file of templates.") from None
    if name not in shipped():
        raise SettingError(f"there is no family of templates '{name}'; {nearest(name, shipped())} Your own is given as the path of a .toml file.")
    file = SHIPPED / f"{name}.toml"
    return _read(file.read_bytes(), f"family {name}")


def template_of(families: Sequence[str], name: str, *, owner: str) -> Template:
    """The template of a name in several families, whose templates have different ones. Raises SettingError if none has it."""
    known = {template.name: template for one in families for template in family(one).templates}
    if name not in known:
        raise SettingError(f"{owner}: there is no prompt '{name}' in {', '.join(families)}; {nearest(name, known)}")
    return known[name]


def _read(content: bytes, where: str) -> Family:
    try:
        return _family(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{where}: the file is not TOML ({error}).") from None
    except SettingError as error:
        raise SettingError(f"{where}: {error}") from None


def _family(content: Mapping[str, Any]) -> Family:
    _check("the file", content, FILE, ("family",))
    head, slots, entries = content["family"], content.get("slots", {}), content.get("template", [])
    _check("[family]", head, HEAD, ("name", "about", "paper"))
    common = {key: head[key] for key in SPELLING if key in head}
    templates = tuple(_template(place, {**common, **entry} if isinstance(entry, dict) else entry, slots) for place, entry in enumerate(entries, 1))
    for slot in slots:
        if templates and not any(slot in template.slots for template in templates):
            raise SettingError(f"slot '{slot}' is declared but used by no template; write {{{slot}}} in one, or leave it out.")
    verbalizers = {name: _verbalizer(name, table) for name, table in content.get("verbalizers", {}).items()}
    return Family(head["name"], head["about"], head["paper"], templates, verbalizers)


def _template(place: int, entry: Any, slots: Mapping[str, Any]) -> Template:
    if not isinstance(entry, dict):
        raise SettingError(f"'template' must be {TYPES[list]}, not {entry!r}.")
    what = f"template '{entry['name']}'" if "name" in entry else f"template {place}"
    _check(what, entry, TEMPLATE, ("name", "source", "target"))
    named = {token["slot"] for part in ("source", "target") for token in TOKEN.finditer(entry[part]) if token["slot"] is not None}
    # A name that is not declared is refused by the template, which then needs all of the family to find the nearest.
    return Template(**entry, slots={slot: kind for slot, kind in slots.items() if slot in named} if named <= slots.keys() else slots)


def _verbalizer(name: str, table: Any) -> Verbalizer:
    if not isinstance(table, dict) or not all(isinstance(words, str | list) for words in table.values()):
        raise SettingError(f'[verbalizers.{name}] must be a table of labels, each with its words, such as yes = ["yes", "Yes"], not {table!r}.')
    try:
        return Verbalizer(table)
    except SettingError as error:
        raise SettingError(f"[verbalizers.{name}]: {error}") from None


def _check(what: str, table: Mapping[str, Any], known: Mapping[str, type], needed: tuple[str, ...]) -> None:
    for key, value in table.items():
        if key not in known:
            raise SettingError(f"{what} has the unknown key '{key}'; {nearest(key, known)}")
        if not isinstance(value, known[key]):
            raise SettingError(f"{what}: '{key}' must be {TYPES[known[key]]}, not {value!r}.")
    for key in needed:
        if key not in table:
            raise SettingError(f"{what} lacks the key '{key}'.")
