"""The SQL of the safeguards room: switches by id, by what they do, by the file that names them, and page by page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, or_, select

from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import as_model
from modelwarden.safeguards.reach import reach_of
from modelwarden.safeguards.switch import (
    LIVE,
    REMINDED_EVERY,
    OnExpiry,
    Origin,
    Switch,
    SwitchAction,
    SwitchSeverity,
    SwitchState,
    Unknown,
)
from modelwarden.store.schema.registry import models, versions
from modelwarden.store.schema.safeguards import switches
from modelwarden.values.clock import maybe_moment, moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.registry.model import Model
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId, ModelName

NEWEST: Final = "~"
"""Stands after every id, so that a list that runs backwards begins at its end."""
MOST_LIVE: Final = 10_000
"""Switches that are enforced in one environment at once, at most; activating more is refused."""
AT_ONCE: Final = 100
PART: Final = 500
_LIVE: Final = tuple(sorted(state.value for state in LIVE))

_ONE: Final = select(switches).where(switches.c.id == bindparam("id"))
_LOCKED: Final = _ONE.with_for_update()
_ALIKE: Final = (
    select(switches)
    .where(
        switches.c.state == SwitchState.ACTIVE.value,
        switches.c.environment == bindparam("environment"),
        switches.c.action == bindparam("action"),
        switches.c.scope == bindparam("scope"),
    )
    .order_by(switches.c.id)
    .limit(AT_ONCE)
)
_LIVE_IN: Final = (
    select(switches)
    .where(
        switches.c.state.in_(_LIVE),
        switches.c.environment == bindparam("environment"),
    )
    .order_by(switches.c.id)
    .limit(MOST_LIVE)
)
_COUNT_IN: Final = (
    select(func.count())
    .select_from(switches)
    .where(
        switches.c.state.in_(_LIVE),
        switches.c.environment == bindparam("environment"),
    )
)
_OF_SOURCE: Final = (
    select(switches)
    .where(switches.c.source == bindparam("source"), switches.c.state.in_(_LIVE))
    .order_by(switches.c.id)
    .limit(MOST_LIVE)
)
_LAST_OF_SOURCE: Final = (
    select(switches.c.id)
    .where(switches.c.source == bindparam("source"))
    .order_by(switches.c.id.desc())
    .limit(1)
)
_BEFORE: Final = (
    select(switches)
    .where(switches.c.id < bindparam("before"))
    .order_by(switches.c.id.desc())
    .limit(bindparam("limit"))
)
_LIVE_BEFORE: Final = _BEFORE.where(switches.c.state.in_(_LIVE))
_ENDING: Final = (
    select(switches)
    .where(
        switches.c.state == SwitchState.ACTIVE.value,
        switches.c.on_expiry == OnExpiry.RELEASE.value,
        switches.c.expires_at <= bindparam("now"),
    )
    .order_by(switches.c.id)
    .limit(AT_ONCE)
)
_UNTOLD: Final = (
    select(switches)
    .where(
        switches.c.state.in_(_LIVE),
        or_(
            switches.c.reminded_at <= bindparam("since"),
            switches.c.reminded_at.is_(None) & (switches.c.activated_at <= bindparam("since")),
            (switches.c.expires_at <= bindparam("now"))
            & (switches.c.reminded_at.is_(None) | (switches.c.reminded_at < switches.c.expires_at)),
        ),
    )
    .order_by(switches.c.id)
    .limit(AT_ONCE)
)
_RAMPING: Final = (
    select(switches)
    .where(switches.c.state == SwitchState.RAMPING.value)
    .order_by(switches.c.id)
    .limit(MOST_LIVE)
)
_TYPE: Final = select(models.c.type).where(models.c.name == bindparam("name"))
_NAMED: Final = (
    select(models)
    .where(models.c.name.in_(bindparam("names", expanding=True)))
    .order_by(models.c.name)
    .limit(bindparam("limit"))
)
_OWNED: Final = (
    select(models)
    .where(
        models.c.name > bindparam("after"),
        or_(
            models.c.owner.in_(bindparam("accounts", expanding=True)),
            models.c.former_owners != "[]",
        ),
    )
    .order_by(models.c.name)
    .limit(bindparam("limit"))
)
_BEGINS: Final = (
    select(models.c.name)
    .where(func.substr(models.c.name, 1, bindparam("length")) == bindparam("begin"))
    .order_by(models.c.name)
    .limit(1)
)
_LABELS: Final = (
    select(versions.c.label)
    .distinct()
    .where(versions.c.label.in_(bindparam("labels", expanding=True)))
    .order_by(versions.c.label)
    .limit(bindparam("limit"))
)
_LABELS_OF: Final = _LABELS.where(versions.c.model.in_(bindparam("names", expanding=True)))
_LABEL_BEGINS: Final = (
    select(versions.c.label)
    .where(func.substr(versions.c.label, 1, bindparam("length")) == bindparam("begin"))
    .order_by(versions.c.label)
    .limit(1)
)
_LABEL_BEGINS_OF: Final = _LABEL_BEGINS.where(
    versions.c.model.in_(bindparam("names", expanding=True))
)


def find_switch(view: View, switch_id: str) -> Switch | None:
    """Return a switch, or None."""
    row = view.row(_ONE, {"id": switch_id})
    return None if row is None else as_switch(row)


def locked_switch(change: Change, switch_id: str) -> Switch | None:
    """Return a switch that nobody else moves until the commit, or None."""
    row = change.row(_LOCKED, {"id": switch_id})
    return None if row is None else as_switch(row)


def alike(view: View, switch: Switch) -> list[Switch]:
    """Return active switches with the scope and action of this one, oldest first."""
    params = {
        "environment": switch.environment.value,
        "action": switch.action.value,
        "scope": switch.scope,
    }
    return [as_switch(row) for row in view.rows(_ALIKE, params)]


def live_in(view: View, environment: Environment) -> list[Switch]:
    """Return all switches that are enforced in an environment, oldest first."""
    return [as_switch(row) for row in view.rows(_LIVE_IN, {"environment": environment.value})]


def count_live(view: View, environment: Environment) -> int:
    """Return how many switches are enforced in an environment."""
    row = view.row(_COUNT_IN, {"environment": environment.value})
    return 0 if row is None else int(row[0])


def live_switches(view: View, environment: Environment, model: str) -> tuple[Switch, ...]:
    """Return the switches that a snapshot of this model has to hold, oldest first (SG-15).

    Those are all that are enforced there and may match some call of the model: the type of a registered model is taken
    into account, a model that nobody registered may be of any type. It asks for no right: what builds snapshots is the
    program itself, and what it gives out is checked at the door.
    """
    row = view.row(_TYPE, {"name": model})
    model_type = None if row is None else row.type
    found = live_in(view, environment)
    return tuple(switch for switch in found if reach_of(switch).may_touch(model, model_type))


def touches(view: View, switch: Switch, model: str) -> bool:
    """Tell whether a switch may match some call of a model."""
    row = view.row(_TYPE, {"name": model})
    return reach_of(switch).may_touch(model, None if row is None else row.type)


def live_of_source(view: View, source: str) -> list[Switch]:
    """Return the enforced switches that a file of toggles named, oldest first."""
    return [as_switch(row) for row in view.rows(_OF_SOURCE, {"source": source})]


def last_of_source(view: View, source: str) -> str | None:
    """Return the id of the newest switch that a file of toggles ever named, or None."""
    row = view.row(_LAST_OF_SOURCE, {"source": source})
    return None if row is None else row.id


def switches_before(view: View, before: str, *, live: bool, limit: int) -> list[Switch]:
    """Return switches that are older than an id, newest first; `live` leaves out those that ended."""
    statement = _LIVE_BEFORE if live else _BEFORE
    return [as_switch(row) for row in view.rows(statement, {"before": before, "limit": limit})]


def ending(view: View, now: datetime) -> list[Switch]:
    """Return some switches whose own end has come, oldest first."""
    return [as_switch(row) for row in view.rows(_ENDING, {"now": timestamp(now)})]


def untold(view: View, now: datetime) -> list[Switch]:
    """Return some enforced switches of which people have to be reminded, oldest first."""
    params = {"now": timestamp(now), "since": timestamp(now - REMINDED_EVERY)}
    return [as_switch(row) for row in view.rows(_UNTOLD, params)]


def ramping(view: View) -> list[Switch]:
    """Return the switches that are released in steps, oldest first."""
    return [as_switch(row) for row in view.rows(_RAMPING)]


def models_named(view: View, names: Sequence[str]) -> dict[str, Model]:
    """Return the registered models among these names, by name."""
    rows = view.rows(_NAMED, {"names": list(names), "limit": len(names)})
    return {row.name: as_model(row) for row in rows}


def models_owned(view: View, accounts: Sequence[ActorId]) -> Iterator[Model]:
    """Yield the models that one of these accounts owns, and those that had another owner before."""
    after = ""
    while True:
        params = {"accounts": list(accounts), "after": after, "limit": PART}
        rows = view.rows(_OWNED, params)
        yield from map(as_model, rows)
        if len(rows) < PART:
            return
        after = rows[-1].name


def some_model_begins(view: View, begin: str) -> bool:
    """Tell whether a registered model's name begins so."""
    return view.row(_BEGINS, {"begin": begin, "length": len(begin)}) is not None


def labels_known(view: View, labels: Sequence[str], names: Sequence[ModelName]) -> frozenset[str]:
    """Return which of these labels some version of these models has; of any model, where none is named."""
    params: dict[str, object] = {"labels": list(labels), "limit": len(labels)}
    statement = _LABELS_OF if names else _LABELS
    rows = view.rows(statement, params | ({"names": list(names)} if names else {}))
    return frozenset(row.label for row in rows)


def some_label_begins(view: View, begin: str, names: Sequence[ModelName]) -> bool:
    """Tell whether some version of these models, or of any, has a label that begins so."""
    params: dict[str, object] = {"begin": begin, "length": len(begin)}
    if not names:
        return view.row(_LABEL_BEGINS, params) is not None
    return view.row(_LABEL_BEGINS_OF, params | {"names": list(names)}) is not None


def as_switch(row: Row[Any]) -> Switch:
    """Return a row as a switch."""
    return Switch(
        id=row.id,
        state=SwitchState(row.state),
        name=row.name,
        source=row.source,
        environment=Environment(row.environment),
        scope=row.scope,
        exception=row.exception,
        action=SwitchAction(row.action),
        fallback=_texts(row.fallback),
        severity=SwitchSeverity(row.severity),
        reason=row.reason,
        incident=row.incident,
        evidence=row.evidence,
        expires_at=maybe_moment(row.expires_at),
        on_expiry=None if row.on_expiry is None else OnExpiry(row.on_expiry),
        unknown=Unknown(row.unknown),
        lkg_before=moment(row.lkg_before),
        origin=Origin(row.origin),
        activated_by=row.activated_by,
        activated_persons=_texts(row.activated_persons),
        activated_at=moment(row.activated_at),
        reminded_at=maybe_moment(row.reminded_at),
        requested_by=row.requested_by,
        requested_persons=_texts(row.requested_persons),
        requested_at=maybe_moment(row.requested_at),
        notes=row.notes,
        verification=row.verification,
        ended_by=row.ended_by,
        ended_at=maybe_moment(row.ended_at),
        ended_notes=row.ended_notes,
        ramp=None if row.ramp is None else _texts(row.ramp),
        bake_s=row.bake_s,
        ramp_step=row.ramp_step,
        ramp_moved_at=maybe_moment(row.ramp_moved_at),
        revision=row.revision,
    )


def _texts(text: str) -> tuple[Any, ...]:
    found: Sequence[str] = json.loads(text)
    return tuple(found)
