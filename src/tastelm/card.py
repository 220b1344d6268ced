"""What a system is: the row of the survey's Table 1 that `tastelm systems` prints, read off the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tastelm.settings import Search


class Paradigm(Enum):
    """The training strategies of the survey's section 4, and what stands outside of them."""

    BASELINE = "baseline"
    PROBE = "leak probe"
    PRETRAIN_ONLY = "pre-training w/o fine-tuning"
    HOLISTIC = "fine-tuning, whole model"
    PARTIAL = "fine-tuning, part of the model"
    EXTERNAL = "fine-tuning, external part"
    PROMPT_TUNING = "prompting, fixed-PTM prompt tuning"
    PLM_TUNING = "prompting, fixed-prompt PTM tuning"
    TUNING_FREE = "prompting, tuning-free"
    PROMPT_AND_PLM = "prompting, prompt + PTM tuning"


class Target(Enum):
    """What is learnt, by the survey's section 5."""

    NONE = "-"
    COUNT = "counts"
    SIMILARITY = "co-occurrence"
    RECONSTRUCTION = "reconstruction"
    PAIRWISE = "pairwise ranking"
    AUTOREGRESSIVE = "AM"
    MASKED = "MLM"
    PERMUTED = "PerLM"
    REPLACED = "RTD"
    REARRANGED = "RSP"
    MUTUAL_INFORMATION = "MIM"
    CONTRASTIVE = "contrastive"
    PROFILE = "user attributes"
    RELATION = "user relations"


class Question(Enum):
    """The task a system answers."""

    SEQUENTIAL = "sequential"
    SESSION = "session"
    TOP_N = "top-n"
    ZERO_SHOT = "zero-shot"
    EXPLANATION = "explanation"


class DataType(Enum):
    """What a system learns from."""

    SEQUENCE = "sequential"
    INTERACTION = "interactions"
    ATTRIBUTE = "textual (attributes)"
    TIME = "times"
    PROFILE = "user attributes"
    TEXT = "textual"


@dataclass(frozen=True)
class Card:
    """One row of the taxonomy.

    name      what the command line calls the system
    paper     authors, title, year
    summary   one sentence for somebody choosing
    space     setting -> where `tastelm tune` looks for better values; a System fills it in from its Config, so it is typed once
    """

    name: str
    paper: str
    summary: str
    paradigm: Paradigm
    objectives: tuple[Target, ...]
    task: Question
    data: tuple[DataType, ...]
    space: Mapping[str, Search] = field(default_factory=dict, compare=False)

    def row(self) -> dict[str, str]:
        """The card as text by column, in the order of the survey's Table 1."""
        return {
            "strategy": self.paradigm.value,
            "system": self.name,
            "objectives": " + ".join(target.value for target in self.objectives),
            "task": self.task.value,
            "data": " + ".join(kind.value for kind in self.data),
            "tuned": ", ".join(self.space) or "-",
            "paper": self.paper,
            "summary": self.summary,
        }
