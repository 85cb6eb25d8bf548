"""A switch: a rule that blocks or diverts predictions in a scope, and the moves that it may make. Pure (SG-1, SG-10).

What it does never changes once it is active: to weaken it, activate another and release this one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import (
    FallbackUnknown,
    ReleaseNotRequested,
    SwitchNotActive,
    ValueInvalid,
)
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.ramp import held_at, salt_of
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import NAME, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.values.ids import ActorId, Commitment, PersonId, SwitchId

OBSERVED_AT_MOST: Final = timedelta(days=7)
"""A switch that only counts has to end by itself within this (SG-6)."""
REMINDED_EVERY: Final = timedelta(hours=24)
WHOLE: Final = 10_000
CHAIN: Final = "chain"
"""The guard's own fallback chain."""
STEPS: Final = frozenset({"last_known_good", "baseline", "default", "custom"})
"""Steps of a fallback chain that a switch may name (SG-37)."""


class SwitchState(StrEnum):
    """Where a switch stands; it is enforced while `active` or `release_requested`, and in part while `ramping`."""

    ACTIVE = "active"
    RELEASE_REQUESTED = "release_requested"
    RAMPING = "ramping"
    RELEASED = "released"
    EXPIRED = "expired"


MOVES: Final[Mapping[SwitchState, frozenset[SwitchState]]] = MappingProxyType(
    {
        SwitchState.ACTIVE: frozenset({SwitchState.RELEASE_REQUESTED, SwitchState.EXPIRED}),
        SwitchState.RELEASE_REQUESTED: frozenset(
            {SwitchState.RELEASED, SwitchState.ACTIVE, SwitchState.RAMPING}
        ),
        SwitchState.RAMPING: frozenset({SwitchState.RELEASED, SwitchState.ACTIVE}),
    }
)
"""Allowed moves; a state that is no key is final, so that a released switch never returns."""
LIVE: Final = frozenset(MOVES)


class SwitchAction(StrEnum):
    """What a match does; the first is the strongest (SG-5)."""

    BLOCK = "block"
    FALLBACK = "fallback"
    OBSERVE = "observe"


class SwitchSeverity(StrEnum):
    """How bad it is, worst first; it says how many people a release takes (SG-10)."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


class OnExpiry(StrEnum):
    """What happens at `expires_at`: people are reminded, or the switch ends by itself (SG-6)."""

    REMIND = "remind"
    RELEASE = "release"


class Unknown(StrEnum):
    """What a value that a call does not name counts as (SG-4)."""

    MATCH = "match"
    PASS = "pass"  # noqa: S105  # a word, not a secret


class Origin(StrEnum):
    """Through whom it was activated."""

    HUMAN = "human"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A rule that blocks or diverts predictions in a scope.

    Attributes:
        name, source: what a file of toggles calls it, and that file's own name (SG-8).
        scope, exception: where it applies and what is carved out, as canonical JSON of `guard.scope`.
        fallback: `chain` or steps, for the action `fallback` alone.
        reason, notes, verification, ended_notes: words that are kept beside the ledger.
        lkg_before: remembered values that are younger are not served (SG-39).
        activated_persons, requested_persons: who may have stood behind it: the person, and who lent the credential.
        requested_by: who asked for the release that is open now, or that was confirmed.
        reminded_at: when people were last told that it still stands.
        ended_by, ended_notes: who confirmed the release, and said what; while `ramping` already.
        ramp, bake_s: the steps of a release, in percent, and for how many seconds each stands at least (SG-11).
        ramp_step, ramp_moved_at: which step stands, from 0 on, and since when.
    """

    id: SwitchId
    state: SwitchState = SwitchState.ACTIVE
    name: str | None = None
    source: str | None = None
    environment: Environment = Environment.PRODUCTION
    scope: str
    exception: str = "{}"
    action: SwitchAction = SwitchAction.BLOCK
    fallback: tuple[str, ...] = ()
    severity: SwitchSeverity = SwitchSeverity.SEV2
    reason: Commitment
    incident: str | None = None
    evidence: str | None = None
    expires_at: datetime | None = None
    on_expiry: OnExpiry | None = None
    unknown: Unknown = Unknown.MATCH
    lkg_before: datetime
    origin: Origin = Origin.HUMAN
    activated_by: ActorId
    activated_persons: tuple[PersonId, ...]
    activated_at: datetime
    reminded_at: datetime | None = None
    requested_by: ActorId | None = None
    requested_persons: tuple[PersonId, ...] = ()
    requested_at: datetime | None = None
    notes: Commitment | None = None
    verification: Commitment | None = None
    ended_by: ActorId | None = None
    ended_at: datetime | None = None
    ended_notes: Commitment | None = None
    ramp: tuple[int, ...] | None = None
    bake_s: int | None = None
    ramp_step: int | None = None
    ramp_moved_at: datetime | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check what belongs together. Raises ValueInvalid, FallbackUnknown."""
        for field, value in (("incident", self.incident), ("evidence", self.evidence)):
            if value is not None and not REFERENCE.fullmatch(value):
                raise ValueInvalid(field, "one word, such as INC-2041")
        for field, value in (("name", self.name), ("source", self.source)):
            if value is not None and not NAME.fullmatch(value):
                raise ValueInvalid(field, f"text that matches {NAME.pattern}")
        _check_fallback(self.action, self.fallback)
        self._check_expiry()

    @property
    def is_live(self) -> bool:
        """Tell whether it is enforced."""
        return self.state in LIVE

    @property
    def is_everything(self) -> bool:
        """Tell whether it names no dimension and so stops the whole environment."""
        return self.scope == "{}"

    @property
    def needs_two(self) -> bool:
        """Tell whether its release takes two people (SG-10)."""
        return self.is_everything or self.severity in {SwitchSeverity.SEV1, SwitchSeverity.SEV2}

    def covers(self, other: Switch) -> bool:
        """Tell whether this one does already, and for at least as long, all that another would do.

        One whose release was asked for covers nothing: who stops the same again wants it to stay.
        """
        return self.state is SwitchState.ACTIVE and self.does_all_of(other)

    def does_all_of(self, other: Switch) -> bool:
        """Tell whether this one, while it is enforced, does all that another would do, for at least as long."""
        return (
            (self.held, self._effect()) == (WHOLE, other._effect())
            and self.severity <= other.severity
            and self.lkg_before <= other.lkg_before
            and self._lasts_as_long_as(other)
        )

    def request_release(  # what is kept of a request
        self,
        *,
        by: ActorId,
        persons: frozenset[PersonId],
        notes: Commitment,
        verification: Commitment | None,
        at: datetime,
    ) -> Switch:
        """Return this switch with its release asked for; it stays enforced. Raises SwitchNotActive."""
        return replace(
            self.moved(SwitchState.RELEASE_REQUESTED),
            requested_by=by,
            requested_persons=tuple(sorted(persons)),
            requested_at=at,
            notes=notes,
            verification=verification,
        )

    def release(self, *, by: ActorId, notes: Commitment, at: datetime) -> Switch:
        """Return this switch, released for good. Raises ReleaseNotRequested, SwitchNotActive.

        Who may confirm is the caller's to check first: `barred_parts` says whom the rules leave out.
        """
        self.require_confirmable()
        ended = self.moved(SwitchState.RELEASED)
        return replace(ended, ended_by=by, ended_at=at, ended_notes=notes)

    @property
    def held(self) -> int:
        """How much it holds while it is enforced, in basis points of callers."""
        is_ramping = self.state is SwitchState.RAMPING
        return held_at(self.ramp, self.ramp_step) if is_ramping else WHOLE

    def keep(self) -> Switch:
        """Return this switch, active again, its release refused, withdrawn or failed. Raises ReleaseNotRequested."""
        self.require_requested()
        return replace(
            self.moved(SwitchState.ACTIVE),
            requested_by=None,
            requested_persons=(),
            requested_at=None,
            notes=None,
            verification=None,
            ended_by=None,
            ended_notes=None,
            ramp=None,
            bake_s=None,
            ramp_step=None,
            ramp_moved_at=None,
        )

    def expire(self, *, by: ActorId, at: datetime) -> Switch:
        """Return this switch, ended by its own end. Raises SwitchNotActive where nobody said so at activation."""
        if not self.is_due(at):
            raise SwitchNotActive(self.id, self.state, "expired")
        return replace(self.moved(SwitchState.EXPIRED), ended_by=by, ended_at=at)

    def is_due(self, now: datetime) -> bool:
        """Tell whether its end has come, and ends it."""
        return (
            self.state is SwitchState.ACTIVE
            and self.on_expiry is OnExpiry.RELEASE
            and self.expires_at is not None
            and self.expires_at <= now
        )

    def is_to_be_reminded_of(self, now: datetime) -> bool:
        """Tell whether people have to be told that it still stands: daily, and once its end has passed (SG-6)."""
        last = self.reminded_at or self.activated_at
        passed = self.expires_at is not None and last < self.expires_at <= now
        return self.is_live and (passed or last + REMINDED_EVERY <= now)

    def require_requested(self) -> None:
        """Raise ReleaseNotRequested, or SwitchNotActive once it has ended."""
        if self.state is SwitchState.ACTIVE:
            raise ReleaseNotRequested(self.id)
        if not self.is_live:
            raise SwitchNotActive(self.id, self.state, "released")

    def require_confirmable(self) -> None:
        """Raise as `require_requested` does, and SwitchNotActive where it is confirmed and goes in steps."""
        self.require_requested()
        if self.state is SwitchState.RAMPING:
            raise SwitchNotActive(self.id, self.state, "confirmed")

    def barred_parts(self) -> tuple[str, ...]:
        """Return who may not confirm its release, by their part in the case (SG-10, AC-17)."""
        if not self.needs_two:
            return ()
        activator = ("activator",) if self.severity is SwitchSeverity.SEV1 else ()
        return ("requester", "owner", *activator)

    def rule(self) -> dict[str, Any]:
        """Return what a snapshot says of it: no reason, no names of people (SG-15)."""
        fallback = CHAIN if self.fallback == (CHAIN,) else list(self.fallback)
        ramped = {} if self.held == WHOLE else {"salt": salt_of(self.id)}
        return ramped | {
            "id": self.id,
            "scope": json.loads(self.scope),
            "except": json.loads(self.exception),
            "action": self.action.value,
            "fallback": fallback if self.action is SwitchAction.FALLBACK else None,
            "unknown": self.unknown.value,
            "severity": self.severity.value,
            "lkg_before": timestamp(self.lkg_before),
            "held": self.held,
        }

    def _effect(self) -> tuple[object, ...]:
        return (
            self.environment,
            self.scope,
            self.exception,
            self.action,
            self.fallback,
            self.unknown,
        )

    def _lasts_as_long_as(self, other: Switch) -> bool:
        mine = self.expires_at if self.on_expiry is OnExpiry.RELEASE else None
        theirs = other.expires_at if other.on_expiry is OnExpiry.RELEASE else None
        return mine is None or (theirs is not None and mine >= theirs)

    def moved(self, state: SwitchState) -> Switch:
        """Return this switch in another state; whoever moves it says the rest. Raises SwitchNotActive."""
        if state not in MOVES.get(self.state, ()):
            raise SwitchNotActive(self.id, self.state, state)
        return replace(self, state=state)

    def _check_expiry(self) -> None:
        ends = self.on_expiry is OnExpiry.RELEASE
        if (self.expires_at is None) != (self.on_expiry is None):
            raise ValueInvalid("on_expiry", "expires_at and on_expiry together, or neither")
        if self.expires_at is not None and self.expires_at <= self.activated_at:
            raise ValueInvalid("expires_at", "a time to come")
        if ends and self.severity is SwitchSeverity.SEV1:
            raise ValueInvalid("on_expiry", "remind: a SEV1 switch never ends by itself")
        if self.action is not SwitchAction.OBSERVE:
            return
        latest = self.activated_at + OBSERVED_AT_MOST
        if not ends or self.expires_at is None or self.expires_at > latest:
            raise ValueInvalid(
                "expires_at", "an end within 7 days, with on_expiry release: it only counts"
            )


def _check_fallback(action: SwitchAction, steps: tuple[str, ...]) -> None:
    if (action is SwitchAction.FALLBACK) != bool(steps):
        raise ValueInvalid("fallback", "chain or steps, with the action fallback alone")
    if steps != (CHAIN,) and (set(steps) - STEPS or len(set(steps)) < len(steps)):
        raise FallbackUnknown(sorted(STEPS))
