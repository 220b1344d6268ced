"""Where modules compute: on the machine's accelerator if there is one, unless TASTELM_DEVICE says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from tastelm.errors import SettingError

KINDS = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "single")


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


def precision(wanted: str, *, large: bool = False) -> Any:
    """What Lightning is told: `wanted` itself, or for `auto` half precision where the device multiplies in it, and single precision elsewhere.

    large  whether it is a model whose products are worth the casts on a CPU too, as a language model that comes trained; on a GPU all are

    TASTELM_PRECISION=single keeps `auto` to single precision everywhere. Raises SettingError for another word in it.
    """
    allowed = os.environ.get("TASTELM_PRECISION", "auto").strip().lower() or "auto"
    if allowed not in PRECISIONS:
        raise SettingError(f"TASTELM_PRECISION: '{allowed}' is not known. Take {' or '.join(PRECISIONS)}.")
    if wanted != "auto":
        return wanted
    kind = device().type
    halves = torch.cuda.is_bf16_supported() if kind == "cuda" else kind == "cpu" and large and _cpu_halves()
    return "bf16-mixed" if allowed == "auto" and halves else "32-true"


def _cpu_halves() -> bool:
    """Whether the processor multiplies in bfloat16 itself: where it must be imitated, half precision is slower than single."""
    # Older versions of torch cannot tell.
    told: Mapping[str, Any] = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(told.get(name) for name in ("avx512_bf16", "amx_bf16"))
