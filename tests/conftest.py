"""What all tests share: one thread, a steady hypothesis, and where the real data are."""

import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads must not burn the core that another process could use

os.environ.pop("COLUMNS", None)  # workers are told how wide the screen is, and tables would be cut to it

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("tastelm", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("tastelm")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; the test is skipped where there is none."""
    folder = Path(os.environ.get("TASTELM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set TASTELM_DATA")
    return folder
