"""The losses of the objectives of a stage, each by itself, between two looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Stands before the name of an objective in a line of history.
PART = "loss/"


class Parts:
    """Sums of what the steps hand in. They stay on the device until somebody looks, which a step need not wait for."""

    def __init__(self, sums: Mapping[str, tuple[float, int]] | None = None) -> None:
        self.sums: dict[str, tuple[Tensor | float, int]] = dict(sums or {})

    def add(self, parts: Mapping[str, Tensor]) -> None:
        """One batch; a part that it has not leaves that part's mean alone."""
        for name, value in parts.items():
            before, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = before + value.float(), count + 1

    def plain(self) -> dict[str, tuple[float, int]]:
        """Name -> sum and count, for a checkpoint."""
        return {name: (float(total), count) for name, (total, count) in self.sums.items()}

    def means(self) -> dict[str, float]:
        """`loss/NAME` -> mean over the batches that had it, for a line of history."""
        return {f"{PART}{name}": total / count for name, (total, count) in self.plain().items()}
