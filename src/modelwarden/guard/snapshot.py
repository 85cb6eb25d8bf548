"""What guards hold: switches, route and rules of one model in one environment; and what it takes to be accepted.

`accept` is a function of values: bytes, pinned keys, whose snapshot it has to be, the newest one seen. Where the bytes
come from, where the floor is kept and how old is too old are decided elsewhere (SG-18, SG-20, SG-21).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import (
    NoPinnedKey,
    NoVerifier,
    RouteInvalid,
    SignatureInvalid,
    SnapshotRejected,
    ValueInvalid,
)
from modelwarden.guard.body import digests_in, read_json, reading_body
from modelwarden.guard.compiled import at_once, compiling
from modelwarden.guard.drift_section import reading_drift
from modelwarden.guard.faults import Faults, read_faults
from modelwarden.guard.reread import NOTHING
from modelwarden.guard.router import parse_route
from modelwarden.guard.wire import Reason, decoding, opened
from modelwarden.ledger.dsse import verify as verify_envelope
from modelwarden.values.clock import moment
from modelwarden.values.ids import HEX_DIGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from modelwarden.guard.drift_section import DriftPlan
    from modelwarden.guard.match import Matcher
    from modelwarden.guard.reread import Reread
    from modelwarden.guard.router import Route
    from modelwarden.guard.switch import Switch
    from modelwarden.ledger.dsse import Envelope
    from modelwarden.ledger.keys import PublicKey

    Verifier = Callable[[Envelope], None]

SCHEMA: Final = 1


class Floor(NamedTuple):
    """The newest snapshot that this guard has seen: nothing older is taken, also after a restart."""

    epoch: int = 0
    generation: int = 0


class Head(NamedTuple):
    """What is signed: whose snapshot it is, which one, when it was last confirmed, and the digest of its body."""

    environment: str
    model: str
    at: Floor
    checked_at: datetime
    body_sha256: str


class Approved(NamedTuple):
    """A version that may answer here: its artifact's digest, and the output contract approved with it."""

    label: str
    sha256: str
    is_baseline: bool
    outputs: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An accepted snapshot, compiled. It never changes; one reference to it is all that a reader takes (SG-19).

    Attributes:
        fails_closed: without news for too long the guard blocks (SG-21).
        switches: those to match before a route is taken; model and model type are bound (SG-25).
        version_switches: those that name `version`, to match once it is known which version answers.
        faults: those of drills; None for none, and where none can strike this model (SG-53).
        limits, freshness: as the body has them, for those who read them.
        counts_only: breakers count and refuse nobody: too many of the fleet are open (SG-41).
        dropped: digests of switches that guards need not carry on any more (SG-17).
        read: the switches as they were read, for whoever reads the next snapshot.
    """

    head: Head
    model_type: str | None
    fails_closed: bool
    switches: Matcher
    version_switches: Matcher
    route: Route | None
    versions: tuple[Approved, ...]
    faults: Faults | None = field(repr=False)
    limits: object = field(repr=False)
    freshness: object = field(repr=False)
    drift: DriftPlan | None = field(repr=False)
    counts_only: bool = field(default=False, repr=False)
    dropped: frozenset[str] = field(default=frozenset(), repr=False)
    read: Reread = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PinnedKeys:
    """The keys that this guard trusts; any one of them may have signed (SG-18)."""

    keys: tuple[PublicKey, ...]

    def verify(self, envelope: Envelope) -> None:
        """Check the signature. Raises NoPinnedKey, NoVerifier, SnapshotRejected (signature_invalid)."""
        key = next((key for key in self.keys if key.keyid == envelope.keyid), None)
        if key is None:
            raise NoPinnedKey(f"the snapshot is signed by the key {envelope.keyid[:16]}…")
        try:
            verify_envelope(envelope, key)
        except SignatureInvalid as error:
            raise SnapshotRejected(Reason.SIGNATURE_INVALID, str(error)) from error
        except ImportError as error:
            raise NoVerifier from error


def accept(
    wire: bytes,
    *,
    verify: Verifier,
    environment: str,
    model: str,
    floor: Floor,
    held: Snapshot | None = None,
) -> Snapshot:
    """Return the snapshot, compiled, if every rule of SG-17 holds; see `accepting`."""
    steps = accepting(
        wire, verify=verify, environment=environment, model=model, floor=floor, held=held
    )
    return at_once(steps)


def accepting(
    wire: bytes,
    *,
    verify: Verifier,
    environment: str,
    model: str,
    floor: Floor,
    held: Snapshot | None = None,
) -> Generator[None, None, Snapshot]:
    """Accept a snapshot in slices, yielding so that other threads run (SG-17, SG-19).

    A head signed anew over the body of the `held` snapshot needs no body, and nothing is compiled again.

    Raises:
        SnapshotRejected: with the reason; also NoPinnedKey and NoVerifier, which are such.
    """
    envelope, encoded = opened(wire)
    yield
    verify(envelope)
    head = _head(envelope)
    _compare(head, environment=environment, model=model, floor=floor)
    if held is not None and held.head.body_sha256 == head.body_sha256:
        return _confirmed(held, head)
    if encoded is None:
        raise SnapshotRejected(Reason.BODY_MISSING, "a head alone, over a body that is not held")
    data = yield from decoding(encoded)
    if sha256(data).hexdigest() != head.body_sha256:
        raise SnapshotRejected(Reason.BODY_DIGEST, "the body is not the one that was signed")
    try:
        before = NOTHING if held is None else held.read
        body, switches = yield from reading_body(data, before=before)
        _compare_body(body, head)
        return (yield from _compiling(body, switches, head, held))
    except ValueError as error:
        raise SnapshotRejected(Reason.BODY_MALFORMED, str(error)) from error
    except (ValueInvalid, RouteInvalid) as error:
        raise SnapshotRejected(Reason.DOES_NOT_COMPILE, str(error)) from error


def _head(envelope: Envelope) -> Head:
    try:
        value = read_json(envelope.payload)
    except ValueError as error:
        raise SnapshotRejected(Reason.HEAD_MALFORMED, str(error)) from error
    if isinstance(value, dict) and value.get("schema") != SCHEMA:
        raise SnapshotRejected(Reason.SCHEMA_UNKNOWN, f"this guard reads schema {SCHEMA}")
    match value:
        case {
            "environment": str(environment),
            "model": str(model),
            "epoch": int(epoch),
            "generation": int(generation),
            "checked_at": str(checked_at),
            "body_sha256": str(digest),
        } if HEX_DIGEST.fullmatch(digest) and type(epoch) is type(generation) is int:
            pass
        case _:
            raise SnapshotRejected(Reason.HEAD_MALFORMED, "a member of the head is missing")
    try:
        return Head(environment, model, Floor(epoch, generation), moment(checked_at), digest)
    except ValueError as error:
        raise SnapshotRejected(Reason.HEAD_MALFORMED, str(error)) from error


def _compare(head: Head, *, environment: str, model: str, floor: Floor) -> None:
    if head.environment != environment:
        raise SnapshotRejected(Reason.OTHER_ENVIRONMENT, f"it is for {head.environment[:64]!r}")
    if head.model != model:
        raise SnapshotRejected(Reason.OTHER_MODEL, f"it is for {head.model[:64]!r}")
    if head.at < floor:
        raise SnapshotRejected(Reason.OLDER, f"{tuple(head.at)} after {tuple(floor)} was seen")


def _confirmed(held: Snapshot, head: Head) -> Snapshot:
    """Take over the newer moment; an earlier head that is sent again never makes a snapshot younger or older."""
    if head.at != held.head.at:  # which the body says, too
        raise SnapshotRejected(Reason.BODY_DIFFERS, "the body is of another snapshot than its head")
    return replace(held, head=head) if head.checked_at > held.head.checked_at else held


def _compare_body(body: dict[str, object], head: Head) -> None:
    if body.get("schema") != SCHEMA:
        raise SnapshotRejected(Reason.SCHEMA_UNKNOWN, f"this guard reads schema {SCHEMA}")
    says = tuple(body.get(name) for name in ("environment", "model", "epoch", "generation"))
    if says != (head.environment, head.model, *head.at):
        raise SnapshotRejected(Reason.BODY_DIFFERS, "the body is of another snapshot than its head")


def _compiling(
    body: dict[str, object], read: Reread | None, head: Head, held: Snapshot | None
) -> Generator[None, None, Snapshot]:
    model_type = body.get("model_type")
    if read is None:
        raise ValueInvalid("switches", "a list")
    if not isinstance(model_type, str | None):
        raise ValueInvalid("model_type", "text or null")
    if held is not None and held.read is read and held.model_type == model_type:
        early, late = (
            held.switches.bind(),
            held.version_switches.bind(),
        )  # other rules, all the same
    else:
        early, late = yield from _matchers(read, model=head.model, model_type=model_type)
    route = body.get("route")
    return Snapshot(
        head=head,
        model_type=model_type,
        fails_closed=body.get("fail", "static") != "static",
        switches=early,
        version_switches=late,
        route=None if route is None else parse_route(route),
        versions=_versions(body.get("versions")),
        faults=read_faults(body, model=head.model),
        limits=body.get("limits"),
        freshness=body.get("freshness"),
        drift=(yield from reading_drift(body.get("drift"))),
        counts_only=body.get("breakers") == "metrics_only",
        dropped=digests_in(body.get("dropped")),
        read=read,
    )


def _matchers(
    read: Reread, *, model: str, model_type: str | None
) -> Generator[None, None, tuple[Matcher, Matcher]]:
    early: list[Switch] = []
    late: list[Switch] = []
    for switch in read.live:
        (late if switch.names("version") else early).append(switch)
    yield
    first = yield from compiling(early)
    second = yield from compiling(late)
    bound = {"model": model, "model_type": model_type}
    return first.bind(**bound), second.bind(**bound)


def _versions(raw: object) -> tuple[Approved, ...]:
    if not isinstance(raw, list):
        raise ValueInvalid("versions", "a list")
    found = []
    for one in raw:
        match one:
            case {"label": str(label), "sha256": str(digest)} if HEX_DIGEST.fullmatch(digest):
                baseline = one.get("baseline") is True
                found.append(Approved(label, digest, baseline, one.get("outputs")))
            case _:
                raise ValueInvalid("versions", "objects with label and sha256")
    return tuple(found)
