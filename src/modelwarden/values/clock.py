"""Time: aware UTC moments, one text form, and the seam through which a test can hold the clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Protocol

_FORM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


class Clock(Protocol):
    """Where "now" comes from. Durations come from `time.monotonic`, never from here."""

    def now(self) -> datetime:
        """Return the current moment, aware, in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the current moment, aware, in UTC."""
        return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Return the one text form of a moment: `2026-11-20T11:19:40.000000Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment(text: str) -> datetime:
    """Return the moment that `timestamp` wrote. Raises ValueError on any other form."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not of the form 2026-11-20T11:19:40.000000Z")
    return datetime.fromisoformat(text)


def maybe_moment(text: str | None) -> datetime | None:
    """Return the moment that `timestamp` wrote, or None for none."""
    return None if text is None else moment(text)
