"""Switches as configuration: a file names those that have to be in force; applying it again changes nothing (SG-8).

What a file no longer names is not released by that: its release is asked for, and people confirm it. What it says
differently is a new switch beside the old one, whose release is asked for too, so that nothing is weaker in between.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.access.allowed import readable
from modelwarden.errors import ValueInvalid
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import queries
from modelwarden.safeguards.activating import NewSwitch, draft, put_in_force
from modelwarden.safeguards.authority import resources
from modelwarden.safeguards.releasing import ask
from modelwarden.safeguards.switch import (
    OnExpiry,
    Switch,
    SwitchAction,
    SwitchSeverity,
    SwitchState,
    Unknown,
)
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import NAME
from modelwarden.values.principal import ActorKind
from modelwarden.values.words import maybe_named, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.store.change import Change

SOURCE: Final = "switches"
"""What a file that does not say its name is called."""
MOST: Final = 200
GONE: Final = "the file of switches no longer names it"
CHANGED: Final = "the file of switches describes it differently now; a new switch is in force"
FIELDS: Final = frozenset(
    {
        "name", "reason", "scope", "except", "environment", "action", "fallback", "severity", "incident", "evidence",
        "expires_at", "on_expiry", "unknown", "everything", "allow_unknown",
    }
)  # fmt: skip


class Outcome(StrEnum):
    """What became of one switch of a file."""

    ACTIVATED = "activated"
    UNCHANGED = "unchanged"
    OVER = "over"
    """Its end has passed: it is not activated."""
    RELEASE_REQUESTED = "release_requested"
    STILL_ACTIVE = "still_active"
    """It should go, and whoever applies the file may not ask for its release."""


class Toggle(NamedTuple):
    """One switch of a file, or that a file named before."""

    name: str
    outcome: Outcome
    switch: Switch | None


class Toggles(NamedTuple):
    """What became of a file of switches."""

    source: str
    toggles: tuple[Toggle, ...]

    @property
    def id(self) -> str:
        """The file's name."""
        return self.source


def read_toggles(document: Mapping[str, object]) -> tuple[str, tuple[NewSwitch, ...]]:
    """Return the name of a file and its switches.

    Raises ValueInvalid for an unknown field, a name that comes twice, or a value of another form.
    """
    unknown = sorted(set(document) - {"source", "switches"})
    source, listed = document.get("source", SOURCE), document.get("switches")
    if unknown or not isinstance(source, str) or not NAME.fullmatch(source):
        raise ValueInvalid("source", f"text that matches {NAME.pattern}, beside switches alone")
    if not isinstance(listed, list) or len(listed) > MOST:
        raise ValueInvalid("switches", f"a list of at most {MOST} switches")
    found = tuple(_toggle(item, place, source) for place, item in enumerate(listed))
    if len({toggle.name for toggle in found}) < len(found):
        raise ValueInvalid("switches", "each name once")
    return source, found


def apply(change: Change, document: Mapping[str, object]) -> Toggles:
    """Bring switches in force as a file names them, all or none of them.

    Raises whatever `activate` raises, and ValueInvalid for a file of another form.
    """
    source, wanted = read_toggles(document)
    one_by_one(change, "switches")
    live = queries.live_of_source(change, source)
    named_now = {toggle.name for toggle in wanted}
    found = [each for toggle in wanted for each in _applied(change, toggle, live)]
    gone = [switch for switch in live if switch.name not in named_now]
    found += [_let_go(change, switch, GONE) for switch in gone]
    if not change.drafts:
        last = queries.last_of_source(change, source)
        if last is None:
            raise ValueInvalid(
                "switches", "at least one switch: nothing of this file was ever in force"
            )
        change.unchanged("switch", last)
    return Toggles(source, tuple(found))


def _applied(change: Change, wanted: NewSwitch, live: Sequence[Switch]) -> list[Toggle]:
    name = str(wanted.name)
    if wanted.expires_at is not None and wanted.expires_at <= change.now:
        return [Toggle(name, Outcome.OVER, None)]
    drafted = draft(change, wanted)
    before = [switch for switch in live if switch.name == name]
    kept = next((switch for switch in before if _is_same(switch, drafted, change)), None)
    others = [switch for switch in before if switch is not kept]
    if kept is None:
        first = Toggle(name, Outcome.ACTIVATED, put_in_force(change, drafted, wanted.reason))
    else:
        first = Toggle(name, Outcome.UNCHANGED, kept)
    return [first, *(_let_go(change, switch, CHANGED) for switch in others)]


def _is_same(switch: Switch, drafted: Switch, change: Change) -> bool:
    """Tell whether a switch in force is what the file describes; when it was activated and why do not matter."""
    same = (
        switch.severity is drafted.severity
        and switch.expires_at == drafted.expires_at
        and switch.on_expiry is drafted.on_expiry
        and (switch.incident, switch.evidence) == (drafted.incident, drafted.evidence)
    )
    return same and switch.does_all_of(drafted) and not change.is_frozen("switch", switch.id)


def _let_go(change: Change, switch: Switch, notes: str) -> Toggle:
    """Ask for a release where the caller may; who may not, and a program never, leaves it to people."""
    name = str(switch.name)
    if switch.state is not SwitchState.ACTIVE:
        return Toggle(name, Outcome.RELEASE_REQUESTED, switch)
    allowed = change.principal.kind is ActorKind.USER and all(
        readable(change, Permission.SWITCH_RELEASE, on=on) for on in resources(change, switch)
    )
    if not allowed or change.is_frozen("switch", switch.id):
        return Toggle(name, Outcome.STILL_ACTIVE, switch)
    return Toggle(name, Outcome.RELEASE_REQUESTED, ask(change, switch, notes=notes))


def _toggle(item: object, place: int, source: str) -> NewSwitch:
    where = f"switches.{place}"
    if not isinstance(item, dict):
        raise ValueInvalid(where, "an object")
    unknown = sorted(set(item) - FIELDS)
    if unknown:
        raise ValueInvalid(f"{where}.{unknown[0]}", f"one of {', '.join(sorted(FIELDS))}")
    take = _Reader(item, where)
    return NewSwitch(
        name=take("name", str, needed=True),
        source=source,
        reason=take("reason", str, needed=True),
        scope=take("scope", dict) or {},
        exception=take("except", dict) or {},
        environment=named(Environment, take("environment", str) or "production", field=where),
        action=maybe_named(SwitchAction, take("action", str), field=f"{where}.action"),
        fallback=steps(item.get("fallback"), field=f"{where}.fallback"),
        severity=named(SwitchSeverity, take("severity", str) or "SEV2", field=f"{where}.severity"),
        incident=take("incident", str),
        evidence=take("evidence", str),
        expires_at=_moment(take("expires_at", str), where),
        on_expiry=maybe_named(OnExpiry, take("on_expiry", str), field=f"{where}.on_expiry"),
        unknown=named(Unknown, take("unknown", str) or "match", field=f"{where}.unknown"),
        everything=bool(take("everything", bool)),
        allow_unknown=bool(take("allow_unknown", bool)),
    )


def steps(raw: object, *, field: str = "fallback") -> tuple[str, ...]:
    """Return the steps of a fallback: `chain`, one step, or a list of steps. Raises ValueInvalid."""
    if raw is None:
        return ()
    found = [raw] if isinstance(raw, str) else raw
    if (
        not isinstance(found, list | tuple)
        or not found
        or not all(isinstance(s, str) for s in found)
    ):
        raise ValueInvalid(field, "chain, a step, or a list of steps")
    return tuple(found)


class _Reader(NamedTuple):
    """Reads the fields of one switch of a file."""

    item: Mapping[str, Any]
    where: str

    def __call__(self, name: str, kind: Callable[..., Any], *, needed: bool = False) -> Any:  # noqa: ANN401  # as asked
        value = self.item.get(name)
        if value is None and not needed:
            return None
        if type(value) is not kind:
            raise ValueInvalid(f"{self.where}.{name}", f"a value of the type {kind.__name__}")
        return value


def _moment(text: str | None, where: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901  # without a zone, so refused below
    if found.tzinfo is None:
        raise ValueInvalid(f"{where}.expires_at", "a time with its zone, as 2026-11-20T11:19:40Z")
    return found.astimezone(UTC)
