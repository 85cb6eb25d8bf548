"""Adding a freeze, lifting one, and reading them (RL-36). What goes back is never held up by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize, readable
from modelwarden.access.authorize import Resource
from modelwarden.deployments.freezing import queries
from modelwarden.deployments.freezing.freeze import Freeze
from modelwarden.errors import NotFound, ValueInvalid
from modelwarden.facts.deployments import FreezeAdded, FreezeLifted
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model
from modelwarden.values.ids import FreezeId

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import Change, View
    from modelwarden.values.pages import Listing, Page

SHORTEST_REASON: Final = 3
LONGEST_REASON: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFreeze:
    """What is frozen, and when: one model, or the whole environment; from now unless said."""

    ends_at: datetime
    starts_at: datetime | None = None
    environment: Environment = Environment.PRODUCTION
    model: str | None = None


def add_freeze(change: Change, wanted: NewFreeze, *, reason: str) -> Freeze:
    """Let nothing go forward for a while. Raises NotPermitted, ModelNotFound, ValueInvalid."""
    found = None if wanted.model is None else registry.model(change, wanted.model)
    on = (
        Resource(environment=wanted.environment.value)
        if found is None
        else registry.resource_of(found, wanted.environment)
    )
    authorize(change, Permission.DEPLOY_FREEZE, on=on)
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        raise ValueInvalid("reason", f"{SHORTEST_REASON} to {LONGEST_REASON:,} characters")
    if wanted.ends_at <= change.now:
        raise ValueInvalid("ends_at", "a time that lies ahead")
    kept = change.save(
        Freeze(
            id=FreezeId(change.new_id("frz")),
            environment=wanted.environment,
            model=None if found is None else found.name,
            starts_at=wanted.starts_at or change.now,
            ends_at=wanted.ends_at,
            reason=change.text(reason.strip()),
            set_by=change.actor,
            set_at=change.now,
        )
    )
    change.record(
        FreezeAdded(
            freeze=kept.id,
            environment=Code(kept.environment),
            model=kept.model,
            starts_at=kept.starts_at,
            ends_at=kept.ends_at,
            reason=kept.reason,
        )
    )
    return kept


def lift_freeze(change: Change, freeze_id: str) -> Freeze:
    """End a freeze before its time. Raises NotFound, NotPermitted, IllegalMove."""
    freeze(change, freeze_id)
    found = queries.locked_freeze(change, freeze_id)
    if found is None:
        raise NotFound("freeze", freeze_id)
    authorize(change, Permission.DEPLOY_FREEZE, on=_resource(change, found))
    kept = change.save(found.lift(by=change.actor, at=change.now))
    change.record(
        FreezeLifted(freeze=kept.id, environment=Code(kept.environment), model=kept.model)
    )
    return kept


def freeze(view: View, freeze_id: str) -> Freeze:
    """Return a freeze. Raises NotFound."""
    found = queries.find_freeze(view, freeze_id)
    if found is None or not _is_readable(view, found):
        raise NotFound("freeze", freeze_id)
    return found


def freezes(view: View, page: Page, *, environment: Environment | None = None) -> Listing[Freeze]:
    """Return a page of freezes, newest first; a short one where some may not be read."""
    found = queries.page_of(view, page, environment=environment)
    return type(found)(
        tuple(one for one in found.items if _is_readable(view, one)), found.next_cursor
    )


def _is_readable(view: View, found: Freeze) -> bool:
    return readable(view, Permission.DEPLOYMENT_READ, on=_resource(view, found))


def _resource(view: View, found: Freeze) -> Resource:
    model = None if found.model is None else find_model(view, found.model)
    if model is None:
        return Resource(model=found.model, environment=found.environment.value)
    return registry.resource_of(model, found.environment)
