"""What the parts of a record are made of."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _not_endless(value: float) -> float:
    if math.isinf(value):
        raise ValueError("the number is endless")
    return value


# What is not a number is null in JSON.
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value), AfterValidator(_not_endless)]
Pair = tuple[Number, Number]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Kind(BaseModel):
    """A part of a record, which stays as it was read."""

    model_config = ConfigDict(frozen=True)
