"""Saying how the guards of a model behave: people do, and the program where a whole fleet has its breakers open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access import duties
from modelwarden.access import queries as accounts
from modelwarden.access.accounts import handle_of
from modelwarden.access.allowed import acting_persons, authorize, require_person
from modelwarden.errors import OwnerRelease, ValueInvalid
from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import GuardModeSet
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards.drills import queries as drills
from modelwarden.safeguards.modes import queries
from modelwarden.safeguards.modes.mode import BreakerMode, FailMode, GuardMode, mode_id
from modelwarden.store.queueing import one_by_one
from modelwarden.values.guards import GuardModeAnswer
from modelwarden.values.ids import ModelName

if TYPE_CHECKING:
    from modelwarden.registry.model import Model
    from modelwarden.safeguards.snapshots.body import Topic
    from modelwarden.store.change import Change, View

MOVES = frozenset({"guard.mode_set"})
"""Types of entries that change what snapshots say of it."""


def set_guard_mode(
    change: Change,
    model: str,
    *,
    environment: Environment = Environment.PRODUCTION,
    fail: FailMode | None = None,
    breakers: BreakerMode | None = None,
) -> GuardMode:
    """Say how the guards of a model behave; what is None stays. The same again changes nothing.

    Closing may block a model whose server is gone, so it takes the right to stop one; going back to `static` lets
    through what was held back, so it takes the right to release, and a person who does not own the model. The program
    alone holds breakers.

    Raises ModelNotFound, NotPermitted, OwnerRelease, ValueInvalid.
    """
    found = readable_model(change, model)
    on = resource_of(found, environment.value)
    authorize(change, Permission.SWITCH_ACTIVATE, on=on)
    if breakers is BreakerMode.METRICS_ONLY:
        raise ValueInvalid(
            "breakers", "normal: the program alone lets the breakers of a fleet only count"
        )
    before = _mode(change, found.name, environment, lock=True)
    if before.fail is FailMode.CLOSED and fail is FailMode.STATIC:
        authorize(change, Permission.SWITCH_RELEASE, on=on)
        require_person(change)
        _check_owner(change, found, before)
    return _put(change, before, fail, breakers)


def _check_owner(change: Change, model: Model, before: GuardMode) -> None:
    """Bar whoever owns the model, or did since it was closed, as for the release of a switch (SG-10)."""
    persons = acting_persons(change)
    mine = {a.id for person in sorted(persons) for a in accounts.accounts_of(change, person)}
    if mine & model.owners_since(before.set_at):
        about = (("model", model.name),)
        duties.check(persons, barred={"owner": persons}, rule=OwnerRelease, about=about)


def hold_breakers(change: Change, model: str, environment: Environment, *, held: bool) -> None:
    """Let the breakers of a fleet only count, or refuse calls again: the program's own act, called by a reaction.

    A drill changes nothing here: it must not take the breakers of those whom it does not strike.
    """
    if held and drills.running_on(change, environment, model):
        return
    breakers = BreakerMode.METRICS_ONLY if held else BreakerMode.NORMAL
    _put(change, _mode(change, ModelName(model), environment, lock=True), None, breakers)


def are_breakers_held(view: View, model: str, environment: Environment) -> bool:
    """Tell whether the breakers of a model's guards only count."""
    found = queries.find_mode(view, model, environment)
    return found is not None and found.breakers is BreakerMode.METRICS_ONLY


def guard_mode(
    view: View, model: str, *, environment: Environment = Environment.PRODUCTION
) -> GuardMode:
    """Return how the guards of a model behave. Raises ModelNotFound, NotPermitted."""
    found = readable_model(view, model)
    authorize(view, Permission.SWITCH_READ, on=resource_of(found, environment.value))
    return _mode(view, found.name, environment)


def guard_mode_answer(view: View, mode: GuardMode) -> GuardModeAnswer:
    """Return how guards behave as callers see it."""
    said = mode.revision > 0
    return GuardModeAnswer(
        model=mode.model,
        environment=mode.environment.value,
        fail=mode.fail.value,
        breakers=mode.breakers.value,
        set_by=handle_of(view, mode.set_by) if said else None,
        set_at=mode.set_at if said else None,
        revision=mode.revision,
    )


def breakers_of(view: View, topic: Topic) -> str:
    """Return what a snapshot says of breakers."""
    found = queries.find_mode(view, topic.model, Environment(topic.environment))
    return (BreakerMode.NORMAL if found is None else found.breakers).value


def _mode(
    view: View, model: ModelName, environment: Environment, *, lock: bool = False
) -> GuardMode:
    """Return how guards behave, as everywhere where nobody said otherwise."""
    found = queries.find_mode(view, model, environment, lock=lock)
    return found or GuardMode(
        id=mode_id(model, environment),
        environment=environment,
        model=model,
        set_by=view.actor,
        set_at=view.now,
    )


def _put(
    change: Change, before: GuardMode, fail: FailMode | None, breakers: BreakerMode | None
) -> GuardMode:
    one_by_one(change, "switches")
    after = before.with_modes(fail, breakers, by=change.actor, at=change.now)
    if after is before:
        change.unchanged("model", before.model)
        return before
    kept = change.save(after)
    change.record(
        GuardModeSet(
            model=kept.model,
            environment=Code(kept.environment.value),
            fail=Code(kept.fail.value),
            breakers=Code(kept.breakers.value),
        )
    )
    return kept
