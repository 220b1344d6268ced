"""Under which conditions the loop runs: device and precision, sums that repeat to the bit, and Ctrl-C between two steps."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric

from tastelm.devices import device, precision
from tastelm.train.stage import Stage

ATTENTION = r".*[Aa]ttention defaults to a non-deterministic algorithm"


@contextmanager
def repeatable() -> Iterator[None]:
    """Several threads may add up in any order by default, and the sum then differs in its last bits from run to run; not in here.

    On a GPU attention does so still: its repeatable form is to be had only by refusing every operation that has none. Torch says so at each training,
    and need not.
    """
    memory: Any = torch.utils.deterministic
    usual = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled, memory.fill_uninitialized_memory = memory.fill_uninitialized_memory, False  # nobody reads it, so filling it would be waste
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=ATTENTION)
            yield
    finally:
        torch.use_deterministic_algorithms(usual[0], warn_only=usual[1])
        memory.fill_uninitialized_memory = filled


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, so that the loop can end between two steps; a second one interrupts at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    usual = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: Any) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    signal.signal(signal.SIGINT, stop)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, usual)


def fabric_of(stage: Stage) -> Fabric:
    """The device that a stage trains on, in the precision of its descent."""
    large = any(getattr(part, "external", False) for part in stage.module.modules())
    return Fabric(accelerator=device().type, devices=1, precision=precision(stage.descent.precision, large=large))
