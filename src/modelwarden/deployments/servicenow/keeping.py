"""What the program itself keeps of changes: which it opened, what each came to, which it told (RL-51, RL-52)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelwarden.deployments.servicenow import queries
from modelwarden.deployments.servicenow.opened import OpenedChange
from modelwarden.errors import NotFound, NotPermitted
from modelwarden.facts.kinds import Code
from modelwarden.facts.servicenow import (
    ServicenowChangeJudged,
    ServicenowChangeOpened,
    ServicenowChangeTold,
)
from modelwarden.policies.reads import requirements
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from modelwarden.deployments.servicenow.opened import About
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import DeploymentId, RequestId, ServicenowId

SYSTEM: Final = "servicenow"


def unopened(view: View, *, after: str = "") -> tuple[list[About], str | None]:
    """Return requests whose policy wants a change that does not stand yet, and where to go on; None at the end."""
    found = queries.unopened(view, after=after)
    wanted = [
        one for one in found if SYSTEM in requirements(view, one.model, one.environment).systems
    ]
    return wanted, found[-1].request if len(found) == queries.MOST else None


def keep_opened(change: Change, about: About, *, sys_id: ServicenowId) -> OpenedChange:
    """Keep which change stands for a request. The first that was kept stays."""
    _require_system(change)
    before = queries.locked_opened(change, about.request)
    if before is not None:
        change.unchanged("servicenow_change", about.request)
        return before
    kept = change.save(OpenedChange(request=about.request, change=sys_id, opened_at=change.now))
    change.record(
        ServicenowChangeOpened(
            request=about.request, model=about.model, version=about.version, change=sys_id
        )
    )
    return kept


def keep_state(change: Change, request: RequestId, *, state: str) -> OpenedChange:
    """Keep what a change came to. Raises NotFound."""
    about, before = _known(change, request)
    if before.state == state:
        change.unchanged("servicenow_change", request)
        return before
    kept = change.save(replace(before, state=state))
    change.record(
        ServicenowChangeJudged(
            request=request,
            model=about.model,
            version=about.version,
            change=before.change,
            state=Code(state),
        )
    )
    return kept


def keep_told(change: Change, request: RequestId, *, deployment: DeploymentId) -> OpenedChange:
    """Keep that a change was told of a deployment. Raises NotFound."""
    about, before = _known(change, request)
    if before.told == deployment:
        change.unchanged("servicenow_change", request)
        return before
    kept = change.save(replace(before, told=deployment))
    change.record(
        ServicenowChangeTold(
            request=request,
            model=about.model,
            version=about.version,
            change=before.change,
            deployment=deployment,
        )
    )
    return kept


def _known(change: Change, request: RequestId) -> tuple[About, OpenedChange]:
    _require_system(change)
    about, before = queries.about(change, request), queries.locked_opened(change, request)
    if about is None or before is None:
        raise NotFound("servicenow_change", request)
    return about, before


def _require_system(change: Change) -> None:
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("the program does this by itself", reasons=("not_the_system",))
