"""Whose seat it is: by a role, by name, by a group, by a delegation, here and now (RL-15, RL-16, RL-18, RL-19)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access import queries as accounts
from modelwarden.access import rights
from modelwarden.access.allowed import authorize, readable, require_person
from modelwarden.access.authorize import decide
from modelwarden.access.delegations.delegating import Stead, stead, steads
from modelwarden.access.groups.grouping import membership
from modelwarden.approvals.request import RequestType
from modelwarden.errors import NotPermitted, SeatFilled
from modelwarden.permissions import Permission
from modelwarden.values.ids import PersonId
from modelwarden.values.principal import Via

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelwarden.access.authorize import Resource
    from modelwarden.access.groups.group import Member
    from modelwarden.access.holding import Held
    from modelwarden.approvals.decision import Decision
    from modelwarden.approvals.request import ApprovalRequest, Seat
    from modelwarden.store.change import View
    from modelwarden.values.ids import ActorId

NARROW: Final[Mapping[RequestType, Permission]] = MappingProxyType(
    {
        RequestType.RELEASE: Permission.MODEL_APPROVE,
        RequestType.USE_CASE: Permission.USE_CASE_APPROVE,
        RequestType.EMERGENCY: Permission.MODEL_APPROVE,
        RequestType.WAIVER: Permission.WAIVER_SIGN,
    }
)
"""What lets somebody decide on requests of one type alone."""


class Claim(NamedTuple):
    """By whose right a seat is claimed: an account and the person behind it, and the delegation, if it is another's."""

    actor: ActorId
    person: PersonId
    stead: Stead | None = None


class Filled(NamedTuple):
    """How a seat is filled: by whose right, and by whom.

    A delegate decides by a right of its own as well: who gave that chose who decides.
    """

    seat: int
    seated: ActorId
    actor: ActorId


def authorize_decision(view: View, request: ApprovalRequest, *, on: Resource) -> None:
    """Refuse whoever may not decide here. `approval.decide` includes the two narrower ones (AC-6)."""
    narrow = NARROW.get(request.type)
    if narrow is None or not readable(view, narrow, on=on):
        authorize(view, Permission.APPROVAL_DECIDE, on=on)
    require_person(view)


def claim(view: View, request: ApprovalRequest, *, on_behalf_of: str | None, on: Resource) -> Claim:
    """Return the caller's own claim, or the one that another handed on and could make now. Raises NotPermitted."""
    if on_behalf_of is None:
        return Claim(view.actor, view.person)
    held = stead(view, on_behalf_of)
    if not _may_decide(view, held, request, on=on):
        raise NotPermitted(
            f"{on_behalf_of} may not decide here, so nobody does in their stead",
            about=request.about,
            reasons=("delegator",),
        )
    return Claim(held.delegator.id, held.delegator.person, held)


def claims(view: View, request: ApprovalRequest, *, on: Resource) -> list[Claim]:
    """Return all claims that the caller can make: the own one first."""
    handed = [
        Claim(held.delegator.id, held.delegator.person, held)
        for held in steads(view)
        if _may_decide(view, held, request, on=on)
    ]
    return [Claim(view.actor, view.person), *handed]


def seat_for(  # noqa: PLR0913  # what a seat depends on
    view: View,
    request: ApprovalRequest,
    *,
    by: Claim,
    given: tuple[Decision, ...],
    wanted: int | None,
    held: Held,
    on: Resource,
) -> Seat:
    """Return the seat that is answered for; `held` is what who claims it holds.

    Raises SeatUnknown, SeatFilled, NotPermitted.
    """
    seats = request.places if wanted is None else (request.seat(wanted),)
    mine = [seat for seat in seats if may_fill(view, request, seat, by=by, held=held, on=on)]
    if not mine:
        raise _not_for_you(view, request, seats, by=by)
    open_seats = {seat.index for seat in request.open_seats(given)}
    in_turn = {seat.index for seat in request.seats_in_turn(given)}
    found = next((seat for seat in mine if seat.index in in_turn), None)
    if found is None and any(seat.index in open_seats for seat in mine):
        raise NotPermitted(
            "the seats of this request are filled in order; another comes first",
            about=request.about,
            reasons=("order",),
        )
    if found is None:
        raise SeatFilled("somebody else has answered for every seat that you may fill")
    return found


def may_fill(  # what a seat depends on
    view: View, request: ApprovalRequest, seat: Seat, *, by: Claim, held: Held, on: Resource
) -> bool:
    """Tell whether a seat names the person, a role that the account holds here, or a group that it is counted in."""
    if by.person in seat.persons:
        return True
    if any(held.grant(by.actor, role, on, now=view.now) is not None for role in seat.roles):
        return True
    late = () if request.is_overdue(at=view.now) else seat.late_groups
    now = [group for group in seat.groups if group not in late]
    joined = (membership(view, group, by.actor) for group in now)
    return any(one is not None and counts(request, one) for one in joined)


def counts(request: ApprovalRequest, member: Member) -> bool:
    """Tell whether a membership is older than the question: nobody is let in for an answer (AC-17)."""
    return member.since < request.opened_at


def seat_granters(
    view: View, request: ApprovalRequest, filled: Iterable[Filled], *, held: Held
) -> list[frozenset[PersonId]]:
    """Return for each seat who gave what it is filled by: a role, or a place in a group; nobody for a name.

    `held` is what those accounts hold now.
    """
    given = [_given_by(view, request, each, held) for each in filled]
    known = accounts.known_today(view, frozenset[PersonId]().union(*given))
    return [frozenset(known[person] for person in persons) for persons in given]


def _given_by(
    view: View, request: ApprovalRequest, filled: Filled, held: Held
) -> frozenset[PersonId]:
    place = request.seat(filled.seat)
    roles = (held.granters(filled.seated, role) for role in place.roles)
    joined = (membership(view, group, filled.seated) for group in place.groups)
    let_in = frozenset(one.added_person for one in joined if one)
    is_own = filled.actor == filled.seated
    own = frozenset[PersonId]() if is_own else held.granters_of(filled.actor, _rights(request))
    return let_in.union(own, *roles)


def _may_decide(view: View, held: Stead, request: ApprovalRequest, *, on: Resource) -> bool:
    """Tell whether a delegator may decide here by rights that are current: a delegation outlives none (AC-20)."""
    principal = rights.principal_of(view, held.delegator, via=Via.TOKEN)
    return any(decide(principal, each, on, view.now).allow for each in _rights(request))


def _rights(request: ApprovalRequest) -> frozenset[Permission]:
    """Return what lets somebody decide on such a request, each by itself."""
    return frozenset(
        {Permission.APPROVAL_DECIDE, NARROW.get(request.type, Permission.APPROVAL_DECIDE)}
    )


def _not_for_you(
    view: View, request: ApprovalRequest, seats: Iterable[Seat], *, by: Claim
) -> NotPermitted:
    names = ", ".join(" or ".join(seat.claimants) for seat in seats)
    groups = {group for seat in seats for group in seat.groups}
    new = [
        g
        for g in sorted(groups)
        if (one := membership(view, g, by.actor)) and not counts(request, one)
    ]
    if new:
        return NotPermitted(
            f"whoever joined {', '.join(new)} after this was asked can't answer it for the group",
            about=request.about,
            reasons=("joined_later",),
        )
    return NotPermitted(f"this seat is for {names}", about=request.about, reasons=("seat",))
