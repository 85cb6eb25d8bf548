"""The authorised reads of switches. What the caller may not read looks absent (AC-13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import authorize
from modelwarden.access.authorize import Resource
from modelwarden.errors import NotFound, UnknownDimension, ValueInvalid
from modelwarden.guard.compiled import compile_switches
from modelwarden.guard.scope import FOLDED, Form, known_dimensions, normalise
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards import queries
from modelwarden.safeguards.authority import may_read
from modelwarden.safeguards.reach import MODEL, TYPE, reach_of
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.match import Match
    from modelwarden.guard.scope import Condition
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View

MOST_BATCHES: Final = 20
"""How often a list reads on to fill a page; then it answers with what it found, and a cursor."""
MISSING: Final = "missing, so it matches"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchFilter:
    """Which switches a list wants; None is any.

    Attributes:
        live: those alone that are enforced.
        model: those that may touch some call of this model, by name, type, or because they name no model.
    """

    live: bool = False
    environment: Environment | None = None
    model: str | None = None


class Why(NamedTuple):
    """One switch that matches a context, and what it matched by: dimension → words."""

    switch: Switch
    why: dict[str, str]


class Check(NamedTuple):
    """What the switches say of one context, and each that matches."""

    environment: Environment
    context: dict[str, str]
    match: Match
    matches: tuple[Why, ...]


def switch(view: View, switch_id: str) -> Switch:
    """Return a switch, live or not. Raises NotFound."""
    found = queries.find_switch(view, switch_id)
    if found is None or not may_read(view, [found]):
        raise NotFound("switch", switch_id)
    return found


def switches(view: View, page: Page, *, wanted: SwitchFilter | None = None) -> Listing[Switch]:
    """Return a page of switches, newest first. A short page with a cursor is possible where few of many fit."""
    wanted = wanted or SwitchFilter()
    found: list[Switch] = []
    before = page.after or queries.NEWEST
    model_type = None if wanted.model is None else _type_of(view, wanted.model)
    for _ in range(MOST_BATCHES):
        batch = queries.switches_before(view, before, live=wanted.live, limit=page.limit)
        fitting = [each for each in batch if _fits(each, wanted, model_type)]
        for each in may_read(view, fitting):
            found.append(each)
            if len(found) == page.limit:
                return Listing(tuple(found), cursor_for(each.id))
        if len(batch) < page.limit:
            return Listing(tuple(found))
        before = batch[-1].id
    return Listing(tuple(found), cursor_for(before))


def check(
    view: View, context: Mapping[str, object], *, environment: Environment = Environment.PRODUCTION
) -> Check:
    """Return what the live switches say of one call: what would happen, and which switch matches by what (SG-7).

    It asks the matcher that guards use. The type of a registered model is filled in. Who may read switches of the model
    there gets the ids of all that match, also where other models that they name are not the caller's to see.

    Raises NotPermitted, UnknownDimension, ValueInvalid.
    """
    configured = view.settings.switch_dimensions
    known = known_dimensions(configured)
    for name in context:
        if name not in known:
            raise UnknownDimension(name, sorted(known))
    given = {name: _value(name, raw) for name, raw in context.items()}
    model = None if MODEL not in given else queries.models_named(view, [given[MODEL]])
    found = None if model is None else model.get(given[MODEL])
    on = Resource(model=given.get(MODEL), environment=environment.value)
    authorize(
        view, Permission.SWITCH_READ, on=on if found is None else resource_of(found, environment)
    )
    if found is not None and found.type and TYPE not in given:
        given[TYPE] = found.type
    live = queries.live_in(view, environment)
    matcher = compile_switches([each.rule() for each in live], configured=configured)
    match = matcher.match(given)
    hit = set(match.switches)
    return Check(
        environment, given, match, tuple(Why(s, _why(s, given)) for s in live if s.id in hit)
    )


def _fits(switch: Switch, wanted: SwitchFilter, model_type: str | None) -> bool:
    if wanted.environment not in {None, switch.environment}:
        return False
    return wanted.model is None or reach_of(switch).may_touch(wanted.model, model_type)


def _type_of(view: View, model: str) -> str | None:
    found = queries.models_named(view, [model]).get(model)
    return None if found is None else found.type


def _value(name: str, raw: object) -> str:
    value = normalise(raw, folds=name in FOLDED)
    if value is None:
        raise ValueInvalid(name, "visible text, or leave it out")
    return value


def _why(switch: Switch, given: Mapping[str, str]) -> dict[str, str]:
    """Return by what a switch matched, for each dimension that it names."""
    scope = reach_of(switch).scope
    if not scope:
        return {"everything": "it names no dimension"}
    return {name: _said(condition, given.get(name)) for name, condition in scope.items()}


def _said(condition: Condition | None, value: str | None) -> str:
    if condition is None:
        return "not understood, so it matches"
    if value is None:
        return MISSING
    match condition.form:
        case Form.ANY_OF:
            return f"{value} is named"
        case Form.NONE_OF:
            return f"{value} is not among those left out"
        case Form.PREFIX:
            return f"{value} begins with {condition.values[0]}"
