"""Settings in a file: what `tune` leaves as best.toml, what a run keeps as config.toml, and what a person may write by hand.

    [run]
    system = "sasrec"

    [settings]
    dropout = 0.3

Other tables say where the settings come from, and are not read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from tastelm.errors import SettingError, TasteLMError
from tastelm.files import write_text
from tastelm.systems.catalogue import system

STUDY = "study.json"
FORM = 'it needs a table [run] with system = "NAME", and a table [settings]'


def write_settings(path: Path, name: str, settings: Mapping[str, Any], **more: Mapping[str, Any]) -> None:
    """Write the settings of the system `name`; `more` tables say where they come from. Raises OutputError."""
    known = {key: value for key, value in settings.items() if value is not None}
    write_text(path, tomli_w.dumps({"run": {"system": name}, "settings": known, **more}))


def read_settings(path: str | Path) -> tuple[str, dict[str, Any]]:
    """The name of the system, and its settings as far as the file gives them.

    Raises SettingError for a file that is missing, is not TOML, or holds settings that the system does not take.
    """
    place = Path(path)
    try:
        content = tomllib.loads(place.read_bytes().decode())
    except OSError as error:
        raise SettingError(_unreadable(place, error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{place}: the file is not TOML ({error}). Mend it, or give the best.toml of tastelm tune or the config.toml of a run.") from None
    run, settings = content.get("run"), content.get("settings")
    if not isinstance(run, dict) or not isinstance(run.get("system"), str) or not isinstance(settings, dict):
        raise SettingError(f"{place} is no file of settings: {FORM}.")
    try:
        system(run["system"]).create(settings)
    except TasteLMError as error:
        raise SettingError(f"{place}: {error}") from None
    return run["system"], settings


def settings_by_system(paths: Iterable[str | Path], systems: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """System -> its settings, from one file each.

    systems  the only ones that files may be of, if given

    Raises SettingError as `read_settings`, for a file of another system, and for two files of one.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        name, settings = read_settings(path)
        if systems is not None and name not in systems:
            raise SettingError(f"{path} holds settings of '{name}', which is not trained here, only {', '.join(systems)}.")
        if name in found:
            raise SettingError(f"{path} is a second file of settings of '{name}'. Give one file a system.")
        found[name] = settings
    return found


def _unreadable(place: Path, error: OSError) -> str:
    folder = place if place.is_dir() else place.parent
    if not place.exists() and (folder / STUDY).is_file():
        return f"{place}: the study in {folder} is not finished, so there are no best settings yet. Give the same tastelm tune command again."
    if place.is_dir():
        return f"{place} is a folder; give the file of settings in it, such as best.toml or config.toml."
    return f"{place}: cannot be read ({error.strerror}). Check the path of the file of settings."
