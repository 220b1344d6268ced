"""One file that holds all a killed run needs to go on as if nothing had happened.

The file is safetensors: weights, the best weights so far and the optimiser's moments as tensors, everything else as JSON in
the header. It is written aside, synced and renamed, so that at any moment a whole checkpoint stands there or none. There is
no random state in it: the randomness of every step is a function of the seed, the stage and the step.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tastelm.errors import RunError
from tastelm.files import write_bytes


@dataclass(frozen=True)
class Checkpoint:
    """state: plain JSON values; tensors: by name, as `module.x`, `best.x`, `optimizer.0.exp_avg`."""

    state: dict[str, Any]
    tensors: dict[str, Tensor]

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `name.`, without that beginning."""
        return {key[len(name) + 1 :]: value for key, value in self.tensors.items() if key.startswith(name + ".")}

    def write(self, path: Path) -> None:
        """Replace the checkpoint at `path` at once. Raises OutputError if it cannot be written."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        write_bytes(path, save(tensors, {"state": json.dumps(self.state)}))

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Raises RunError if the file is damaged."""
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                return cls(json.loads(header["state"]), {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise RunError(f"{path}: the checkpoint is damaged ({error}). Delete it to begin the training again.") from error
