"""Values as the files of a comparison hold them."""

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


class Part(BaseModel):
    """A table in one of the files; fields that nobody asks for are passed by."""

    model_config = ConfigDict(frozen=True)
