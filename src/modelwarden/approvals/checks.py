"""Checks as they stand with the waivers that hold now (EVAL-4, EVAL-5): what asks, decides and deploys goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize
from modelwarden.approvals import statement as statements
from modelwarden.approvals.attesting import statements_about
from modelwarden.approvals.signed_files import signatures_over
from modelwarden.approvals.waivers.standing import standing
from modelwarden.permissions import Permission
from modelwarden.policies import checking
from modelwarden.policies.check_run import CheckRun, Occasion
from modelwarden.policies.reads import requirements
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.policies.governing import Requirements
    from modelwarden.policies.result import Result
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View


def run_checks(
    change: Change, model: str, version: str, *, environment: Environment = Environment.PRODUCTION
) -> CheckRun:
    """Evaluate all checks that govern a version in an environment, and keep the run.

    Raises ModelNotFound, VersionNotFound, NotPermitted.
    """
    found = registry.version(change, model, version)
    parent = registry.model(change, model)
    authorize(change, Permission.COMPLIANCE_READ, on=registry.resource_of(parent, environment))
    needs = requirements(change, parent.name, environment)
    return recorded(change, found, model=parent, needs=needs, occasion=Occasion.ASKED)


def recorded(
    change: Change, version: Version, *, model: Model, needs: Requirements, occasion: Occasion
) -> CheckRun:
    """Keep a run of the governing checks. Asks for no permission."""
    return checking.recorded(
        change,
        version,
        model=model,
        needs=needs,
        occasion=occasion,
        verified=_verified(change, version, model=model, needs=needs),
    )


def results(
    view: View, version: Version, *, model: Model, needs: Requirements
) -> tuple[Result, ...]:
    """Return what the governing checks come to now. Asks for no permission."""
    verified = _verified(view, version, model=model, needs=needs)
    return checking.evaluated(view, version, model=model, needs=needs, verified=verified).results


def turned(
    view: View, request: ApprovalRequest, *, model: Model, version: Version, needs: Requirements
) -> tuple[str, ...]:
    """Name the blocking checks that fail now and did not when the request was opened (RL-17)."""
    if not needs.checks:
        return ()
    now = results(view, version, model=model, needs=needs)
    return checking.turned(view, statements.check_run_of(request.basis), now)


def _verified(
    view: View, version: Version, *, model: Model, needs: Requirements
) -> checking.Verified:
    wanted = any(check.type == "attestation" for check in needs.checks)
    signed = any(c.type == "artifact" and c.params.get("signed") for c in needs.checks)
    return checking.Verified(
        waivers=standing(view, version, model=model, environment=needs.environment),
        statements=(
            *(statements_about(view, version, model=model) if wanted else ()),
            *(signatures_over(view, version) if signed else ()),
        ),
    )
