"""Facts about endpoints that news goes to, and about what could not be delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import ActorId, Digest, EndpointId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAdded:
    """News goes to a new endpoint: these types (all where there are none) from this severity on.

    `owner` is whose right to read decides what is sent. `subjects` pins the list of things it is confined to.
    """

    endpoint: EndpointId
    owner: ActorId
    types: tuple[Code, ...]
    severity: Code
    subjects: Digest | None
    include_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanged:
    """An endpoint's address or subscription is another one; whoever changed it stands behind it now."""

    endpoint: EndpointId
    owner: ActorId
    types: tuple[Code, ...]
    severity: Code
    subjects: Digest | None
    include_text: bool
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSecretRotated:
    """An endpoint's messages are signed with a new secret too; the old one signs beside it until its end."""

    endpoint: EndpointId
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTested:
    """Somebody sent a test message: the status that was answered, 0 for none, and what went wrong."""

    endpoint: EndpointId
    status: int
    problem: Code | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReplayed:
    """An endpoint gets again what it subscribed to, from this entry on."""

    endpoint: EndpointId
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointEnabled:
    """A disabled endpoint gets news again; whoever enabled it stands behind it now."""

    endpoint: EndpointId
    owner: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDisabled:
    """An endpoint gets nothing any more, and why."""

    endpoint: EndpointId
    cause: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDown:
    """An endpoint did not take a message to the end of its tries: what follows waits until it answers again."""

    endpoint: EndpointId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRecovered:
    """An endpoint that was down answers again. Entries before `digest_before` go to it as one message."""

    endpoint: EndpointId
    digest_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAbandoned:
    """An endpoint never took the news of an entry, or of several in one digest, up to `last`.

    `log` is the digest of the rows of the delivery log that say so.
    """

    endpoint: EndpointId
    first: int
    last: int
    attempts: int
    status: int
    problem: Code | None
    log: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDaySealed:
    """The rows of the delivery log of one day, from midnight UTC: how many, and their digest (LG-9)."""

    day: datetime
    rows: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLogPruned:
    """Rows of the delivery log before this time were deleted (AC-84)."""

    before: datetime
    rows: int


KINDS: Final = (
    Kind(EndpointAdded, Family.ACCESS, Severity.WARNING),
    Kind(EndpointChanged, Family.ACCESS, Severity.WARNING),
    Kind(EndpointSecretRotated, Family.ACCESS, Severity.WARNING),
    Kind(EndpointTested, Family.ACCESS, Severity.INFO),
    Kind(EndpointReplayed, Family.ACCESS, Severity.WARNING),
    Kind(EndpointEnabled, Family.ACCESS, Severity.WARNING),
    Kind(EndpointDisabled, Family.INCIDENT, Severity.WARNING),
    Kind(EndpointDown, Family.INCIDENT, Severity.HIGH),
    Kind(EndpointRecovered, Family.INCIDENT, Severity.INFO),
    Kind(DeliveryAbandoned, Family.INCIDENT, Severity.HIGH),
    Kind(DeliveryDaySealed, Family.LEDGER, Severity.INFO),
    Kind(DeliveryLogPruned, Family.LEDGER, Severity.INFO),
)
