"""The authorised reads of deployments, and the gate's answer without deploying (AC-13, RL-33)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import readable
from modelwarden.approvals import gate
from modelwarden.approvals.reads import approval, envelopes
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.github.source import lock_of
from modelwarden.deployments.starting import DEPLOY
from modelwarden.deployments.targets import queries as targets
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model
from modelwarden.values.ids import RequestId
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.deployments.evidence import Prepared
    from modelwarden.deployments.rollout import Deployment, DeploymentKind, DeploymentState
    from modelwarden.deployments.targets.step import TargetStep
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName

NEWS_FOR: Final = timedelta(days=1)
MOST_BATCHES: Final = 20
"""How often a list reads on to fill a page; then it answers with what it found, and a cursor."""


class Outlook(NamedTuple):
    """What the gate says now; `hashed` when the bytes were read for it, not the registry's word taken."""

    verdict: gate.Verdict
    hashed: bool
    request: RequestId | None


def gate_answer(
    view: View,
    model: str,
    version: str,
    *,
    environment: Environment = Environment.PRODUCTION,
    prepared: Prepared | None = None,
) -> Outlook:
    """Return what the gate would say to the caller. Raises ModelNotFound, VersionNotFound."""
    going = registry.version(view, model, version)
    owner = registry.model(view, model)
    artifact = (
        evidence.artifact_registered(going)
        if prepared is None
        else evidence.artifact_now(prepared, going, now=view.now)
    )
    on = registry.resource_of(owner, environment)
    case = evidence.gate_case(
        view,
        going,
        model=owner,
        environment=environment,
        artifact=artifact,
        permitted=readable(view, DEPLOY[environment], on=on),
        prepared=prepared,
    )
    request = None if case.approval is None else case.approval.request.id
    return Outlook(gate.weigh(case), prepared is not None, request)


def deployment(view: View, deployment_id: str) -> Deployment:
    """Return a deployment. Raises NotFound."""
    found = queries.find_deployment(view, deployment_id)
    if found is None or not _is_readable(view, found.model):
        raise NotFound("deployment", deployment_id)
    return found


def followings(view: View, limit: int) -> list[tuple[TargetStep, Deployment]]:
    """Return how targets stand now, and where they failed within a day, newest first: of what may be read."""
    found: list[tuple[TargetStep, Deployment]] = []
    for asked in targets.news(view, since=view.now - NEWS_FOR):
        of = queries.find_deployment(view, asked.deployment)
        if of is not None and _is_readable(view, of.model):
            found.append((asked, of))
        if len(found) == limit:
            break
    return found


def deployments(
    view: View,
    page: Page,
    *,
    model: str | None = None,
    environment: Environment | None = None,
    state: DeploymentState | None = None,
    kind: DeploymentKind | None = None,
) -> Listing[Deployment]:
    """Return a page of deployments, newest first.

    A short page with a cursor is possible where little of a long list is readable.
    """
    named = None if model is None else registry.model(view, model).name
    found: list[Deployment] = []
    rest = page
    seen: dict[ModelName, bool] = {}
    for _ in range(MOST_BATCHES):
        batch = queries.page_of(
            view, rest, model=named, environment=environment, state=state, kind=kind
        )
        for one in batch.items:
            if one.model not in seen:
                seen[one.model] = _is_readable(view, one.model)
            if seen[one.model]:
                found.append(one)
            if len(found) == page.limit:
                return Listing(tuple(found), cursor_for(one.id))
        if batch.next_cursor is None:
            return Listing(tuple(found))
        rest = Page(limit=page.limit, cursor=batch.next_cursor)
    return Listing(tuple(found), rest.cursor)


def live(
    view: View,
    model: str,
    *,
    environment: Environment = Environment.PRODUCTION,
    as_of: datetime | None = None,
) -> Deployment | None:
    """Return what is live there, or was at a moment (RL-7); None when nothing is. Raises ModelNotFound."""
    name = registry.model(view, model).name
    if as_of is None:
        return queries.live(view, name, environment)
    return queries.live_at(view, name, environment, at=as_of)


def release_file(view: View, request_id: str) -> bytes:
    """Return `release.intoto.jsonl`: the people's envelopes, then the gate's own word, if it spoke (RL-27).

    Raises NotFound.
    """
    lines = envelopes(view, request_id)
    found = queries.newest_on(view, RequestId(request_id))
    if found is None or found.verdict is None:
        return lines
    return lines + f"{found.verdict}\n".encode()


def lock_file(view: View, request_id: str) -> bytes:
    """Return what `release.lock.json` has to hold in the pull request of a release (RL-47). Raises NotFound."""
    found = approval(view, request_id).request
    lock = lock_of(view, found.id)
    if lock is None:
        raise NotFound("release", request_id)
    return lock


def _is_readable(view: View, model: ModelName) -> bool:
    found = find_model(view, model)
    return found is not None and readable(
        view, Permission.DEPLOYMENT_READ, on=registry.resource_of(found)
    )
