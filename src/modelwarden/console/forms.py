"""Forms of pages, read with a bound on their size."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request

from modelwarden.errors import FormInvalid

FORM: Final = "application/x-www-form-urlencoded"
FORM_BYTES: Final = 4_096
MOST_FIELDS: Final = 40


async def form(request: Request, *, size_bytes: int = FORM_BYTES) -> dict[str, str]:
    """Return the fields of a form, the last value of each. Raises FormInvalid."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
        raise FormInvalid("send the form of the page")
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > size_bytes:
            raise FormInvalid("the form is too large")
    try:
        fields = parse_qs(
            data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise FormInvalid("the form has more fields than the page") from error
    if any("\0" in value for values in fields.values() for value in values):
        raise FormInvalid("the form holds the character NUL, which databases can't keep")
    return {name: values[-1].strip() for name, values in fields.items()}
