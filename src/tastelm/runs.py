"""The run folder: all of a trained recommender, in files that a person can read and that nobody can hide code in.

config.toml         system, settings, sizes (and the categories of users that it tells or reads), data, split, seed, version
metrics.json        what it scored, and how the training went
model.safetensors   the weights
items.json          the catalogue: ids, and titles as far as known
users.json          the users, for systems that know them
manifest.json       format, and the SHA-256 of each of the files above
reasons.json        of a run that gives reasons, what it said of the test part: to be read, and for comparisons (see `tastelm.said`)
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

import tastelm
from tastelm.data.attribute import Attribute
from tastelm.data.features import Field, Sizes
from tastelm.data.vocabulary import Vocabulary
from tastelm.devices import device
from tastelm.errors import RunError
from tastelm.files import remove, write_bytes, write_json, write_text
from tastelm.recommender import Recommender
from tastelm.systems.catalogue import system

# Raised whenever a folder written now could be misread by an older version.
FORMAT = 2
MANIFEST = "manifest.json"


def save(recommender: Recommender, folder: Path) -> None:
    """Write a run folder. The manifest comes last: without it the folder is no run. Raises OutputError."""
    about = dict(recommender.about)
    metrics = about.pop("metrics", {})
    remove(folder / MANIFEST)
    settings = {name: value for name, value in vars(recommender.system.config).items() if value is not None}
    features = [asdict(column) for column in recommender.sizes.features]
    sizes: dict[str, Any] = {"items": len(recommender.items), "users": recommender.sizes.users, "features": features}
    if recommender.sizes.profile:
        sizes["profile"] = [asdict(attribute) for attribute in recommender.sizes.profile]
    run = {"system": recommender.name, "version": tastelm.__version__, "mask_seen": recommender.mask_seen, **about.pop("run", {})}
    write_text(folder / "config.toml", tomli_w.dumps({"run": run, "settings": settings, "sizes": sizes, **about}))
    write_json(folder / "metrics.json", metrics)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in recommender.module.state_dict().items()}
    write_bytes(folder / "model.safetensors", save_tensors(tensors))
    write_json(folder / "items.json", {"ids": recommender.items.ids, "titles": {i: t for i, t in recommender.titles.items() if i in recommender.items}})
    files = ["config.toml", "metrics.json", "model.safetensors", "items.json"]
    if len(recommender.users):
        write_json(folder / "users.json", {"ids": recommender.users.ids})
        files.append("users.json")
    write_json(folder / MANIFEST, {"format": FORMAT, "sha256": {name: _digest((folder / name).read_bytes()) for name in files}})


def is_run(folder: Path) -> bool:
    """Whether a finished run stands in `folder`."""
    return (folder / MANIFEST).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """The content of config.toml. Raises RunError if it is missing or damaged."""
    return _config(folder, _manifest(folder))


def read_metrics(folder: Path) -> dict[str, Any]:
    """The content of metrics.json. Raises RunError if it is missing or damaged."""
    found: dict[str, Any] = _json(folder, _manifest(folder), "metrics.json")
    return found


def load(folder: str | Path) -> Recommender:
    """The recommender in a run folder, on the device of `tastelm.devices`. Raises RunError naming the file that is missing, damaged or of another format."""
    place, where = Path(folder), device()
    digests = _manifest(place)
    config, metrics = _config(place, digests), _json(place, digests, "metrics.json")
    catalogue, users = _json(place, digests, "items.json"), _json(place, digests, "users.json") if "users.json" in digests else {"ids": []}
    weights = _checked(place, digests, "model.safetensors")
    about = {name: value for name, value in config.items() if name not in ("settings", "sizes")} | {"metrics": metrics}
    try:
        made = system(config["run"]["system"]).create(config["settings"])
        items, known = (Vocabulary(names["ids"], ordered=True) for names in (catalogue, users))
        stored = dict(config["sizes"])
        sizes = Sizes(len(items), stored["users"], tuple(Field(**column) for column in stored["features"]), _attributes(stored.get("profile", [])))
        module = made.build(sizes)
        module.load_state_dict(load_tensors(weights))
        module.to(where)
        return Recommender(made, module, items, known, dict(catalogue["titles"]), bool(config["run"]["mask_seen"]), about, sizes)
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        writer, reader = config["run"].get("version", "unknown"), tastelm.__version__
        raise RunError(f"{place}: this run was written by TasteLM {writer} and does not fit {reader} ({_line(error)}). Train it again.") from error


def _attributes(stored: list[dict[str, Any]]) -> tuple[Attribute, ...]:
    return tuple(Attribute(entry["name"], tuple(entry["categories"]), tuple(entry["edges"])) for entry in stored)


def _manifest(folder: Path) -> dict[str, str]:
    """File name -> SHA-256."""
    path = folder / MANIFEST
    if not path.is_file():
        unfinished = (folder / "checkpoint").exists()
        cure = "Its training is not finished: run the same fit command again" if unfinished else "Give a folder that tastelm fit has written"
        raise RunError(f"{folder}: no run stands there ({MANIFEST} is missing). {cure}.")
    try:
        manifest = json.loads(path.read_bytes())
        version, digests = manifest["format"], dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise RunError(f"{path}: the file is damaged ({error}). Copy the run folder again, or train it again.") from error
    if version != FORMAT:
        raise RunError(f"{folder}: this run has format {version}, but this version of TasteLM reads format {FORMAT}. Use the version that wrote it.")
    return digests


def _config(folder: Path, digests: dict[str, str]) -> dict[str, Any]:
    try:
        config = tomllib.loads(_checked(folder, digests, "config.toml").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{folder / 'config.toml'}: the file is not TOML ({error}). Copy the run folder again, or train it again.") from error
    if not isinstance(config.get("run"), dict) or "system" not in config["run"]:
        raise RunError(f"{folder / 'config.toml'}: the table 'run' does not say which system this is. Copy the run folder again, or train it again.")
    return config


def _json(folder: Path, digests: dict[str, str], name: str) -> Any:
    content = _checked(folder, digests, name)
    try:
        return json.loads(content)
    except ValueError as error:
        raise RunError(f"{folder / name}: the file is not JSON ({error}). Copy the run folder again, or train it again.") from error


def _line(error: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _checked(folder: Path, digests: dict[str, str], name: str) -> bytes:
    """The bytes of a file of the run, as they were written."""
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}). Copy the run folder again.") from error
    if _digest(content) != digests.get(name):
        raise RunError(f"{path}: the file is damaged: its content is not what was written. Copy the run folder again, or train it again.")
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
