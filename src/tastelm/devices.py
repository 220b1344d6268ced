"""Where modules compute: on the machine's accelerator if there is one, unless TASTELM_DEVICE says otherwise."""

from __future__ import annotations

import os
from typing import Any

import torch

from tastelm.errors import SettingError

KINDS = ("auto", "cpu", "cuda", "mps")


def device() -> torch.device:
    """The device that training and answering use. Raises SettingError where TASTELM_DEVICE names none, or one that is not here."""
    wanted = os.environ.get("TASTELM_DEVICE", "auto").strip().lower() or "auto"
    if wanted not in KINDS:
        raise SettingError(f"TASTELM_DEVICE: '{wanted}' is no kind of device. Take {', '.join(KINDS[:-1])} or {KINDS[-1]}.")
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        wanted = next(kind for kind, found in here.items() if found)
    if not here[wanted]:
        found = ", ".join(kind for kind in KINDS if here.get(kind))
        raise SettingError(f"TASTELM_DEVICE: {wanted} is not on this machine, or torch was installed without it. Here: {found}.")
    if wanted == "cuda":
        # Read when its linear algebra is first used; without it two runs of one seed would differ in their last bits.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(wanted)


def precision(wanted: str) -> Any:
    """What Lightning is told: `wanted` itself, or for `auto` half precision where the device multiplies in it, and single precision elsewhere."""
    if wanted != "auto":
        return wanted
    return "bf16-mixed" if device().type == "cuda" and torch.cuda.is_bf16_supported() else "32-true"
