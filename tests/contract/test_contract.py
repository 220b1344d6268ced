"""Every registered system keeps the contract."""

from typing import Any

import pytest

from tastelm.systems.catalogue import names, system
from tastelm.testing import CHECKS

# A batch is of predictions for most, and of whole texts for those that read.
READS: dict[str, dict[str, Any]] = {
    "tiger": {"batch": 64}, "p5": {"batch": 256, "prompts": "2-3", "direct": 0}, "instruct-rec": {"batch": 8, "max_epochs": 20},
    "llm-rerank": {"batch": 64}, "lm-zeroshot": {"batch": 64},
    "openp5": {"batch": 128, "direct": 0}, "gpt4rec": {"batch": 64, "beams": 3, "longest": 8, "results": 6},
    "att2seq": {"batch": 64}, "nrt": {"batch": 64}, "peter": {"batch": 64, "dim": 32},
    "pepler": {"model": "scratch:dim=32,layers=2,heads=4,context=64,vocabulary=300", "batch": 64, "pretrain_epochs": 2, "training": "joint"},
    "lmrecsys": {"masks": 4, "batch": 256, "pretrain_epochs": 1, "model": "scratch:dim=32,layers=1,heads=2,context=64,vocabulary=300"},
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", names())
def test_system_keeps_its_promise(name: str, check: str) -> None:
    CHECKS[check](system(name), READS.get(name))
