"""Encoders that one system lends to another."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal

from tastelm.data.features import Sizes
from tastelm.systems.baselines.caser import Caser
from tastelm.systems.baselines.gru4rec import GRU4Rec
from tastelm.systems.baselines.nextitnet import NextItNet
from tastelm.systems.baselines.sasrec import SASRec
from tastelm.systems.common import SequenceSystem, TransformerConfig

EncoderName = Literal["sasrec", "gru4rec", "caser", "nextitnet"]
ENCODERS: dict[EncoderName, type[SequenceSystem[Any]]] = {"sasrec": SASRec, "gru4rec": GRU4Rec, "caser": Caser, "nextitnet": NextItNet}


def backbone(name: EncoderName, config: TransformerConfig) -> Any:
    """The encoder of another system, as that system makes it; of `config` it takes the settings that both have."""
    other = ENCODERS[name]
    shared = {"dim", "max_len", "dropout", "layers", "heads"} & {entry.name for entry in fields(other.Config)}
    return other(other.Config(**{each: getattr(config, each) for each in sorted(shared)})).build(Sizes(1)).backbone
