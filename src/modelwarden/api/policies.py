"""Routes of policies. Names of built-in ones hold a slash, as in `builtin/moderate`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import LongText, Shape, Word, answers, page, pages
from modelwarden.deployments import actions as releases
from modelwarden.deployments.answers import dry_run_answer
from modelwarden.permissions import Permission
from modelwarden.policies import actions
from modelwarden.policies.actions import Environment
from modelwarden.policies.answers import (
    assignment_answer,
    import_answer,
    lint_answer,
    policy_answer,
    retired_answer,
)
from modelwarden.values.answers import AssignmentAnswer, PolicyAnswer
from modelwarden.values.checks import DryRunAnswer, ImportAnswer
from modelwarden.values.pages import Page
from modelwarden.values.words import maybe_named, named

router = APIRouter(prefix="/api/governance/policies", route_class=StrictRoute, tags=["policies"])


class Document(Shape):
    """Body of POST policies/lint and policies/publish: YAML or JSON as text."""

    document: LongText


class Source(Document):
    """Body of POST policies/import: a configuration file as text."""

    name: Word | None = None
    leave_out: Annotated[list[Word], Field(max_length=100)] | None = None


class Trial(Document):
    """Body of POST policies/dry-run."""

    days: Annotated[int, Field(ge=1, le=366)] = 90
    model: Word | None = None
    environment: Word = "production"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Word | None = None


class Assignment(Shape):
    """Body of POST policies/{policy}/assign."""

    model: Word | None = None
    environment: Word | None = None


@router.get("", responses=pages(PolicyAnswer))
async def policies(
    caller: Annotated[Caller, may(Permission.POLICY_READ)],
    part: Annotated[Page, Depends(page)],
) -> Response:
    """List policies, each at its newest version, built-in ones among them."""
    return await caller.page(partial(actions.policies, page=part), policy_answer, name="policies")


@router.post("/lint", responses=answers(PolicyAnswer))
async def lint(body: Document, caller: Annotated[Caller, may(Permission.POLICY_DRAFT)]) -> Response:
    """Show a document as it would be published, or every problem in it."""
    return await caller.read(partial(actions.lint, text=body.document), lint_answer)


@router.post("/dry-run", responses=answers(DryRunAnswer))
async def dry_run(body: Trial, caller: Annotated[Caller, may(Permission.POLICY_DRAFT)]) -> Response:
    """Hold past releases against a document: which would have been stopped, had it been the policy."""
    place = named(actions.Environment, body.environment, field="environment")
    chosen = releases.Selection(days=body.days, model=body.model, environment=place)
    part = Page(limit=body.limit, cursor=body.cursor)
    action = partial(releases.dry_run, text=body.document, selection=chosen, page=part)
    return await caller.read(action, dry_run_answer)


@router.post("/import", responses=answers(ImportAnswer))
async def import_policy(
    body: Source, caller: Annotated[Caller, may(Permission.POLICY_DRAFT)]
) -> Response:
    """Translate `governance.yaml` or a `GovernancePolicy` into a policy, beside what is there; nothing is written."""
    action = partial(
        actions.import_policy,
        text=body.document,
        name=body.name,
        leave_out=tuple(body.leave_out or ()),
    )
    return await caller.read(action, import_answer)


@router.post("/publish", status_code=201, responses=answers(PolicyAnswer, status=201))
async def publish(
    body: Document, caller: Annotated[Caller, may(Permission.POLICY_PUBLISH)]
) -> Response:
    """Publish a document as the next version of its name."""
    document = await caller.prepare(partial(actions.prepare_policy, body.document))
    action = partial(actions.publish, document=document)
    return await caller.write(action, policy_answer, again=_again(), status=201)


@router.get("/{policy:path}/versions", responses=pages(PolicyAnswer))
async def versions(
    policy: str,
    caller: Annotated[Caller, may(Permission.POLICY_READ)],
    part: Annotated[Page, Depends(page)],
) -> Response:
    """List a policy's versions, newest first."""
    action = partial(actions.policy_versions, name=policy, page=part)
    return await caller.page(action, policy_answer, name="policy-versions")


@router.post("/{policy:path}/assign", responses=answers(AssignmentAnswer))
async def assign(
    policy: str, body: Assignment, caller: Annotated[Caller, may(Permission.POLICY_ASSIGN)]
) -> Response:
    """Let a policy govern a model, an environment, both, or all; doing it again changes nothing."""
    place = maybe_named(Environment, body.environment, field="environment")
    action = partial(actions.assign, name=policy, model=body.model, environment=place)
    return await caller.write(action, assignment_answer)


@router.post("/{policy:path}/retire", responses=answers(PolicyAnswer))
async def retire(
    policy: str, caller: Annotated[Caller, may(Permission.POLICY_PUBLISH)]
) -> Response:
    """End a policy that governs nothing."""
    action = partial(actions.retire_policy, name=policy)
    return await caller.write(action, retired_answer, again=_again(policy))


@router.get("/{policy:path}", responses=answers(PolicyAnswer))
async def policy(policy: str, caller: Annotated[Caller, may(Permission.POLICY_READ)]) -> Response:
    """Show a policy: `name` for its newest version, `name@2` for one."""
    return await caller.read(partial(actions.policy, reference=policy), policy_answer)


def _again(name: str | None = None) -> Callable[[Any, str], PolicyAnswer]:
    return lambda view, ref: policy_answer(view, actions.policy(view, name or ref))
