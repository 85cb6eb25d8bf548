"""Placing and releasing legal holds (AC-85)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as access
from modelwarden.access.allowed import authorize, require_person
from modelwarden.errors import ActorNotFound, NotFound, ValueInvalid
from modelwarden.facts.kinds import Code
from modelwarden.facts.privacy import HoldPlaced, HoldReleased
from modelwarden.permissions import Permission
from modelwarden.privacy import queries
from modelwarden.privacy.hold import Hold, Reach
from modelwarden.privacy.permits import permit_for
from modelwarden.registry import reads as registry
from modelwarden.store.erasing import one_at_a_time
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest, HoldId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import PersonId
    from modelwarden.values.pages import Listing, Page

RELEASE: Final = "hold.release"
"""The action, as a request for it names it."""
LONGEST: Final = 2_000


def add_hold(  # noqa: PLR0913  # what a hold may name
    change: Change,
    *,
    reason: str,
    user: str | None = None,
    model: str | None = None,
    incident: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Hold:
    """Keep what falls under all that is named from erasure and retention, from now on.

    Raises NotPermitted, ValueInvalid (nothing is named), ActorNotFound, ModelNotFound.
    """
    authorize(change, Permission.HOLD_MANAGE)
    require_person(change)
    if not 1 <= len(reason.strip()) <= LONGEST:
        raise ValueInvalid("reason", f"1 to {LONGEST:,} characters")
    one_at_a_time(change)
    hold = change.save(
        Hold(
            id=HoldId(change.new_id("hld")),
            person=None if user is None else _person(change, user),
            model=None if model is None else registry.model(change, model).name,
            incident=incident,
            since=since,
            until=until,
            reason=change.text(reason.strip()),
            placed_by=change.actor,
            placed_at=change.now,
        )
    )
    change.record(
        HoldPlaced(
            hold=hold.id,
            person=hold.person,
            model=hold.model,
            incident=None if hold.incident is None else Code(hold.incident),
            since=hold.since,
            until=hold.until,
            reason=hold.reason,
        )
    )
    return hold


def hold_payload(view: View, asked: Mapping[str, object]) -> dict[str, str]:
    """Return what a request for a release exactly asks: `hold`. Raises ValueInvalid, NotFound, IllegalMove."""
    if set(asked) != {"hold"}:
        raise ValueInvalid("payload", "the hold's id, as hold")
    hold = _found(view, str(asked["hold"]))
    hold.require_placed()
    return {"hold": hold.id}


def release_hold(change: Change, hold_id: str) -> Hold:
    """Release a hold; it needs a permit, also in bootstrap mode. What waited for it is then erased.

    Raises NotPermitted, NotFound, IllegalMove, PermitNeeded, and whatever else a permit may lack.
    """
    authorize(change, Permission.HOLD_MANAGE)
    require_person(change)
    one_at_a_time(change)
    hold = _found(change, hold_id)
    hold.require_placed()
    permit = permit_for(change, RELEASE, Digest(digest({"hold": hold.id})))
    released = change.save(hold.release(by=change.actor, permit=permit, at=change.now))
    change.record(
        HoldReleased(
            hold=released.id,
            person=released.person,
            model=released.model,
            permit=permit,
        )
    )
    return released


def holds(view: View, page: Page) -> Listing[Hold]:
    """Return a page of holds, newest first, released ones too. Raises NotPermitted."""
    authorize(view, Permission.AUDIT_READ)
    return queries.holds_page(view, page)


def hold(view: View, hold_id: str) -> Hold:
    """Return one hold. Raises NotPermitted, NotFound."""
    authorize(view, Permission.AUDIT_READ)
    return _found(view, hold_id)


def reaches(view: View) -> tuple[Reach, ...]:
    """Return the holds in force, each with all that it names."""
    return tuple(_reach(view, each) for each in queries.placed_holds(view))


def _reach(view: View, hold: Hold) -> Reach:
    persons = None if hold.person is None else queries.known_as(view, _today(view, hold.person))
    named: frozenset[str] | None = None
    if hold.model is not None:
        named = queries.named_in_entries(view, "model", hold.model)
        named |= queries.described(view, hold.model)
    if hold.incident is not None:
        told = queries.named_in_entries(view, "incident", hold.incident)
        named = told if named is None else named & told
    return Reach(hold, persons, named)


def _today(view: View, person: PersonId) -> PersonId:
    """Return whom a person is known as today: accounts may have been linked since the hold was placed (AC-2)."""
    (found,) = access.current_persons(view, {person})
    return found


def _person(view: View, user: str) -> PersonId:
    actor = access.find_actor(view, user)
    if actor is None:
        raise ActorNotFound("actor", user)
    return actor.person


def _found(view: View, hold_id: str) -> Hold:
    hold = queries.find_hold(view, hold_id)
    if hold is None:
        raise NotFound("hold", hold_id)
    return hold
