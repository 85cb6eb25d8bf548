"""What a request rests on besides itself: who takes part in the case, and whose keys signed.

Everything is read as it is now, in the deciding transaction: accounts may have been linked, owners
changed and keys revoked since the request was opened (RL-22).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from modelwarden.access import duties
from modelwarden.access import queries as accounts
from modelwarden.access.actor import KeyStatus, Revocation
from modelwarden.access.allowed import readable
from modelwarden.access.authorize import ANYTHING, Resource
from modelwarden.access.holding import held_by
from modelwarden.access.persons.queries import keys_held, persons_of
from modelwarden.access.rotating import decision_keys
from modelwarden.approvals import gate, queries
from modelwarden.approvals import statement as statements
from modelwarden.approvals.request import RequestType, VoidCause
from modelwarden.approvals.seating import Filled, seat_granters
from modelwarden.approvals.signatures import FRESH, KnownKey
from modelwarden.errors import GrantFromParticipant, NotFound, SamePerson, SelfApproval
from modelwarden.ledger.keys import PublicKey
from modelwarden.permissions import Permission
from modelwarden.policies.gathering import subject_of
from modelwarden.policies.reads import requirements
from modelwarden.registry.queries import find_model, find_version
from modelwarden.registry.reads import resource_of
from modelwarden.registry.use_case import ASKED
from modelwarden.registry.use_cases.queries import find_use_case
from modelwarden.values.canonical import digest, from_base64
from modelwarden.values.ids import ActorId, Digest, PersonId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from modelwarden.access.actor import PersonKey
    from modelwarden.access.holding import Held
    from modelwarden.access.server_key import ServerKey
    from modelwarden.approvals.decision import Decision
    from modelwarden.approvals.request import ApprovalRequest, Json
    from modelwarden.policies.governing import Requirements
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import UseCaseName

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)

ANOTHER_SEAT: Final = "the person in another seat"

Barred: TypeAlias = dict[str, frozenset[PersonId]]
"""Part in the case → the persons who take it."""


class Sitting(NamedTuple):
    """One who has answered, or is about to: how the seat is filled, and all who stand behind that."""

    filled: Filled
    persons: frozenset[PersonId]


class Dossier(NamedTuple):
    """A request with all the decisions on it, oldest first, those that were withdrawn too."""

    request: ApprovalRequest
    decisions: tuple[Decision, ...]


class Locked(NamedTuple):
    """A request that nobody else moves until the commit, with what it is about."""

    request: ApprovalRequest
    decisions: tuple[Decision, ...]
    model: Model | None
    version: Version | None


def locked(change: Change, request_id: str) -> Locked:
    """Return a request to act on, its row locked (AC-15). Raises NotFound, also where it can't be read.

    The version's row is locked first, as everywhere, so that two changes never wait for each other.
    """
    about = queries.version_of(change, request_id)
    version = None if about is None else find_version(change, about, lock=True)
    found = queries.locked_request(change, request_id)
    model = None if found is None or found.model is None else find_model(change, found.model)
    if found is None or not may_read(change, found, model):
        raise NotFound("approval", request_id)
    return Locked(found, queries.decisions_of(change, found.id), model, version)


def may_read(view: View, request: ApprovalRequest, model: Model | None) -> bool:
    """Tell whether the caller may read a request."""
    return readable(view, Permission.APPROVAL_READ, on=resource(request, model))


def dossier(view: View, request: ApprovalRequest) -> Dossier:
    """Return a request with its decisions."""
    return Dossier(request, queries.decisions_of(view, request.id))


def barred(
    view: View, request: ApprovalRequest, *, model: Model | None, version: Version | None
) -> Barred:
    """Return who may fill no seat, by the part that each takes in the case."""
    if request.use_case is not None:
        return use_case_parties(view, request, request.use_case)
    if model is None or version is None:
        return access_parties(view, request)
    parties = release_parties(view, request, model=model, version=version)
    if request.type is not RequestType.WAIVER:
        return parties
    keeper = str((request.payload or {}).get("owner", ""))
    return {**parties, "waiver owner": frozenset(persons_of(view, {keeper}).values())}


def release_parties(
    view: View, request: ApprovalRequest, *, model: Model, version: Version
) -> Barred:
    """Return who may fill no seat of a release, by the part that each takes in it (RL-23)."""
    owners = model.owners_since(version.created_at)
    people = persons_of(view, {request.requester, version.registered_by, *owners})
    registrant = people.get(version.registered_by, version.registered_person)
    return {
        "requester": frozenset({people.get(request.requester, request.requester_person)}),
        "owner": frozenset(people[owner] for owner in people if owner in owners),
        "registrant": accounts.current_persons(view, {registrant, version.registered_person}),
        "trainer": accounts.current_persons(view, version.trainers),
    }


def access_parties(view: View, request: ApprovalRequest) -> Barred:
    """Return who may fill no seat of an access request: who asked, and whom it would serve."""
    receiver = str((request.payload or {}).get("user", ""))
    people = persons_of(view, {request.requester, receiver})
    asked = people.pop(request.requester, request.requester_person)
    return {"requester": frozenset({asked}), "receiver": frozenset(people.values())}


def use_case_parties(view: View, request: ApprovalRequest, name: UseCaseName) -> Barred:
    """Return who may fill no seat of a use case: who asked, owns it, wrote it down or changed it (RL-9)."""
    found = find_use_case(view, name)
    if found is None:
        return access_parties(view, request)
    people = persons_of(view, {request.requester, found.owner, found.created_by})
    return {
        "requester": frozenset({people.get(request.requester, request.requester_person)}),
        "owner": frozenset({people[found.owner]} if found.owner in people else ()),
        "author": accounts.current_persons(view, found.authors)
        | frozenset({people[found.created_by]} if found.created_by in people else ()),
    }


def check_sitting(
    view: View, request: ApprovalRequest, *, sitting: Sequence[Sitting], barred: Barred, held: Held
) -> None:
    """Hold the duties against everyone who has answered, whoever stands behind them today (AC-17).

    `held` is what their accounts hold now.

    Raises:
        SelfApproval, SamePerson, GrantFromParticipant.
    """
    granters = seat_granters(view, request, (each.filled for each in sitting), held=held)
    for me, gave in zip(sitting, granters, strict=True):
        others = frozenset(p for other in sitting if other != me for p in other.persons)
        check_part(request, persons=me.persons, others=others, barred=barred)
        duties.check(
            gave,
            barred={**barred, ANOTHER_SEAT: others},
            rule=GrantFromParticipant,
            about=request.about,
        )


def check_part(
    request: ApprovalRequest,
    *,
    persons: AbstractSet[PersonId],
    others: frozenset[PersonId],
    barred: Barred,
) -> None:
    """Raise SelfApproval or SamePerson if one of these people may fill no seat, or not another one (RL-18)."""
    duties.check(persons, barred=barred, rule=SelfApproval, about=request.about)
    duties.check(persons, barred={ANOTHER_SEAT: others}, rule=SamePerson, about=request.about)


def accounts_in(given: Iterable[Decision]) -> frozenset[ActorId]:
    """Return the accounts that decided, and those by whose right they did."""
    return frozenset(account for d in given for account in (d.actor, d.seated))


def sitting_of(view: View, given: Sequence[Decision]) -> tuple[Sitting, ...]:
    """Return who has answered, each as the person behind the account today."""
    people = persons_of(view, accounts_in(given))
    return tuple(
        Sitting(
            Filled(d.seat, d.seated, d.actor),
            frozenset(
                {
                    people.get(d.actor, d.person),
                    people.get(d.seated, d.delegator_person or d.person),
                }
            ),
        )
        for d in given
    )


def resource(request: ApprovalRequest, model: Model | None) -> Resource:
    """Return what scopes select a request by; only global rights reach one about access."""
    if request.use_case is not None:
        return Resource(use_case=request.use_case, environment=request.environment)
    return ANYTHING if model is None else resource_of(model, request.environment)


def current_basis(
    view: View,
    request: ApprovalRequest,
    version: Version | None,
    *,
    needs: Requirements | None = None,
) -> dict[str, Json]:
    """Return what the statements would rest on if they were built now (RL-17, RL-25).

    `needs` is what governs it, where this transaction joined that already.
    """
    needs = needs or requirements(view, request.model, request.environment)
    moves = VoidCause.POLICY in request.void_on
    pinned = needs.pins if moves else request.policies
    policy = statements.policy_member(pinned, request.seats)
    if request.use_case is not None:
        return statements.repinned(
            statements.use_case_basis(
                request.use_case, _said(view, request), policy=policy, ledger=None
            ),
            request.basis,
        )
    if request.type is RequestType.WAIVER and version is not None:
        payload = {**(request.payload or {}), "subject": subject_of(version)}
        waived = statements.waiver_basis(request.id, payload, version, policy=policy, ledger=None)
        return statements.repinned(waived, request.basis)
    now = (
        statements.access_basis(
            request.id, request.payload_digest or Digest(""), policy=policy, ledger=None
        )
        if version is None
        else statements.release_basis(version, policy=policy, ledger=None)
    )
    return statements.repinned(now, request.basis)


def _said(view: View, request: ApprovalRequest) -> str:
    """Return the digest of what a use case says now; nothing where it is not this request that asks about it."""
    found = None if request.use_case is None else find_use_case(view, request.use_case)
    if found is None or found.request != request.id or found.state not in ASKED:
        return ""
    return "" if view.is_frozen("use_case", found.name) else digest(found.content())


def known_keys(view: View, keyids: set[str]) -> dict[str, KnownKey]:
    """Return the registered keys among these, the server's own too; pending ones are unknown."""
    theirs: dict[str, KnownKey] = {
        key.id: _person_key(key, holder)
        for key, holder in keys_held(view, keyids)
        if key.status is not KeyStatus.PENDING and not view.is_frozen("key", key.id)
    }
    ours = {key.keyid: key for key in map(_server_key, decision_keys(view)) if key.keyid in keyids}
    return {**theirs, **ours}


def approval(
    view: View,
    request: ApprovalRequest,
    *,
    model: Model,
    version: Version,
    basis: Mapping[str, Json],
) -> gate.Approval:
    """Return a release's request with all that the gate weighs of it."""
    barred = release_parties(view, request, model=model, version=version)
    return weighed(view, request, basis=basis, barred=barred)


def weighed(
    view: View, request: ApprovalRequest, *, basis: Mapping[str, Json], barred: Barred
) -> gate.Approval:
    """Return a request with all that its force depends on."""
    given = tuple(
        each
        for each in queries.decisions_of(view, request.id)
        if each.stands and not view.is_frozen("decision", each.id)
    )
    return gate.Approval(
        request=request,
        decisions=given,
        basis=basis,
        keys=known_keys(view, {d.keyid for d in given}),
        people=persons_of(view, accounts_in(given)),
        barred=barred,
        granters=_granters(view, request, given),
    )


def _granters(
    view: View, request: ApprovalRequest, given: Sequence[Decision]
) -> dict[ActorId, frozenset[PersonId]]:
    filled = [Filled(d.seat, d.seated, d.actor) for d in given]
    granters = seat_granters(view, request, filled, held=held_by(view, accounts_in(given)))
    return dict(zip((d.actor for d in given), granters, strict=True))


def _server_key(key: ServerKey) -> KnownKey:
    """Return a key of the server's own: one that was followed by another counts for what it signed before."""
    public = PublicKey.from_spki(from_base64(key.public))
    revoked = key.revoked_from
    return KnownKey(
        keyid=public.keyid,
        pem=public.pem,
        person=None,
        valid_from=ALWAYS,
        valid_to=None if key.until is None else key.until + FRESH,
        revoked_at=revoked,
        revoked_as=None if revoked is None else Revocation.COMPROMISED,
    )


def _person_key(key: PersonKey, holder: PersonId) -> KnownKey:
    return KnownKey(
        keyid=key.id,
        pem=key.pem,
        person=holder,
        valid_from=key.valid_from,
        valid_to=key.valid_to,
        revoked_at=key.revoked_at,
        revoked_as=key.revoked_as,
    )
