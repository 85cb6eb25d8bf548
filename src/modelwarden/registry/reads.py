"""The authorised reads of the registry. What the caller may not read looks absent (AC-13)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize, readable
from modelwarden.access.authorize import Resource
from modelwarden.access.queries import find_actor
from modelwarden.errors import CursorInvalid, ModelNotFound, VersionNotFound
from modelwarden.permissions import Permission
from modelwarden.registry import queries
from modelwarden.registry.comparison import Comparison, compared
from modelwarden.registry.lifecycle import Stage, Status
from modelwarden.registry.queries import ModelFilter
from modelwarden.values.clock import moment, timestamp
from modelwarden.values.ids import ActorId, Label, ModelName, version_name
from modelwarden.values.pages import Listing, Page, cursor_for, listing
from modelwarden.values.words import maybe_named

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.metric import Metric
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View

MOST_BATCHES: Final = 20
"""How often a list reads on to fill a page; then it answers with what it found, and a cursor."""


def resource_of(model: Model, environment: str | None = None) -> Resource:
    """Return what scopes select a model by."""
    return Resource(
        model=model.name,
        team=model.team or None,
        tags=model.tags,
        environment=environment,
        owner=model.owner,
    )


def resource_named(
    view: View, *, model: str | None, environment: str | None, team: str | None = None
) -> Resource:
    """Return what somebody asks about: with all that is known of a model that the caller may read (AC-14)."""
    found = None if model is None else queries.find_model(view, ModelName(model))
    if found is None or not readable(view, Permission.MODEL_READ, on=resource_of(found)):
        return Resource(model=model, environment=environment, team=team)
    known = resource_of(found, environment)
    return known if team is None else replace(known, team=team)


def model(view: View, name: str, *, lock: bool = False) -> Model:
    """Return a model; `lock` holds its row until the commit. Raises ModelNotFound."""
    found = queries.find_model(view, ModelName(name), lock=lock)
    if found is None or not readable(view, Permission.MODEL_READ, on=resource_of(found)):
        raise ModelNotFound(name)
    return found


def models(view: View, page: Page, *, wanted: ModelFilter | None = None) -> Listing[Model]:
    """Return a page of the models that the caller may read, by name.

    A short page with a cursor is possible where little of a long list is readable.
    """
    wanted = wanted or ModelFilter()
    found: list[Model] = []
    after = page.after or ""
    for _ in range(MOST_BATCHES):
        batch = queries.models_after(view, after, wanted=wanted, limit=page.limit)
        for item in batch:
            after = item.name
            fits = wanted.tag is None or wanted.tag in item.tags
            if fits and readable(view, Permission.MODEL_READ, on=resource_of(item)):
                found.append(item)
            if len(found) == page.limit:
                return Listing(tuple(found), cursor_for(after))
        if len(batch) < page.limit:
            return Listing(tuple(found))
    return Listing(tuple(found), cursor_for(after))


def model_filter(
    *,
    status: str | None = None,
    stage: str | None = None,
    tag: str | None = None,
    text: str | None = None,
) -> ModelFilter:
    """Return the filter that a caller's words mean. Raises ValueInvalid."""
    return ModelFilter(
        status=version_status(status),
        stage=maybe_named(Stage, stage, field="stage"),
        tag=tag,
        text=text,
    )


def version_status(word: str | None) -> Status | None:
    """Return the status that a caller's word means. Raises ValueInvalid."""
    return maybe_named(Status, word, field="status")


def owner_filter(view: View, owner: str, *, wanted: ModelFilter) -> ModelFilter:
    """Return the filter with an owner, named by handle or id; nobody owns what nobody's name asks for."""
    actor = find_actor(view, owner)
    return replace(wanted, owner=ActorId(owner) if actor is None else actor.id)


def version(view: View, model_name: str, label: str, *, lock: bool = False) -> Version:
    """Return a version; `lock` holds its row. Raises ModelNotFound, VersionNotFound."""
    parent = model(view, model_name)
    name = version_name(parent.name, Label(label))
    found = queries.find_version(view, name, lock=lock)
    if found is None:
        raise VersionNotFound(name)
    return found


def versions(
    view: View, model_name: str, page: Page, *, status: Status | None = None
) -> Listing[Version]:
    """Return a page of a model's versions, newest first. Raises ModelNotFound."""
    parent = model(view, model_name)
    found = queries.versions_before(
        view, parent.name, before=_place(page), status=status, limit=page.limit
    )
    last = f"{timestamp(found[-1].created_at)} {found[-1].label}" if found else None
    return listing(found, page, key=last)


def metrics(view: View, model_name: str, label: str, *, page: Page) -> Listing[Metric]:
    """Return a page of a version's observed figures, newest first. Raises VersionNotFound."""
    found = version(view, model_name, label)
    before = page.after or queries.NEWEST
    figures = queries.metrics_before(view, found.name, before=before, limit=page.limit)
    return listing(figures, page, key=figures[-1].id if figures else None)


def compare(view: View, model_name: str, *, a: str, b: str) -> Comparison:
    """Return how two versions of a model differ (RL-7). Raises VersionNotFound."""
    return compared(version(view, model_name, a), version(view, model_name, b))


def may_register(view: View, name: str) -> None:
    """Refuse early, before an artifact is read for a version of this model. Raises NotPermitted."""
    found = queries.find_model(view, ModelName(name))
    on = Resource(model=name) if found is None else resource_of(found)
    authorize(view, Permission.MODEL_REGISTER, on=on)


def may_upload(view: View) -> None:
    """Refuse early, before the bytes of an upload are taken. Raises NotPermitted."""
    authorize(view, Permission.ARTIFACT_WRITE)


def _place(page: Page) -> tuple[datetime, str] | None:
    if page.after is None:
        return None
    at, _, label = page.after.partition(" ")
    try:
        return moment(at), label
    except ValueError:
        raise CursorInvalid from None
