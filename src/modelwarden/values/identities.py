"""What callers get about accounts in other systems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the API reads the annotations at run time


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAnswer:
    """An account in another system that is a user's; `subject` is its immutable id there."""

    id: str
    user: str
    issuer: str
    subject: str
    mapped_by: str
    mapped_at: datetime
