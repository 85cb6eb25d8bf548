"""Writing triggers, agreeing to them, ending them: what acts by itself or lets more pass takes two people (SG-47)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from modelwarden.access import duties
from modelwarden.access import queries as accounts
from modelwarden.access.accounts import actor_named
from modelwarden.access.allowed import acting_persons, authorize, require_person
from modelwarden.errors import (
    NotFound,
    OwnerNotAsked,
    SelfAgreement,
    TriggerLimit,
    TriggerNotWaiting,
    ValueInvalid,
)
from modelwarden.facts.kinds import Code
from modelwarden.facts.triggers import TriggerApproved, TriggerRetired, TriggerSet
from modelwarden.guard.scope import known_dimensions
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.reads import may_read
from modelwarden.safeguards.triggers.signal import DRIFT_LADDER, SIGNALS
from modelwarden.safeguards.triggers.trigger import (
    DEFAULT_BUDGET,
    DEFAULT_SHARE,
    Trigger,
    TriggerState,
)
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import TriggerName
from modelwarden.values.principal import ActorKind, ActorStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.access.actor import Actor
    from modelwarden.store.change import Change
    from modelwarden.values.ids import ActorId, PersonId

RUNG_FIELDS: Final = ("step", "threshold", "clear")
PROMISED: Final = (
    "model", "environment", "signal", "by", "ladder", "window_s", "n_min", "consecutive", "dry_run", "auto_activate",
    "max_share", "budget", "owner", "account", "ends",
)  # fmt: skip
"""What a version is about, beside who wrote it and when."""
UNWATCHED: Final = frozenset({"model", "version"})
"""Dimensions by which no trigger tells apart: it has its model, and versions have their own counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrigger:
    """What somebody wants to be judged; what is None comes from the signal's own defaults.

    Attributes:
        ladder: objects of step, threshold and clear, from the least step to the strongest.
        owner: who answers for it; the owner of the account, else whoever writes it.
        account: the handle of the service account that acts.
    """

    name: str
    model: str
    signal: str
    environment: Environment = Environment.PRODUCTION
    by: str | None = None
    ladder: Sequence[Mapping[str, Any]] | None = None
    window_s: int | None = None
    n_min: int | None = None
    consecutive: int | None = None
    dry_run: bool = False
    auto_activate: bool = False
    max_share: int = DEFAULT_SHARE
    budget: int = DEFAULT_BUDGET
    owner: str | None = None
    account: str | None = None


def set_trigger(change: Change, new: NewTrigger) -> Trigger:
    """Write a version of a trigger: in force at once, or waiting until a second person agrees. The same again is none.

    Raises:
        NotPermitted, ModelNotFound, ActorNotFound, ValueInvalid.
        OwnerNotAsked: it acts through an account of a person who takes no part.
        TriggerLimit: too many are in force.
    """
    one_by_one(change, "triggers")
    before = queries.versions_of(change, new.name, lock=True)
    drafted = _drafted(change, new, version=1 + (before[0].version if before else 0))
    for model in {drafted.model, *(each.model for each in before if each.ended_at is None)}:
        _authorize(change, Permission.TRIGGER_WRITE, model, drafted.environment)
    if drafted.account is not None:
        _authorize(change, Permission.SWITCH_ACTIVATE, drafted.model, drafted.environment)
    newest = before[0] if before else None
    if newest is not None and newest.ended_at is None and _same(newest, drafted):
        change.unchanged("trigger", newest.id)
        return newest
    standing = next((each for each in before if each.state is TriggerState.IN_FORCE), None)
    if drafted.needs_second(standing):
        kept = drafted
    else:
        _check_owner(change, drafted, drafted.set_persons)
        kept = drafted.in_force(by=None, at=change.now)
    return _put(change, kept, before)


def approve_trigger(change: Change, name: str) -> Trigger:
    """Agree to the version of a trigger that waits: it comes in force, or the trigger ends.

    Raises:
        NotFound, NotPermitted, TriggerNotWaiting.
        SelfAgreement: whoever wrote it, or lent the credential, is not the second person.
        OwnerNotAsked: it acts through an account of a person who takes no part.
    """
    one_by_one(change, "triggers")
    before = _known(change, name)
    newest = before[0]
    if newest.account is not None:
        _authorize(change, Permission.SWITCH_ACTIVATE, newest.model, newest.environment)
    require_person(change)
    if newest.state is not TriggerState.WAITING:
        raise TriggerNotWaiting(name, newest.version, newest.state)
    wrote = accounts.current_persons(change, newest.set_persons)
    about = (("trigger", name), ("model", newest.model))
    duties.check(acting_persons(change), barred={"writer": wrote}, rule=SelfAgreement, about=about)
    if not newest.ends:
        _check_owner(change, newest, (*newest.set_persons, *acting_persons(change)))
    kept = newest.in_force(by=change.actor, at=change.now)
    for old in before[1:]:
        if old.state is TriggerState.IN_FORCE:
            ended = TriggerState.RETIRED if kept.ends else TriggerState.SUPERSEDED
            change.save(old.moved(ended, at=change.now))
    _check_room(change, kept)
    saved = change.save(kept)
    change.record(
        TriggerApproved(
            trigger=saved.name,
            version=saved.version,
            model=saved.model,
            state=Code(saved.state.value),
        )
    )
    return saved


def retire_trigger(change: Change, name: str) -> Trigger:
    """Ask for the end of a trigger: it judges until a second person agrees; one that was never in force ends at once.

    Raises NotFound, NotPermitted, TriggerNotWaiting.
    """
    one_by_one(change, "triggers")
    before = _known(change, name)
    newest = before[0]
    standing = next((each for each in before if each.state is TriggerState.IN_FORCE), None)
    if standing is None or standing.dry_run:
        open_ones = [each for each in before if each.ended_at is None]
        if not open_ones:
            raise TriggerNotWaiting(name, newest.version, newest.state)
        for each in open_ones:
            change.save(each.moved(TriggerState.RETIRED, at=change.now))
        return _ended(change, name, asked=False)
    if newest.ends and newest.ended_at is None:
        change.unchanged("trigger", newest.id)
        return newest
    if newest.state is TriggerState.WAITING:
        change.save(newest.moved(TriggerState.SUPERSEDED, at=change.now))
    version = newest.version + 1
    change.save(
        replace(
            standing,
            id=f"{name}@{version}",
            version=version,
            state=TriggerState.WAITING,
            ends=True,
            set_by=change.actor,
            set_persons=tuple(sorted(acting_persons(change))),
            set_at=change.now,
            approved_by=None,
            in_force_at=None,
            revision=0,
        )
    )
    return _ended(change, name, asked=True)


def _ended(change: Change, name: str, *, asked: bool) -> Trigger:
    newest = queries.versions_of(change, name, limit=1)[0]
    change.record(
        TriggerRetired(trigger=newest.name, version=newest.version, model=newest.model, asked=asked)
    )
    return newest


def _put(change: Change, kept: Trigger, before: Sequence[Trigger]) -> Trigger:
    """Store a version, in place of one that waits and, once it is in force, of the one before."""
    replaced = {TriggerState.WAITING}
    standing = next((each for each in before if each.state is TriggerState.IN_FORCE), None)
    if kept.state is TriggerState.IN_FORCE:
        replaced.add(TriggerState.IN_FORCE)
        _check_room(change, kept)
    for old in before:
        if old.state in replaced:
            change.save(old.moved(TriggerState.SUPERSEDED, at=change.now))
    saved = change.save(kept)
    change.record(
        TriggerSet(
            trigger=saved.name,
            version=saved.version,
            model=saved.model,
            environment=Code(saved.environment.value),
            signal=Code(saved.signal),
            state=Code(saved.state.value),
            owner=saved.owner,
            account=saved.account,
            auto_activate=saved.auto_activate,
            dry_run=saved.dry_run,
            loosens=saved.loosens(standing),
        )
    )
    return saved


def _drafted(change: Change, new: NewTrigger, *, version: int) -> Trigger:
    signal = SIGNALS.get(new.signal)
    if signal is None:
        raise ValueInvalid("signal", f"one of {', '.join(sorted(SIGNALS))}")
    known = known_dimensions(change.settings.switch_dimensions)
    if new.by is not None and (new.by not in known or new.by in UNWATCHED):
        raise ValueInvalid("by", f"one of {', '.join(sorted({*known} - UNWATCHED))}")
    account, owner = _account(change, new)
    if not new.ladder:
        ladder = DRIFT_LADDER if account else DRIFT_LADDER[::2]
        if new.signal != "psi":
            ladder = (("proposal", signal.fire, signal.clear),)
    else:
        ladder = tuple(_rung(place, item) for place, item in enumerate(new.ladder))
    return Trigger(
        id=f"{new.name}@{version}",
        name=TriggerName(new.name),
        version=version,
        state=TriggerState.WAITING,
        model=readable_model(change, new.model).name,
        environment=new.environment,
        signal=new.signal,
        by=new.by,
        ladder=ladder,
        window_s=signal.window_s if new.window_s is None else new.window_s,
        n_min=signal.n_min if new.n_min is None else new.n_min,
        consecutive=signal.consecutive if new.consecutive is None else new.consecutive,
        dry_run=new.dry_run,
        auto_activate=new.auto_activate,
        max_share=new.max_share,
        budget=new.budget,
        owner=owner,
        account=account,
        set_by=change.actor,
        set_persons=tuple(sorted(acting_persons(change))),
        set_at=change.now,
    )


def _account(change: Change, new: NewTrigger) -> tuple[ActorId | None, ActorId]:
    """Return the account that acts and the person who answers. Raises ActorNotFound, ValueInvalid."""
    account = None if new.account is None else actor_named(change, new.account)
    if account is not None and (account.kind is not ActorKind.SERVICE or account.owner is None):
        raise ValueInvalid("account", "a service account")
    named = None if new.owner is None else actor_named(change, new.owner)
    if account is not None and account.owner is not None:
        if named is not None and named.id != account.owner:
            raise ValueInvalid("owner", "the owner of the account, or leave it out")
        return account.id, account.owner
    if named is None:
        named = accounts.actor_by_id(change, change.actor)
    if named is None or not _answers(named):
        raise ValueInvalid("owner", "an active person's account")
    return None, named.id


def _answers(actor: Actor) -> bool:
    return actor.kind is ActorKind.USER and actor.status is ActorStatus.ACTIVE


def _check_owner(change: Change, trigger: Trigger, persons: Sequence[PersonId]) -> None:
    """Refuse that somebody's account is lent to a trigger without them."""
    if trigger.account is None:
        return
    owner = accounts.actor_by_id(change, trigger.owner)
    if owner is None or owner.person not in accounts.current_persons(change, persons):
        raise OwnerNotAsked(
            "the owner of the account writes the trigger, or agrees to it as the second person",
            about=(("trigger", trigger.name), ("model", trigger.model)),
        )


def _check_room(change: Change, kept: Trigger) -> None:
    if kept.state is TriggerState.IN_FORCE and queries.count_in_force(change) >= queries.MOST:
        raise TriggerLimit(queries.MOST)


def _rung(place: int, item: Mapping[str, Any]) -> tuple[str, str, str]:
    where = f"ladder.{place}"
    if set(item) != set(RUNG_FIELDS) or not isinstance(item["step"], str):
        raise ValueInvalid(where, f"an object of {', '.join(RUNG_FIELDS)}")
    return item["step"], _decimal(item["threshold"], where), _decimal(item["clear"], where)


def _decimal(raw: object, where: str) -> str:
    """Return a figure as decimal text. Raises ValueInvalid for what is none, or not finite."""
    try:
        found = Decimal(str(raw))
    except InvalidOperation:
        found = Decimal("nan")
    if isinstance(raw, bool) or not found.is_finite() or abs(found.adjusted()) > 12:  # noqa: PLR2004
        raise ValueInvalid(where, "figures, such as 0.25")
    return format(found.normalize(), "f")


def _same(one: Trigger, other: Trigger) -> bool:
    """Tell whether two versions judge and do the same, for the same owner."""
    return _bare(one) == _bare(other)


def _bare(trigger: Trigger) -> tuple[object, ...]:
    return tuple(getattr(trigger, name) for name in PROMISED)


def _known(change: Change, name: str) -> list[Trigger]:
    """Return the versions of a trigger that the caller may write. Raises NotFound, NotPermitted."""
    found = queries.versions_of(change, name, lock=True)
    if not found or not may_read(change, found[0].model, found[0].environment.value):
        authorize(change, Permission.TRIGGER_WRITE)
        raise NotFound("trigger", name)
    _authorize(change, Permission.TRIGGER_WRITE, found[0].model, found[0].environment)
    return found


def _authorize(
    change: Change, permission: Permission, model: str, environment: Environment
) -> None:
    found = readable_model(change, model)
    authorize(change, permission, on=resource_of(found, environment.value))
