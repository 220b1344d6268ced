"""How long a stage may train: in minutes, steps or epochs, whichever ends first."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tastelm.errors import SettingError

_UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")


@dataclass(frozen=True)
class Budget:
    """Limits of a stage; infinity is no limit.

    seconds  of training and the validation within it
    """

    seconds: float = math.inf
    steps: float = math.inf
    epochs: float = math.inf

    @classmethod
    def parse(cls, text: str) -> Budget:
        """`90s`, `10m`, `1.5h`, `2000steps` or `8epochs`. Raises SettingError for anything else."""
        match = _FORM.fullmatch(text.strip().lower())
        if match and 0 < float(match[1]) < math.inf:
            amount, unit = float(match[1]), match[2]
            if unit in _UNITS:
                return cls(seconds=amount * _UNITS[unit])
            if unit.rstrip("s") in ("step", "epoch") and amount.is_integer():
                return cls(**{unit.rstrip("s") + "s": amount})
        raise SettingError(f"budget: '{text}' is not a length of training; write it like 90s, 10m, 1.5h, 2000steps or 8epochs.")

    def within(self, other: Budget) -> Budget:
        """The tighter of the two in every respect."""
        return Budget(min(self.seconds, other.seconds), min(self.steps, other.steps), min(self.epochs, other.epochs))

    def share(self, part: float) -> Budget:
        """The part (0 to 1) of this budget that one of several stages gets."""
        return Budget(self.seconds * part, self.steps if math.isinf(self.steps) else max(1, int(self.steps * part)), self.epochs * part)

    def used(self, seconds: float, steps: int, epochs: float) -> float:
        """Share of the budget that is gone, 1 or more when it is over."""
        return max(seconds / self.seconds, steps / self.steps, epochs / self.epochs)
