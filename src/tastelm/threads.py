"""One thread budget for everything that works in parallel."""

from __future__ import annotations

import os
import sys


def use_threads(count: int) -> None:
    """Let torch, the linear algebra and the frames share `count` threads; 0 is every core this process may use.

    The variables are read when those libraries are first imported; torch can still be told afterwards.
    """
    number = count or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
    # Threads of libgomp spin for milliseconds when they wait. Alone on a machine that is fastest; beside other busy processes
    # it made a step of training several times slower. A spin this short is a compromise between the two.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[variable] = str(number) if count else os.environ.get(variable, str(number))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(number)
