"""The authorised reads of evidence and check runs. What the caller may not read looks absent (AC-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize, readable
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.policies import queries
from modelwarden.registry import reads as registry
from modelwarden.registry.queries import find_model
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from modelwarden.policies.check_run import CheckRun
    from modelwarden.policies.evidence import Evidence
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName


def evidence(view: View, model: str, version: str, *, page: Page) -> Listing[Evidence]:
    """Return a page of the evidence about a version, newest first. Raises ModelNotFound, VersionNotFound."""
    found = _version(view, model, version)
    before = page.after or queries.NEWEST
    items = queries.evidence_before(view, found.name, before=before, limit=page.limit)
    return listing(items, page, key=items[-1].id if items else None)


def one_evidence(view: View, evidence_id: str) -> Evidence:
    """Return a piece of evidence. Raises NotFound."""
    found = queries.find_evidence(view, evidence_id)
    if found is None or not _may_read(view, found.model):
        raise NotFound("evidence", evidence_id)
    return found


def check_runs(view: View, model: str, version: str, *, page: Page) -> Listing[CheckRun]:
    """Return a page of the check runs of a version, newest first. Raises ModelNotFound, VersionNotFound."""
    found = _version(view, model, version)
    before = page.after or queries.NEWEST
    items = queries.runs_before(view, found.name, before=before, limit=page.limit)
    return listing(items, page, key=items[-1].id if items else None)


def check_run(view: View, run_id: str) -> CheckRun:
    """Return a check run. Raises NotFound."""
    found = queries.find_run(view, run_id)
    if found is None or not _may_read(view, found.model):
        raise NotFound("check_run", run_id)
    return found


def _may_read(view: View, name: ModelName) -> bool:
    model = find_model(view, name)
    on = None if model is None else registry.resource_of(model)
    return on is not None and readable(view, Permission.COMPLIANCE_READ, on=on)


def _version(view: View, model: str, version: str) -> Version:
    parent = registry.model(view, model)
    authorize(view, Permission.COMPLIANCE_READ, on=registry.resource_of(parent))
    return registry.version(view, model, version)
