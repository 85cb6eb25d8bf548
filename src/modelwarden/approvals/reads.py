"""The authorised reads of approvals. What the caller may not read looks absent (AC-13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access import queries as accounts
from modelwarden.access.authorize import matches
from modelwarden.access.groups.grouping import members
from modelwarden.access.holding import held_by
from modelwarden.access.persons.queries import persons_of
from modelwarden.access.rights import permissions_of, roles_giving
from modelwarden.approvals import case, queries, seating
from modelwarden.approvals import statement as statements
from modelwarden.approvals.deciding import approver_for
from modelwarden.approvals.seating import authorize_decision
from modelwarden.errors import NoOpenRequest, NotFound, NotPermitted
from modelwarden.permissions import DECIDING, ROLE_PERMISSIONS
from modelwarden.registry import reads as registry
from modelwarden.registry.queries import find_model, find_version
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelwarden.access.actor import Binding, Role
    from modelwarden.access.authorize import Resource
    from modelwarden.access.holding import Held
    from modelwarden.approvals.case import Dossier
    from modelwarden.approvals.decision import Answer
    from modelwarden.approvals.request import (
        ApprovalRequest,
        Claimant,
        RequestState,
        RequestType,
        Seat,
    )
    from modelwarden.approvals.seating import Claim
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.registry.model import Model
    from modelwarden.store.change import View
    from modelwarden.values.ids import Commitment, PersonId, RequestId

MOST_BATCHES: Final = 20
"""How often a list reads on to fill a page; then it answers with what it found, and a cursor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSeat:
    """A seat without an answer, and how many people could give it (AC-18).

    `grant` names the roles of which one more holder would help; it is empty while somebody is there.
    """

    seat: int
    claimants: tuple[Claimant, ...]
    eligible: int
    grant: tuple[str, ...]


def approval(view: View, request_id: str) -> Dossier:
    """Return a request with its decisions. Raises NotFound."""
    return case.dossier(view, _readable(view, request_id))


def find_open_request(
    view: View, model: str, version: str, *, environment: Environment | None = None
) -> ApprovalRequest:
    """Return the open request about a version; without an environment, production's first.

    Raises ModelNotFound, VersionNotFound, NoOpenRequest.
    """
    asked = registry.version(view, model, version)
    found = queries.open_request(view, asked.name, environment)
    if found is None or not case.may_read(view, found, find_model(view, asked.model)):
        raise NoOpenRequest(f"nothing is being asked about {asked.name}; request an approval")
    return found


def approvals(
    view: View,
    page: Page,
    *,
    waiting_for_me: bool = False,
    state: RequestState | None = None,
    kind: RequestType | None = None,
) -> Listing[ApprovalRequest]:
    """Return a page of requests, newest first; `waiting_for_me` keeps those that the caller can answer now.

    A short page with a cursor is possible where little of a long list is readable.
    """
    found: list[ApprovalRequest] = []
    rest = page
    for _ in range(MOST_BATCHES):
        batch = (
            queries.unanswered_page(view, rest, person=view.person, kind=kind)
            if waiting_for_me
            else queries.requests_page(view, rest, state=state, kind=kind)
        )
        for one in batch.items:
            if _is_wanted(view, one, waiting_for_me=waiting_for_me):
                found.append(one)
            if len(found) == page.limit:
                return Listing(tuple(found), cursor_for(one.id))
        if batch.next_cursor is None:
            return Listing(tuple(found))
        rest = Page(limit=page.limit, cursor=batch.next_cursor)
    return Listing(tuple(found), rest.cursor)


def answered(view: View, found: Iterable[ApprovalRequest]) -> dict[RequestId, int]:
    """Return how many seats of each of these requests, which the caller read, are answered for."""
    return queries.answered(view, (one.id for one in found))


def statement(
    view: View,
    request_id: str,
    *,
    answer: Answer,
    seat: int | None = None,
    comment_digest: Commitment | None = None,
    on_behalf_of: str | None = None,
) -> bytes:
    """Return the caller's own bytes to sign, issued now; in another's stead they name the delegation (RL-18, RL-25).

    Raises:
        NotFound, RequestClosed, NotPermitted, SeatFilled, SeatUnknown.
    """
    request = _readable(view, request_id)
    model = None if request.model is None else find_model(view, request.model)
    on = case.resource(request, model)
    authorize_decision(view, request, on=on)
    request.require_open(at=view.now)
    given = tuple(d for d in queries.decisions_of(view, request.id) if d.stands)
    by = seating.claim(view, request, on_behalf_of=on_behalf_of, on=on)
    held = held_by(view, {by.actor})
    place = seating.seat_for(view, request, by=by, given=given, wanted=seat, held=held, on=on)
    approver = approver_for(
        by, person=view.person, seat=place, answer=answer, comment=comment_digest
    )
    return statements.statement(request, request.basis, approver=approver, issued_at=view.now)


def envelopes(view: View, request_id: str) -> bytes:
    """Return the envelopes of the standing decisions, one a line, as `release.intoto.jsonl` holds them."""
    given = queries.decisions_of(view, _readable(view, request_id).id)
    return "".join(f"{d.envelope}\n" for d in given if d.stands).encode()


def open_seats(view: View, found: Dossier) -> tuple[OpenSeat, ...]:
    """Return the open seats of a request that the caller read, and whom there is for each."""
    request = found.request
    model = None if request.model is None else find_model(view, request.model)
    version = None if request.version is None else find_version(view, request.version)
    given = tuple(d for d in found.decisions if d.stands)
    barred = case.barred(view, request, model=model, version=version)
    busy = frozenset(person for one in case.sitting_of(view, given) for person in one.persons)
    seats = request.open_seats(given)
    defined = accounts.custom_roles(view)
    able = _able(seats, defined)
    on = case.resource(request, model)
    deciding = _deciding(defined)
    held = accounts.holders(view, tuple(sorted(deciding.union(*able.values()))))
    people = _People(
        holders=tuple((each, person) for each, person in held if matches(each.scope, on)),
        deciding=deciding,
        parties=frozenset[str]().union(busy, *barred.values()),
    )
    return tuple(_hope(view, request, seat, able[seat.index], people) for seat in seats)


class _People(NamedTuple):
    """Who holds what here, which roles let decide, and who takes part in the case."""

    holders: tuple[tuple[Binding, PersonId], ...]
    deciding: frozenset[str]
    parties: frozenset[str]


def _able(seats: Iterable[Seat], defined: Mapping[str, Role]) -> dict[int, frozenset[str]]:
    """Return for each seat the roles that may fill it, those that include them too."""
    return {
        seat.index: frozenset(r for role in seat.roles for r in roles_giving(role, defined))
        for seat in seats
    }


def _deciding(defined: Mapping[str, Role]) -> frozenset[str]:
    """Return the roles that give a permission to decide."""
    names = (*(role.value for role in ROLE_PERMISSIONS), *defined)
    return frozenset(name for name in names if permissions_of(name, defined) & DECIDING)


def _hope(
    view: View, request: ApprovalRequest, seat: Seat, roles: frozenset[str], people: _People
) -> OpenSeat:
    deciders = {person for binding, person in people.holders if binding.role in people.deciding}
    holders = {
        person
        for binding, person in people.holders
        if binding.role in roles and binding.granted_person not in people.parties
    }
    holders |= _counted_in(view, request, seat, parties=people.parties)
    able = ((holders | seat.persons) & deciders) - people.parties
    return OpenSeat(
        seat=seat.index,
        claimants=seat.claimants,
        eligible=len(able),
        grant=() if able else seat.roles,
    )


def _counted_in(
    view: View, request: ApprovalRequest, seat: Seat, *, parties: frozenset[str]
) -> frozenset[PersonId]:
    """Return the persons whom the seat's groups count in for this question, with or without a right to decide."""
    late = () if request.is_overdue(at=view.now) else seat.late_groups
    joined = {
        one.actor: one.added_person
        for group in seat.groups
        if group not in late
        for one in members(view, group)
        if seating.counts(request, one)
    }
    let_in = {who: accounts.current_persons(view, {added}) for who, added in joined.items()}
    people = persons_of(view, joined)
    return frozenset(person for who, person in people.items() if not let_in[who] & parties)


def _is_wanted(view: View, request: ApprovalRequest, *, waiting_for_me: bool) -> bool:
    model = None if request.model is None else find_model(view, request.model)
    if not case.may_read(view, request, model):
        return False
    return not waiting_for_me or _can_answer(view, request, model)


def _can_answer(view: View, request: ApprovalRequest, model: Model | None) -> bool:
    """Tell whether the caller may fill an open seat: permission, seat and duties."""
    on = case.resource(request, model)
    try:
        authorize_decision(view, request, on=on)
    except NotPermitted:
        return False
    version = None if request.version is None else find_version(view, request.version)
    barred = case.barred(view, request, model=model, version=version)
    decisions = queries.decisions_of(view, request.id)
    busy = frozenset(
        person
        for one in case.sitting_of(view, [d for d in decisions if d.stands])
        for person in one.persons
    )
    parties = frozenset[str]().union(busy, *barred.values())
    open_seats = request.seats_in_turn(decisions)
    claims = seating.claims(view, request, on=on)
    held = held_by(view, {view.actor, *(by.actor for by in claims)})
    return any(
        _is_mine(view, request, seat, by=by, parties=parties, held=held, on=on)
        for by in claims
        if not {view.person, by.person} & parties
        for seat in open_seats
    )


def _is_mine(  # noqa: PLR0913  # what a seat depends on
    view: View,
    request: ApprovalRequest,
    seat: Seat,
    *,
    by: Claim,
    parties: frozenset[str],
    held: Held,
    on: Resource,
) -> bool:
    if not seating.may_fill(view, request, seat, by=by, held=held, on=on):
        return False
    filled = seating.Filled(seat.index, by.actor, view.actor)
    (granters,) = seating.seat_granters(view, request, (filled,), held=held)
    return not parties & granters


def _readable(view: View, request_id: str) -> ApprovalRequest:
    found = queries.find_request(view, request_id)
    model = None if found is None or found.model is None else find_model(view, found.model)
    if found is None or not case.may_read(view, found, model):
        raise NotFound("approval", request_id)
    return found
