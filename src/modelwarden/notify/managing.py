"""Actions on endpoints: add, update, test, rotate the secret, disable, enable, replay. All take `endpoint.manage`.

Whoever adds, changes or enables an endpoint stands behind it: it gets what that account may read. A secret is in the
answer that makes it and nowhere else; a URL is never shown beyond its host.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize
from modelwarden.audit import actions as audit
from modelwarden.errors import (
    EndpointExists,
    EndpointLimit,
    ExpiryNeeded,
    IllegalMove,
    NotFound,
    RevisionConflict,
    ValueInvalid,
)
from modelwarden.facts.kinds import Code, Severity
from modelwarden.facts.notify import (
    EndpointAdded,
    EndpointChanged,
    EndpointDisabled,
    EndpointEnabled,
    EndpointReplayed,
    EndpointSecretRotated,
    EndpointTested,
)
from modelwarden.ledger.entry import chain_start
from modelwarden.notify import queries
from modelwarden.notify.address import Egress, parse_url
from modelwarden.notify.endpoint import (
    MOST_ENDPOINTS,
    OVERLAP_MOST,
    Cause,
    Endpoint,
    EndpointState,
)
from modelwarden.notify.outcomes import digest_before
from modelwarden.notify.reads import endpoint as endpoint_of
from modelwarden.notify.webhook import new_secret
from modelwarden.permissions import Permission
from modelwarden.store import entries
from modelwarden.store.follower import Position
from modelwarden.values.ids import EndpointId
from modelwarden.values.words import named

if TYPE_CHECKING:
    from modelwarden.notify.delivery import Result
    from modelwarden.store.change import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """What an endpoint is added with. `types` are words as a search understands them; none means all."""

    name: str
    url: str
    types: tuple[str, ...] = ()
    severity: str = "INFO"
    subjects: tuple[str, ...] = ()
    include_text: bool = False

    def __repr__(self) -> str:
        return f"NewEndpoint({self.name}, address hidden)"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanges:
    """What is to be another; None stays."""

    url: str | None = None
    types: tuple[str, ...] | None = None
    severity: str | None = None
    subjects: tuple[str, ...] | None = None
    include_text: bool | None = None

    def __repr__(self) -> str:
        return "EndpointChanges(address hidden)"


@dataclass(frozen=True, slots=True)
class Secret:
    """An endpoint with its fresh secret, which is shown this once."""

    endpoint: Endpoint
    secret: str

    def __repr__(self) -> str:
        return f"Secret({self.endpoint.id}, secret hidden)"


def add(change: Change, new: NewEndpoint) -> Secret:
    """Add an endpoint; it is told what happens from now on.

    Raises:
        NotPermitted: no `endpoint.manage`, or no entry that the caller may read.
        EndpointAddressRefused, EndpointExists, EndpointLimit, ValueInvalid.
    """
    _authorize(change, include_text=new.include_text)
    _check_address(change, new.url)
    if queries.find_endpoint(change, new.name) is not None:
        raise EndpointExists(f"there is an endpoint called {new.name!r}; take another name")
    counts = queries.count_by_state(change)
    if sum(counts.values()) - counts.get(EndpointState.DISABLED, 0) >= MOST_ENDPOINTS:
        raise EndpointLimit(f"{MOST_ENDPOINTS} endpoints are served; disable one first")
    secret = new_secret()
    endpoint = change.save(
        Endpoint(
            id=EndpointId(change.new_id("end")),
            name=new.name,
            url=change.text(new.url),
            secret=change.text(secret),
            types=_types(new.types),
            severity=named(Severity, new.severity.upper(), field="severity"),
            subjects=tuple(dict.fromkeys(new.subjects)),
            include_text=new.include_text,
            owner=change.actor,
            added_at=change.now,
        )
    )
    head = entries.read_head(change.connection)
    queries.start_position(change, endpoint.follower, Position(head.size, head.entry_hash))
    change.record(
        EndpointAdded(
            endpoint=endpoint.id,
            owner=endpoint.owner,
            types=tuple(Code(word) for word in endpoint.types),
            severity=Code(endpoint.severity.value),
            subjects=endpoint.subjects_digest,
            include_text=endpoint.include_text,
        )
    )
    return Secret(endpoint, secret)


def update(
    change: Change, name: str, *, changes: EndpointChanges, revision: int | None = None
) -> Endpoint:
    """Change where an endpoint lies or what it is told; the caller stands behind it from now on.

    Raises:
        NotPermitted, NotFound, EndpointAddressRefused, ValueInvalid, RevisionConflict.
    """
    old = endpoint_of(change, name)
    wants_text = old.include_text if changes.include_text is None else changes.include_text
    _authorize(change, include_text=wants_text)
    if revision is not None and revision != old.revision:
        raise RevisionConflict("endpoint", old.id, expected=revision, found=old.revision)
    moved = changes.url is not None and changes.url != change.words(old.url)
    severity = changes.severity
    new = replace(
        old,
        types=old.types if changes.types is None else _types(changes.types),
        severity=old.severity
        if severity is None
        else named(Severity, severity.upper(), field="severity"),
        subjects=old.subjects
        if changes.subjects is None
        else tuple(dict.fromkeys(changes.subjects)),
        include_text=wants_text,
    )
    if new == old and not moved:
        change.unchanged("endpoint", old.id)
        return old
    if moved and changes.url is not None:
        _check_address(change, changes.url)
        new = replace(new, url=change.text(changes.url))
        queries.forget_text(change, old.url)
    new = change.save(replace(new, owner=change.actor))
    change.record(
        EndpointChanged(
            endpoint=new.id,
            owner=new.owner,
            types=tuple(Code(word) for word in new.types),
            severity=Code(new.severity.value),
            subjects=new.subjects_digest,
            include_text=new.include_text,
            moved=moved,
        )
    )
    return new


def rotate_secret(change: Change, name: str, *, overlap_minutes: int = 1_440) -> Secret:
    """Sign with a new secret; the old one signs too until the overlap ends. A secret before that ends at once.

    Raises:
        NotPermitted, NotFound.
        ExpiryNeeded: the overlap is longer than 24 hours.
    """
    endpoint = endpoint_of(change, name)
    overlap = timedelta(minutes=overlap_minutes)
    if not timedelta(0) <= overlap <= OVERLAP_MOST:
        raise ExpiryNeeded("the old secret signs on for 0 to 1,440 minutes")
    if endpoint.previous_secret is not None:
        queries.forget_text(change, endpoint.previous_secret)
    secret = new_secret()
    until = change.now + overlap
    endpoint = change.save(endpoint.rotated(change.text(secret), until=until))
    change.record(EndpointSecretRotated(endpoint=endpoint.id, ends_at=until))
    return Secret(endpoint, secret)


def test(change: Change, name: str, *, result: Result) -> Result:
    """Record what became of a test message. Raises NotPermitted, NotFound."""
    endpoint = endpoint_of(change, name)
    change.record(
        EndpointTested(
            endpoint=endpoint.id,
            status=result.status,
            problem=None if result.problem is None else Code(result.problem),
        )
    )
    return result


def disable(change: Change, name: str) -> Endpoint:
    """Stop telling an endpoint anything; its place is kept. Raises NotPermitted, NotFound."""
    endpoint = endpoint_of(change, name)
    if endpoint.state is EndpointState.DISABLED:
        change.unchanged("endpoint", endpoint.id)
        return endpoint
    endpoint = change.save(endpoint.disabled(Cause.BY_PERSON))
    change.record(EndpointDisabled(endpoint=endpoint.id, cause=Code(Cause.BY_PERSON.value)))
    return endpoint


def enable(change: Change, name: str) -> Endpoint:
    """Let a disabled endpoint go on where it was; what waited for more than a day comes as one message.

    Raises:
        NotPermitted, NotFound, EndpointLimit.
        IllegalMove: it is not disabled.
    """
    endpoint = endpoint_of(change, name)
    _authorize(change, include_text=endpoint.include_text)
    endpoint = change.save(endpoint.enabled(by=change.actor, digest_before=digest_before(change)))
    change.record(EndpointEnabled(endpoint=endpoint.id, owner=endpoint.owner))
    return endpoint


def replay(change: Change, name: str, *, first: int) -> Endpoint:
    """Send again what an endpoint subscribed to, from this entry on, with the same ids.

    Raises:
        NotPermitted, NotFound.
        ValueInvalid: there is no such entry.
        IllegalMove: the endpoint is disabled.
    """
    endpoint = endpoint_of(change, name)
    if endpoint.state is EndpointState.DISABLED:
        raise IllegalMove("endpoint", endpoint.state, "served again before it is enabled")
    size = entries.read_head(change.connection).size
    if not 0 <= first < size:
        raise ValueInvalid("first", f"the number of an entry, below {size:,}")
    queries.end_position(change, endpoint.follower)
    endpoint = change.save(endpoint.begun_again())
    queries.start_position(change, endpoint.follower, _position(change, first))
    change.record(EndpointReplayed(endpoint=endpoint.id, first=first))
    return endpoint


def _authorize(change: Change, *, include_text: bool) -> None:
    """Refuse whoever could not read by themselves what the endpoint would be told."""
    authorize(change, Permission.ENDPOINT_MANAGE)
    audit.authorize_somewhere(change)
    if include_text:
        authorize(change, Permission.PERSONAL_READ)


def _check_address(change: Change, url: str) -> None:
    Egress(change.settings.endpoint_allow).check(parse_url(url))


def _types(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not audit.types_of(word):
            raise ValueInvalid(
                "types", f"known types, families, or patterns like model.*; not {word[:64]!r}"
            )
    return tuple(dict.fromkeys(words))


def _position(change: Change, first: int) -> Position:
    if first == 0:
        return Position(0, chain_start(change.keyring.origin))
    before = entries.entry(change.connection, first - 1)
    if before is None:
        raise NotFound("entry", str(first - 1))
    return Position(first, before.entry_hash)
