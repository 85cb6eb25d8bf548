"""What the parts of a policy document are made of: strict shapes and the words that they share. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from modelwarden.policies.duration import duration
from modelwarden.values.ids import NAME


def _checked_duration(text: str) -> str:
    if not 0 < duration(text).total_seconds() <= duration("P365D").total_seconds():
        raise ValueError("longer than nothing and at most P365D")
    return text


Name = Annotated[str, StringConstraints(pattern=rf"^{NAME.pattern}$")]
Person = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")]
Length = Annotated[str, AfterValidator(_checked_duration)]
Reason = Annotated[str, StringConstraints(min_length=3, max_length=500)]


class Shape(BaseModel):
    """A part of a document: strict, closed, fixed once read."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
