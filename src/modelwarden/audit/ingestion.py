"""Records of other systems become entries: all of a batch or none, each once under its ref (LG-55, LG-56).

The actor is the account that hands them in; whoever a record says acted is a claim, kept as erasable text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.access.queries import find_actor
from modelwarden.audit.record import says_the_same
from modelwarden.errors import RecordConflict
from modelwarden.facts.external import ExternalRecorded
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.store import external
from modelwarden.values.answers import AppendAnswer, RecordAnswer
from modelwarden.values.ids import Commitment, ComponentName, EventName, RecordId, RecordRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.audit.record import ExternalRecord
    from modelwarden.store.change import Change
    from modelwarden.store.external import Recorded
    from modelwarden.values.ids import PersonId

PREFIX: Final = "rec"


def append(change: Change, read: Sequence[ExternalRecord]) -> AppendAnswer:
    """Record what another system hands in; a record that comes again is answered as before.

    Doors read the records first, by `as_records`, so that the writer needs not. The answer's numbers are filled in once
    the entries have their places, before the commit.

    Raises:
        NotPermitted.
        RecordFromFuture, RecordConflict: of the first record that is not taken; none is.
    """
    authorize(change, Permission.AUDIT_APPEND)
    for number, record in enumerate(read):
        record.require_past(change.now, number)
    known = external.recorded(change, change.actor, [record.ref for record in read])
    places: dict[str, int | None] = {}  # the number of an entry, None for one that is made now
    fresh: dict[str, ExternalRecord] = {}
    for number, record in enumerate(read):
        before = known.get(record.ref)
        if before is not None:
            if not _is_same(change, record, before):
                raise RecordConflict(number, record.ref)
            places[record.ref] = before.seq
        elif fresh.setdefault(record.ref, record) != record:
            raise RecordConflict(number, record.ref)
        else:
            places[record.ref] = None
    return _kept(change, read, fresh, places)


def _kept(
    change: Change,
    read: Sequence[ExternalRecord],
    fresh: Mapping[str, ExternalRecord],
    places: dict[str, int | None],
) -> AppendAnswer:
    answer = AppendAnswer(recorded=len(fresh), repeated=len(read) - len(fresh), records=[])
    if not fresh:
        change.stands_at = max(seq for seq in places.values() if seq is not None)
        _fill(answer, read, places, set())
        return answer
    users = {record.user for record in fresh.values() if record.user is not None}
    persons = {user: _person_named(change, user) for user in users}
    rows = [_record(change, record, persons) for record in fresh.values()]
    external.keep(change, rows)

    def place(_connection: object, last: int) -> None:
        first = last - len(fresh) + 1
        places.update({ref: first + number for number, ref in enumerate(fresh)})
        _fill(answer, read, places, set(fresh))

    change.when_sealed = place
    return answer


def _fill(
    answer: AppendAnswer,
    read: Sequence[ExternalRecord],
    places: Mapping[str, int | None],
    fresh: set[str],
) -> None:
    for record in read:
        is_new = record.ref in fresh
        fresh.discard(record.ref)  # the same ref twice in one batch is one record
        seq = places[record.ref]
        answer.records.append(
            RecordAnswer(ref=record.ref, seq=-1 if seq is None else seq, repeated=not is_new)
        )


def _person_named(change: Change, user: str) -> PersonId | None:
    """Return the person whom a claim names, so that erasing them finds it; None for a name that is not known here."""
    actor = find_actor(change, user)
    return None if actor is None else actor.person


def _record(
    change: Change, record: ExternalRecord, persons: Mapping[str, PersonId | None]
) -> dict[str, str]:
    """Record one, and return the row that makes its ref unique."""
    user = None
    if record.user is not None:
        user = change.text(record.user, about=persons[record.user])
    name = RecordId(change.new_id(PREFIX))
    shown = record.opened(change.settings.audit_open_details)
    change.record(
        ExternalRecorded(
            record=name,
            ref=RecordRef(record.ref),
            event=EventName(record.event),
            component=ComponentName(record.component),
            action=Code(record.action),
            occurred_at=record.occurred_at or change.now,
            user=user,
            details=None if record.details is None else change.text(record.details),
            open=tuple((Code(key), Code(word)) for key, word in shown) or None,
        ),
        severity=record.severity,
        tags=record.tags,
    )
    return {"actor": change.actor, "ref": record.ref, "id": name}


def _is_same(change: Change, record: ExternalRecord, before: Recorded) -> bool:
    """Tell whether a record says what was recorded under its ref; what was erased meanwhile can't be compared."""
    body = json.loads(before.body)
    if not says_the_same(record, body):
        return False
    for field, words in (("details", record.details), ("user", record.user)):
        commitment = body["fact"].get(field)
        kept = change.words(Commitment(commitment)) if commitment else None
        if kept not in {None, words}:
            return False
    return True
