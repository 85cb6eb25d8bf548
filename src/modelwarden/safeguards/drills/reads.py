"""The authorised reads of drills, and which ways to fail were not drilled for long (SG-46)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.access.allowed import readable
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.registry.queries import ModelFilter, find_model, models_after
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards import queries as switches
from modelwarden.safeguards.drills import queries
from modelwarden.safeguards.drills.running import resource
from modelwarden.safeguards.reach import reach_of
from modelwarden.safeguards.severity.failure_modes import failure_modes
from modelwarden.values.ids import ModelName
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.model import Model
    from modelwarden.safeguards.drills.drill import Drill
    from modelwarden.safeguards.drills.queries import LastDrilled
    from modelwarden.safeguards.severity.failure_modes import FailureMode
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View


class Standing(NamedTuple):
    """A way to fail of a model, and the last drill that made it happen there."""

    model: str
    mode: FailureMode
    last: LastDrilled | None
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
    """Return a page of the ways to fail that no drill made happen for `drills.overdue_days`, by model and name.

    Of models that are not retired, and of faults that a drill can make. A short page with a cursor is possible.
    """
    model, _, mode = (page.after or "").partition("/")
    first = None if not mode else find_model(view, ModelName(model))
    others = models_after(view, model, wanted=ModelFilter(), limit=page.limit)
    batch = others if first is None else [first, *others]
    found: list[Standing] = []
    for each in batch:
        behind = mode if each is first else ""
        found += [one for one in _standings(view, each) if one.mode.name > behind]
        if len(found) >= page.limit:
            last = found[page.limit - 1]
            return Listing(tuple(found[: page.limit]), cursor_for(f"{last.model}/{last.mode.name}"))
    more = cursor_for(batch[-1].name) if len(others) == page.limit else None
    return Listing(tuple(found), more)


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


def _standings(view: View, model: Model) -> list[Standing]:
    """Return the ways to fail of a model that are overdue, by name; none of one that is retired, or not to be read."""
    if model.retired_at is not None or not readable(
        view, Permission.SWITCH_READ, on=resource_of(model)
    ):
        return []
    drilled = queries.last_drilled(view, model.name)
    found = []
    for mode in sorted(failure_modes(), key=lambda mode: mode.name):
        if mode.drillable is None:
            continue
        last = drilled.get(mode.drillable)
        since = model.registered_at if last is None else last.at
        due = since + timedelta(days=view.settings.drills_overdue_days)
        if last is None or due <= view.now:
            found.append(Standing(model.name, mode, last, due))
    return found


def _may_read(view: View, found: Drill) -> bool:
    return readable(view, Permission.SWITCH_READ, on=resource(view, found))
