"""For how long things are kept, and what the nightly run erases of what is over its days (AC-84).

A run is planned in pages by a read, then done in one bounded change, which looks at holds and days again. While more is
due, the next run follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as access
from modelwarden.access.accounts import PEOPLE
from modelwarden.access.actions import spend
from modelwarden.access.allowed import authorize, require_person
from modelwarden.errors import Conflict, PermitNeeded, ValueInvalid
from modelwarden.facts.privacy import RetentionApplied, RetentionChanged
from modelwarden.permissions import Permission
from modelwarden.privacy import queries
from modelwarden.privacy.erasing import emptied
from modelwarden.privacy.hold import held_by
from modelwarden.privacy.holding import reaches
from modelwarden.privacy.permits import require_system
from modelwarden.privacy.retention import CHANGE, DAYS, ID, Retention, plan
from modelwarden.store import idempotency
from modelwarden.store.erasing import erase_texts, needed, one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from modelwarden.access.actor import Actor
    from modelwarden.privacy.hold import Kept, Reach
    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.values.ids import ActorId, Commitment

PAGE: Final = 1_000
MOST_TEXTS: Final = 5_000
MOST_LEAVERS: Final = 25
"""What one run erases at most: its transaction stays short, and its entry names every account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What a run would erase: texts, accounts; and how many texts it leaves because of holds."""

    texts: tuple[Commitment, ...] = ()
    users: tuple[str, ...] = ()
    held: int = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.texts or self.users)


def retention(view: View) -> Retention:
    """Return for how many days things are kept. Raises NotPermitted."""
    authorize(view, Permission.AUDIT_READ)
    return in_force(view)


def retention_payload(view: View, asked: Mapping[str, object]) -> dict[str, int]:
    """Return what a request for a change exactly asks: the days of every kind, those not named as they are now.

    Raises ValueInvalid.
    """
    return in_force(view).changed(_days(asked), by=view.actor, at=view.now).days()


def set_retention(change: Change, days: Mapping[str, int]) -> Retention:
    """Change for how many days some kinds are kept; a permit names the days of all kinds.

    In bootstrap mode it does without a permit, but then nothing gets shorter.

    Raises NotPermitted, ValueInvalid, PermitNeeded, PayloadChanged and whatever else a permit may lack.
    """
    authorize(change, Permission.RETENTION_MANAGE)
    require_person(change)
    one_at_a_time(change)
    before = in_force(change)
    after = before.changed(_days(days), by=change.actor, at=change.now)
    if before.revision and after.days() == before.days():
        change.unchanged("retention", ID)
        return before
    shorter = after.is_shorter_than(before)
    permit = spend(change, CHANGE, after.digest)
    if permit is None and shorter:
        raise PermitNeeded(
            "to keep something for less time takes two people, also in bootstrap mode",
            reasons=(CHANGE,),
        )
    kept = change.save(after)
    change.record(
        RetentionChanged(
            texts=kept.texts,
            leavers=kept.leavers,
            sessions=kept.sessions,
            deliveries=kept.deliveries,
            shortened=shorter,
            permit=None if permit is None else permit.id,
        )
    )
    return kept


def in_force(view: View) -> Retention:
    """Return the days that hold now."""
    return queries.find_retention(view) or Retention()


def over_their_days(view: View) -> Due:
    """Return what the next run would erase. Reads page by page, oldest first."""
    days, holds = in_force(view), reaches(view)
    texts: list[Commitment] = []
    held = 0
    for page in _pages(view, days):
        found = plan(page, reaches=holds, needed=needed(view, _ids(page)))
        texts += found.erase
        held += found.held
        if len(texts) >= MOST_TEXTS:
            break
    return Due(texts=tuple(texts[:MOST_TEXTS]), users=_leavers(view, days, holds), held=held)


def apply_retention(change: Change, due: Due) -> RetentionApplied:
    """Erase what a read found to be over its days, as far as it still is. Raises Conflict when nothing is."""
    require_system(change)
    one_at_a_time(change)
    days, holds = in_force(change), reaches(change)
    until = days.cutoff("texts", now=change.now)
    written = queries.texts_due_among(change, due.texts, until=until)
    goes = plan(written, reaches=holds, needed=needed(change, _ids(written)))
    texts = erase_texts(change, goes.erase)
    users: list[ActorId] = []
    for name in due.users:
        account = access.actor_by_id(change, name)
        if account is None or account.erased_at is not None:
            continue
        about = _of_leaver(change, account, days, holds)
        if about is not None:
            texts += erase_texts(change, about)
            users.append(emptied(change, account).id)
    if not texts and not users:
        raise Conflict("run of", "retention")
    told = RetentionApplied(texts=texts, held=due.held, users=tuple(users))
    change.record(told)
    return told


def prune(telemetry: Telemetry, table: Any, kind: str, column: str) -> int:  # noqa: ANN401  # a table
    """Delete some rows of a table that are over the days of their kind; return how many."""
    until = in_force(telemetry).cutoff(kind, now=telemetry.now)
    return queries.prune(telemetry, table, column, until=until)


def forget_repeats(telemetry: Telemetry) -> None:
    """Drop what makes calls repeatable once its day is over (AC-72)."""
    idempotency.forget_old(telemetry)


def prunable() -> list[tuple[Any, str, str]]:
    """Return the tables that are pruned, each with its kind of retention and the column that tells the age."""
    return list(queries.prunable())


def _pages(view: View, days: Retention) -> Iterator[tuple[Kept, ...]]:
    until = days.cutoff("texts", now=view.now)
    after: Kept | None = None
    while page := queries.texts_due(view, until, after=after, limit=PAGE):
        yield page
        after = page[-1]


def _leavers(view: View, days: Retention, holds: tuple[Reach, ...]) -> tuple[str, ...]:
    until = days.cutoff("leavers", now=view.now)
    found: list[str] = []
    after = ""
    while len(found) < MOST_LEAVERS and (
        page := queries.leavers(view, until, after=after, limit=PAGE)
    ):
        for name in page:
            account = access.actor_by_id(view, name)
            if account is not None and _of_leaver(view, account, days, holds) is not None:
                found.append(name)
        after = page[-1]
    return tuple(found[:MOST_LEAVERS])


def _of_leaver(
    view: View, account: Actor, days: Retention, holds: tuple[Reach, ...]
) -> list[str] | None:
    """Return the texts that tell of whoever left; None until all their accounts are over it, or under a hold."""
    until = days.cutoff("leavers", now=view.now)
    accounts = [e for e in access.accounts_of(view, account.person) if e.kind in PEOPLE]
    if not all(queries.left_by(view, each.id, until) for each in accounts):
        return None
    others = [each for each in accounts if each.id != account.id and each.erased_at is None]
    persons = (
        () if others else queries.known_as(view, account.person)
    )  # the last one takes the rest
    about = queries.texts_about(view, persons, (account.id,))
    return None if any(held_by(text, holds) for text in about) else _ids(about)


def _ids(texts: tuple[Kept, ...]) -> list[str]:
    return [text.commitment for text in texts]


def _days(asked: Mapping[str, object]) -> dict[str, int]:
    days = {kind: each for kind, each in asked.items() if type(each) is int}
    if not asked or len(days) != len(asked) or set(days) - set(DAYS):
        raise ValueInvalid("retention", f"whole days for some of {', '.join(DAYS)}")
    return days
