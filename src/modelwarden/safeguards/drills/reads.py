"""The authorised reads of drills, and which models were not drilled for long (SG-46)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.access.allowed import readable
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.registry.queries import ModelFilter, models_after
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards import queries as switches
from modelwarden.safeguards.drills import queries
from modelwarden.safeguards.drills.running import resource
from modelwarden.safeguards.reach import reach_of
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.model import Model
    from modelwarden.safeguards.drills.drill import Drill
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View


class Standing(NamedTuple):
    """A model, and the last drill that ran on it."""

    model: str
    last: Drill | None
    due_since: datetime | None


def drill(view: View, drill_id: str) -> Drill:
    """Return a drill. Raises NotFound."""
    found = queries.find_drill(view, drill_id)
    if found is None or not _may_read(view, found):
        raise NotFound("drill", drill_id)
    return found


def drills(view: View, page: Page, *, model: str | None = None) -> Listing[Drill]:
    """Return a page of drills, newest first. A short page with a cursor is possible where few of many may be read."""
    before = page.after or queries.NEWEST
    batch = queries.drills_before(view, before, model=model, limit=page.limit)
    found = tuple(each for each in batch if _may_read(view, each))
    return Listing(found) if len(batch) < page.limit else Listing(found, cursor_for(batch[-1].id))


def overdue(view: View, page: Page) -> Listing[Standing]:
    """Return a page of the models on which no drill ran for `drills.overdue_days`, by name; none that is retired."""
    batch = models_after(view, page.after or "", wanted=ModelFilter(), limit=page.limit)
    readable_ones = [
        each
        for each in batch
        if each.retired_at is None and readable(view, Permission.SWITCH_READ, on=resource_of(each))
    ]
    standings = (_standing(view, each) for each in readable_ones)
    found = tuple(each for each in standings if each.due_since is not None)
    return Listing(found) if len(batch) < page.limit else Listing(found, cursor_for(batch[-1].name))


def last_drill(view: View, model: str) -> Drill | None:
    """Return the last drill that ran on a model, where the caller may read it."""
    found = queries.last_ran(view, model)
    return found if found is not None and _may_read(view, found) else None


def last_drill_of(view: View, switch: Switch) -> Drill | None:
    """Return the last drill that ran on a model that a switch names, where the caller may read it."""
    found = [each for model in reach_of(switch).models if (each := last_drill(view, model))]
    return max(found, key=lambda each: each.id, default=None)


def last_drills(view: View, models: tuple[str, ...]) -> dict[str, Drill]:
    """Return the last drill of each of these models that has one, by model, where the caller may read it."""
    known = switches.models_named(view, models)
    return {name: found for name in known if (found := last_drill(view, name)) is not None}


def _standing(view: View, model: Model) -> Standing:
    last = queries.last_ran(view, model.name)
    since = model.registered_at if last is None else last.started_at or last.requested_at
    due = since + timedelta(days=view.settings.drills_overdue_days)
    return Standing(model.name, last, due if due <= view.now or last is None else None)


def _may_read(view: View, found: Drill) -> bool:
    return readable(view, Permission.SWITCH_READ, on=resource(view, found))
