"""The machine and the versions of a run, in words."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from common import ROOT, THREADS

PACKAGES = ("torch", "lightning-fabric", "numpy", "polars")


def machine() -> dict[str, object]:
    """Plain values, and `words` that hold the lot in a sentence."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    name, vectors = _processor()
    words = (
        f"{name} ({vectors}), {cores} core{'s' * (cores != 1)}, {memory:.0f} GiB of memory, {_gpu()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, torch {metadata.version('torch')}, {THREADS} threads; load {load:.1f} before the run"
    )
    return {"words": words, "processor": name, "cores": cores, "memory_gib": round(memory, 1), "system": platform.platform(), "load": load, "threads": THREADS}


def versions() -> dict[str, str]:
    """Of TasteLM, its commit, Python and the packages whose speed counts."""
    from tastelm import __version__

    return {"tastelm": __version__, "commit": _commit(), "python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def _processor() -> tuple[str, str]:
    """Its name, and the widest vectors it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), "vectors unknown"
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = known.get("flags", known.get("Features", "")).split()
    vectors = next((words for flag, words in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON")) if flag in flags), "no wide vectors")
    return known.get("model name", platform.machine()), vectors


def _gpu() -> str:
    """The GPU that computes, if `TASTELM_BENCH_GPU=1` has asked for it and there is one."""
    if os.environ.get("TASTELM_BENCH_GPU") != "1":
        return "no GPU used"
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU used"


def _commit() -> str:
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
