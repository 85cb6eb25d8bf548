"""What bodies look like: strict, unknown fields refused, each text with its longest length.

The source documents' names for some fields are understood on the routes that they write (interfaces.md). Both names of
one field at once are refused, since the second is then unknown.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from modelwarden.api.problems import PROBLEM
from modelwarden.values.pages import DEFAULT_LIMIT, MOST, Listing, Page

Body = TypeVar("Body", bound="Shape")


class Shape(BaseModel):
    """A body, read strictly."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _moment(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a time as text, such as 2026-11-20T11:19:40Z")  # noqa: TRY004  # Pydantic's protocol
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a time with its zone, such as 2026-11-20T11:19:40Z")
    return found


def _bytes(value: object) -> object:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error as error:
        raise ValueError("base64") from error


Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Text = Annotated[str, StringConstraints(max_length=4_000)]
LongText = Annotated[str, StringConstraints(max_length=65_536)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
Figure = int | float | str
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Base64 = Annotated[
    bytes,
    BeforeValidator(_bytes),
    WithJsonSchema({"type": "string", "format": "byte"}),
]
ModelField = Annotated[Word, Field(validation_alias=AliasChoices("model", "model_id"))]

CLAIMS: Final = (
    "assigned_by", "approver", "approved_by", "requested_by", "deployed_by", "activated_by", "deactivated_by",
    "triggered_by",
)  # fmt: skip


class Claims(Shape):
    """Who acts, in the source documents' words: accepted only if it is whom the token stands for (AC-5)."""

    assigned_by: Word | None = None
    approver: Word | None = None
    approved_by: Word | None = None
    requested_by: Word | None = None
    deployed_by: Word | None = None
    activated_by: Word | None = None
    deactivated_by: Word | None = None
    triggered_by: Word | None = None

    def claims(self) -> dict[str, str]:
        """Return field → name for each that was sent."""
        found = {name: getattr(self, name) for name in CLAIMS}
        return {name: value for name, value in found.items() if value is not None}


class Reason(Shape):
    """Why something is done."""

    reason: Text = ""


def page(
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Page:
    """Return the part of a list that the query asks for."""
    return Page(limit=limit, cursor=cursor)


def answers(shape: Any, *, status: int = 200, kind: str = "application/json") -> dict[Any, Any]:  # noqa: ANN401  # a type
    """Return how a route's answers are documented: its own, and problems."""
    told: dict[str, Any] = {"description": "What was asked for, or what became of it."}
    if shape is bytes:
        told["content"] = {kind: {"schema": {"type": "string", "format": "binary"}}}
    else:
        told["model"] = shape
    refused = {
        "description": "A problem (RFC 9457): a stable code, and what to do next.",
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return {status: told, "default": refused}


def pages(shape: Any) -> dict[Any, Any]:  # noqa: ANN401  # a type
    """Return how a route that answers with a page is documented."""
    return answers(Listing[shape])
