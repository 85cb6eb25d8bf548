"""A record of another system as it is sent: the fields of LG-55, and a ref where none was given."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelwarden.values.clock import timestamp as as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def as_sent(  # noqa: PLR0913  # the fields of LG-55
    *,
    event_type: str,
    component: str,
    action: str,
    details: Mapping[str, Any] | None,
    severity: str,
    compliance_tags: Sequence[str],
    user_id: str | None,
    timestamp: datetime | str | None,
    ref: str | None,
) -> dict[str, Any]:
    """Return the record; what is None is left out."""
    given = {
        "ref": ref or new_ref(),
        "event_type": event_type,
        "component": component,
        "action": action,
        "details": details,
        "severity": severity,
        "compliance_tags": list(compliance_tags) or None,
        "user_id": user_id,
        "timestamp": as_text(timestamp) if isinstance(timestamp, datetime) else timestamp,
    }
    return {name: value for name, value in given.items() if value is not None}


def new_ref() -> str:
    """Draw a ref that no other record has."""
    return secrets.token_hex(16)
