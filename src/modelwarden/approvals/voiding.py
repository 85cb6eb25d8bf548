"""How requests end without an answer: what was signed changed, a key was compromised, time ran out.

`expired` and `voided` serve the other actions. The rest are the program's own acts, called by followers and
by housekeeping as a system actor; anybody else is refused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.approvals import case, checks, queries
from modelwarden.approvals import statement as statements
from modelwarden.approvals.request import GOING_LIVE, RequestState, RequestType, VoidCause
from modelwarden.errors import NotPermitted
from modelwarden.facts.approvals import ApprovalExpired, ApprovalVoided
from modelwarden.facts.kinds import Code, Severity
from modelwarden.policies.reads import requirements
from modelwarden.policies.severity import severities
from modelwarden.registry.lifecycle import ApprovalState, Environment
from modelwarden.registry.queries import find_model, find_version
from modelwarden.registry.use_case import ASKED, UseCaseState
from modelwarden.registry.use_cases.queries import find_use_case
from modelwarden.safeguards.severity.telling import of_all
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ModelName, UseCaseName

AFTER: Final[Mapping[RequestState, ApprovalState]] = MappingProxyType(
    {
        RequestState.APPROVED: ApprovalState.APPROVED,
        RequestState.REJECTED: ApprovalState.REJECTED,
        RequestState.WITHDRAWN: ApprovalState.DRAFT,
        RequestState.EXPIRED: ApprovalState.DRAFT,
        RequestState.VOID: ApprovalState.VOID,
    }
)
"""Where a version stands once its request has become this (product.md, "Lifecycles")."""
USE_CASE_AFTER: Final[Mapping[RequestState, UseCaseState]] = MappingProxyType(
    {
        RequestState.APPROVED: UseCaseState.APPROVED,
        RequestState.REJECTED: UseCaseState.REJECTED,
        RequestState.WITHDRAWN: UseCaseState.DRAFT,
        RequestState.EXPIRED: UseCaseState.DRAFT,
        RequestState.VOID: UseCaseState.DRAFT,
    }
)
"""Where a use case stands then."""
ABOUT_VERSIONS: Final = GOING_LIVE | {RequestType.WAIVER}


def kept(
    change: Change, request: ApprovalRequest, *, version: Version | None = None
) -> ApprovalRequest:
    """Save a request that has moved, and the approval of what it is about with it.

    `version` is that, where this change locked it already and left it as it was.
    """
    if request.use_case is not None:
        _keep_use_case(change, request, request.use_case)
    if version is None and request.version is not None:
        version = find_version(change, request.version, lock=True)
    if version is not None and request.type in GOING_LIVE:
        change.save(version.moved(request.environment, AFTER[request.state]))
    return change.save(request)


def _keep_use_case(change: Change, request: ApprovalRequest, name: UseCaseName) -> None:
    """Move a use case with its newest request; one in production stays when the time of its approval ends."""
    found = find_use_case(change, name, lock=True)
    if found is None or found.request != request.id or found.state not in ASKED:
        return
    if request.cause is VoidCause.EXPIRED and Environment.PRODUCTION in found.live_in:
        return
    change.save(found.answered(USE_CASE_AFTER[request.state]))


def expired(change: Change, request: ApprovalRequest) -> ApprovalRequest:
    """Let a request whose time has run out expire: an open question, or an approval."""
    ended = kept(change, request.expire(at=change.now))
    change.record(
        ApprovalExpired(
            request=request.id,
            model=request.model,
            version=request.version,
            environment=Code(request.environment),
            was=Code(request.state),
            live=_is_live(change, request),
            use_case=request.use_case,
            became=Code(ended.state),
        )
    )
    return ended


def voided(
    change: Change, request: ApprovalRequest, causes: tuple[VoidCause, ...]
) -> ApprovalRequest:
    """Make a request void, for the first of these causes; the fact names them all.

    Where its version is live, it is said too how bad that is (SG-51).
    """
    ended = kept(change, request.void(causes[0], at=change.now))
    live = _is_live(change, request)
    change.record(
        ApprovalVoided(
            request=request.id,
            model=request.model,
            version=request.version,
            environment=Code(request.environment),
            cause=Code(causes[0]),
            fields=tuple(Code(cause) for cause in causes),
            was=Code(request.state),
            live=live,
            use_case=request.use_case,
        )
    )
    if live and request.model is not None and request.state is RequestState.APPROVED:
        change.record(
            of_all(change, "void_approval", request.model, request.environment, severities),
            severity=Severity.CRITICAL,
        )
    return ended


def void_changed(
    change: Change, model: ModelName, *, label: str | None = None
) -> tuple[ApprovalRequest, ...]:
    """Void what people were asked or agreed to about a model, where that has changed since (RL-13, RL-17)."""
    require_system(change)
    ended = []
    for request in queries.requests_in_force(change, model):
        causes = _changes(change, request) if label in {None, request.label} else ()
        if causes:
            ended.append(voided(change, request, causes))
    if not ended:
        change.unchanged("model", model)
    return tuple(ended)


def void_use_case(change: Change, name: str) -> tuple[ApprovalRequest, ...]:
    """Void what people were asked or agreed to about a use case that says something else now (RL-9)."""
    require_system(change)
    use_case = find_use_case(change, name)
    request = None if use_case is None or use_case.request is None else use_case.request
    found = None if request is None else queries.locked_request(change, request)
    causes = () if found is None or not found.is_in_force else _changes(change, found)
    if found is None or not causes:
        change.unchanged("use_case", name)
        return ()
    return (voided(change, found, causes),)


def models_in_force(view: View, *, after: str = "") -> list[ModelName]:
    """Return the models that a policy could void something of: those with requests in force, 1,000 at most, by name."""
    return queries.models_in_force(view, after=after)


def void_key(change: Change, keyid: str, *, since: datetime) -> tuple[ApprovalRequest, ...]:
    """Void what a compromised key has decided since then (RL-30)."""
    require_system(change)
    found = queries.requests_signed_by(change, keyid, since=since)
    ended = [voided(change, request, (VoidCause.KEY_COMPROMISED,)) for request in found]
    if not ended:
        change.unchanged("key", keyid)
    return tuple(ended)


def has_due(view: View) -> bool:
    """Tell whether the time of any open or approved request has run out."""
    return queries.is_any_due(view)


def expire_due(change: Change) -> tuple[ApprovalRequest, ...]:
    """Let everything expire whose time has run out, at most 1,000 at once. Call it when `has_due` says so."""
    require_system(change)
    return tuple(expired(change, request) for request in queries.requests_due(change))


def _changes(change: Change, request: ApprovalRequest) -> tuple[VoidCause, ...]:
    version = _version(change, request)
    if version is None and request.type in ABOUT_VERSIONS:
        return (VoidCause.ARTIFACT,)
    model = None if version is None else find_model(change, version.model)
    needs = requirements(change, request.model, request.environment, registered=model)
    basis = case.current_basis(change, request, version, needs=needs)
    found = statements.changes(request.basis, basis)
    if found or version is None or model is None or request.type not in GOING_LIVE:
        return found
    turned = checks.turned(change, request, model=model, version=version, needs=needs)
    return (VoidCause.CHECKS,) if turned else ()


def _is_live(view: View, request: ApprovalRequest) -> bool:
    version = _version(view, request) if request.type in GOING_LIVE else None
    return version is not None and request.environment.value in version.live_in


def _version(view: View, request: ApprovalRequest) -> Version | None:
    return None if request.version is None else find_version(view, request.version)


def require_system(change: Change) -> None:
    """Raise NotPermitted unless the program itself acts."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("the program does this by itself", reasons=("not_the_system",))
