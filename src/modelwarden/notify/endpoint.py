"""An endpoint: where news goes, which, and whether it goes there now. Values and rules only."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import IllegalMove, ValueInvalid
from modelwarden.facts.kinds import Severity
from modelwarden.values.ids import NAME, ActorId, Commitment, Digest, EndpointId

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ENDPOINTS: Final = 100
MOST_WORDS: Final = 50
OVERLAP_MOST: Final = timedelta(hours=24)
SUBJECT: Final = re.compile(r"[a-z][a-z_]{0,31}:[!-~]{1,256}")


class EndpointState(StrEnum):
    """`active ↔ down → disabled`; a person enables again."""

    ACTIVE = "active"
    DOWN = "down"
    DISABLED = "disabled"


class Cause(StrEnum):
    """Why an endpoint was disabled."""

    BY_PERSON = "by_person"
    GONE = "gone"
    DOWN_TOO_LONG = "down_too_long"
    RIGHTS_LOST = "rights_lost"
    SECRET_LOST = "secret_lost"  # noqa: S105  # a word, not a secret


MOVES: Final[Mapping[EndpointState, frozenset[EndpointState]]] = MappingProxyType(
    {
        EndpointState.ACTIVE: frozenset({EndpointState.DOWN, EndpointState.DISABLED}),
        EndpointState.DOWN: frozenset({EndpointState.ACTIVE, EndpointState.DISABLED}),
        EndpointState.DISABLED: frozenset({EndpointState.ACTIVE}),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A webhook endpoint with its subscription.

    Attributes:
        url, secret, previous_secret: sealed texts; the URL may hold a secret too.
        types: words as a search understands them; none means every type.
        subjects: what news has to concern, as `model:churn`; none means anything.
        owner: whoever added or last changed it; what that account may not read is not sent.
        digest_before: entries below this number go as one message.
        round: raised when the endpoint begins again elsewhere, so that what was sent before counts no more.
    """

    id: EndpointId
    name: str
    url: Commitment
    secret: Commitment
    previous_secret: Commitment | None = None
    previous_until: datetime | None = None
    types: tuple[str, ...] = ()
    severity: Severity = Severity.INFO
    subjects: tuple[str, ...] = ()
    include_text: bool = False
    owner: ActorId
    state: EndpointState = EndpointState.ACTIVE
    cause: Cause | None = None
    down_since: datetime | None = None
    digest_before: int | None = None
    round: int = 1
    added_at: datetime
    revision: int = 0

    def __post_init__(self) -> None:
        if NAME.fullmatch(self.name) is None:
            raise ValueInvalid("name", f"of the form {NAME.pattern}")
        if len(self.types) > MOST_WORDS or len(self.subjects) > MOST_WORDS:
            raise ValueInvalid("types, subjects", f"at most {MOST_WORDS} of each")
        if not all(SUBJECT.fullmatch(subject) for subject in self.subjects):
            raise ValueInvalid("subjects", "kind:id each, as in model:churn")

    @property
    def follower(self) -> str:
        """Return the name under which its position is kept."""
        return f"{self.id}.{self.round}"

    @property
    def subjects_digest(self) -> Digest | None:
        """Return what an entry pins the subjects by."""
        if not self.subjects:
            return None
        return Digest(hashlib.sha256("\n".join(self.subjects).encode()).hexdigest())

    def went_down(self, *, now: datetime) -> Endpoint:
        """Return this endpoint, down: nothing is sent but probes. Raises IllegalMove."""
        return replace(self._moved(EndpointState.DOWN), down_since=now)

    def recovered(self, *, digest_before: int) -> Endpoint:
        """Return this endpoint, active again after it was down. Raises IllegalMove."""
        moved = self._moved(EndpointState.ACTIVE)
        return replace(moved, down_since=None, digest_before=digest_before)

    def disabled(self, cause: Cause) -> Endpoint:
        """Return this endpoint, disabled. Raises IllegalMove."""
        return replace(self._moved(EndpointState.DISABLED), cause=cause, down_since=None)

    def enabled(self, *, by: ActorId, digest_before: int) -> Endpoint:
        """Return this endpoint, active again by a person, who stands behind it from now on. Raises IllegalMove."""
        if self.state is not EndpointState.DISABLED:
            raise IllegalMove("endpoint", self.state, EndpointState.ACTIVE)
        moved = self._moved(EndpointState.ACTIVE)
        return replace(moved, cause=None, owner=by, digest_before=digest_before)

    def rotated(self, secret: Commitment, *, until: datetime) -> Endpoint:
        """Return this endpoint with a new secret; the old one signs too until then."""
        return replace(self, previous_secret=self.secret, previous_until=until, secret=secret)

    def begun_again(self) -> Endpoint:
        """Return this endpoint in its next round: single messages from another position on."""
        return replace(self, round=self.round + 1, digest_before=None)

    def _moved(self, state: EndpointState) -> Endpoint:
        if state not in MOVES[self.state]:
            raise IllegalMove("endpoint", self.state, state)
        return replace(self, state=state)
