"""GGUF files, as llama.cpp has them: their weights are unpacked and saved as safetensors once, and loaded from there afterwards."""

from __future__ import annotations

import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

from tastelm.data.sources.public.cache import cache
from tastelm.errors import DataError, MissingExtra, OutputError


def converted(path: Path, digest: bytes) -> Path:
    """The folder of a GGUF file's model as safetensors in the cache, made if it is not there. Raises DataError, OutputError, MissingExtra."""
    folder = cache() / "models" / f"{path.stem}-{digest.hex()[:16]}"
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
                _convert(path, Path(aside) / "model")
                if not folder.is_dir():  # another process may have been quicker
                    shutil.move(Path(aside) / "model", folder)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written ({error.strerror or error}). Make room there, or set TASTELM_CACHE to another folder.") from error
    return folder


def _convert(path: Path, folder: Path) -> None:
    try:
        import gguf  # noqa: F401
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtra("gguf", "lm", f"model {path.name}") from error
    where: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **where)
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **where)
    except (ValueError, LookupError, RuntimeError, EOFError, TypeError, struct.error) as error:
        raise DataError(f"{path}: cannot be read as a GGUF model ({' '.join(str(error).split())[:200]}). Fetch the file again, or give a folder.") from error
    # The weights are plain numbers now; what says otherwise would keep them from being saved.
    model.hf_quantizer = None
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
