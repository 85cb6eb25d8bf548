"""Erasing words for good: a row of `texts` goes with the data key and the salt in it (LG-61, AC-86).

Entries hold salted digests alone, so nothing of the ledger changes. What stays are copies that were made before:
backups, until they expire. A restore therefore erases again (`reapply_erasures`), and `check_erased` finds what came
back by another way. Who may erase whom, and what is held, is decided in the room `privacy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from sqlalchemy import BindParameter, bindparam, delete, func, or_, select, union_all, update

from modelwarden.ledger.result import Findings
from modelwarden.store.governed import state_digest
from modelwarden.store.queueing import one_by_one
from modelwarden.store.schema.access import actors, bindings
from modelwarden.store.schema.approvals import approvals, decisions
from modelwarden.store.schema.deployments import deployments
from modelwarden.store.schema.ledger import entries, index, subjects, texts
from modelwarden.store.schema.notify import endpoints
from modelwarden.store.schema.privacy import erasures, holds
from modelwarden.store.schema.registry import models, versions
from modelwarden.store.schema.safeguards import switches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Column, Connection, Select

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import Commitment

PART: Final = 500
ERASED: Final = "erased"
"""What stands in an answer instead of words that are gone for good (LG-61)."""
AUTHORED: Final = "authored"
"""The scope of an erasure that covers what the person wrote too."""
ERASING: Final = ("person.erased", "retention.applied")

_IN: Final[BindParameter[Any]] = bindparam("some", expanding=True)
_FOR_GOOD: Final = delete(texts).where(texts.c.commitment.in_(_IN))
_NOBODYS: Final = update(texts).where(texts.c.commitment.in_(_IN)).values(author=None)
_NEEDED: Final = tuple(
    select(column).where(column.in_(_IN), ended.is_(None))
    for column, ended in (
        (models.c.purpose, models.c.retired_at),
        (versions.c.artifact, versions.c.retired_at),
        (actors.c.handle, actors.c.erased_at),
        (actors.c.email, actors.c.erased_at),
        (actors.c.details, actors.c.erased_at),
        (holds.c.reason, holds.c.released_at),
        (erasures.c.reason, erasures.c.done_at),
        (switches.c.reason, switches.c.ended_at),
        (switches.c.notes, switches.c.ended_at),
        (switches.c.verification, switches.c.ended_at),
        (endpoints.c.url, endpoints.c.cause),  # a cause stands where it is disabled
        (endpoints.c.secret, endpoints.c.cause),
        (endpoints.c.previous_secret, endpoints.c.cause),
    )
)
_PERSONAL: Final = (actors.c.handle, actors.c.email, actors.c.details)
_OF_ACCOUNTS: Final = union_all(
    *(select(column).where(actors.c.id.in_(_IN), column.is_not(None)) for column in _PERSONAL)
)
_ABOUT: Final = select(texts.c.commitment).where(
    texts.c.about.in_(_IN), or_(texts.c.kept_at.is_(None), texts.c.kept_at <= bindparam("at"))
)
_WRITTEN: Final = select(texts.c.commitment).where(
    texts.c.author.in_(_IN), or_(texts.c.kept_at.is_(None), texts.c.kept_at <= bindparam("at"))
)


def _signed_for(words: Column[Any], person: Column[Any], at: Column[Any]) -> Select[Any]:
    """Return the texts that stand in a row which itself names whose words they are."""
    is_there = texts.c.commitment == words
    return (
        select(texts.c.commitment)
        .join_from(words.table, texts, is_there)
        .where(person.in_(_IN), at <= bindparam("at"))
    )


_NAMED: Final = (
    _signed_for(approvals.c.justification, approvals.c.requester_person, approvals.c.opened_at),
    _signed_for(decisions.c.comment, decisions.c.person, decisions.c.decided_at),
    _signed_for(bindings.c.reason, bindings.c.granted_person, bindings.c.created_at),
    _signed_for(deployments.c.notes, deployments.c.started_person, deployments.c.started_at),
    _signed_for(versions.c.description, versions.c.registered_person, versions.c.created_at),
)
_ERASURES: Final = (
    select(entries.c.seq, entries.c.body)
    .join(index, index.c.seq == entries.c.seq)
    .where(index.c.type.in_(ERASING))
    .order_by(entries.c.seq)
    .execution_options(yield_per=PART)
)
_NEWEST: Final = (
    select(entries.c.body)
    .join(subjects, subjects.c.seq == entries.c.seq)
    .where(
        subjects.c.kind == "actor", subjects.c.id == bindparam("id"), subjects.c.rev.is_not(None)
    )
    .order_by(entries.c.seq.desc())
    .limit(1)
)
_ACTOR: Final = select(actors).where(actors.c.id == bindparam("id"))
_PUT: Final = (
    update(actors)
    .where(actors.c.id == bindparam("which"))
    .values(
        {
            name: bindparam(name)
            for name in ("handle_index", "email_index", "erased_at", "status", "revision")
        }
    )
)
_PRESENT: Final = select(func.count()).select_from(texts).where(texts.c.commitment.in_(_IN))


class Reapplied(NamedTuple):
    """What a second erasing did: texts that went, accounts that it emptied, and those of them that stay behind.

    An account is `behind` when the backup lacks more of its changes than the erasure: its row then is not the one that
    its newest entry recorded, and whoever restores treats it as such.
    """

    texts: int
    accounts: tuple[str, ...]
    behind: tuple[str, ...]


class _Told(NamedTuple):
    seq: int
    at: str
    persons: list[str]
    users: list[str]
    authored: bool


def shown(view: View, commitment: Commitment | None) -> str | None:
    """Return the words for an answer: None where there never were any, `erased` where they are gone."""
    if commitment is None:
        return None
    words = view.words(commitment)
    return ERASED if words is None else words


def one_at_a_time(view: View) -> None:
    """Let holds be placed and words be erased in one order, whichever process does it: the second waits."""
    one_by_one(view, "erasing")


def erase_texts(change: Change, commitments: Sequence[str]) -> int:
    """Erase these texts, each with its key and salt; return how many there were."""
    return sum(change.execute(_FOR_GOOD, {"some": part}) for part in _parts(commitments))


def forget_author(change: Change, commitments: Sequence[str]) -> None:
    """Forget whose words these are, and keep them."""
    for part in _parts(commitments):
        change.execute(_NOBODYS, {"some": part})


def needed(view: View, commitments: Sequence[str]) -> frozenset[Commitment]:
    """Return which of these texts something in use names: an account, a hold, an endpoint, a model not retired."""
    return frozenset(_needed(view.connection, commitments))


def erased_index(actor: str) -> str:
    """Return what stands in an account's look-up column once its handle is erased: nobody finds it by a name."""
    return f"erased:{actor}"


def reapply_erasures(connection: Connection) -> Reapplied:
    """Erase again what the ledger says was erased, after rows of an older backup came back (AC-86).

    Contract for whoever restores: call it once, inside the transaction that puts rows in place, after the ledger's
    missing entries and their index were appended, and before anybody else reads. It reads `person.erased` and
    `retention.applied` from the entries. Words about those persons go, and where the scope was `authored` those that
    they wrote until then; handles and e-mail addresses of the accounts can't be looked up any more. It writes no entry,
    needs no key, and a second call finds nothing to do. What retention erased by age is not repeated here: the nightly
    job finds it again by its age. Holds are not asked: what was erased was not held.
    """
    gone = 0
    touched: list[str] = []
    behind: list[str] = []
    for told in list(_told(connection)):
        about = _found(connection, (_ABOUT,), told.persons, told.at)
        about |= {row[0] for row in connection.execute(_OF_ACCOUNTS, {"some": told.users})}
        written = _found(connection, (_WRITTEN,), told.persons, told.at) if told.authored else set()
        kept = _needed(connection, sorted(written - about))
        for part in _parts(sorted(kept)):
            connection.execute(_NOBODYS, {"some": part})
        for part in _parts(sorted((written | about) - kept)):
            gone += connection.execute(_FOR_GOOD, {"some": part}).rowcount
        for user in told.users:
            outcome = _emptied(connection, user, told.at)
            touched += [user] * (outcome is not None)
            behind += [user] * (outcome is False)
    return Reapplied(gone, tuple(touched), tuple(behind))


def check_erased(connection: Connection) -> Findings:
    """Return erased words that are back (`text_altered`), as after rows were put in by hand (step 12).

    They are found by author and subject, and by rows that name whose words they hold, which entries pin.
    """
    findings = Findings()
    for told in _told(connection):
        back = {row[0] for row in connection.execute(_OF_ACCOUNTS, {"some": told.users})}
        there = sum(
            connection.execute(_PRESENT, {"some": part}).scalar() or 0
            for part in _parts(sorted(back))
        )
        there += len(_found(connection, (_ABOUT,), told.persons, told.at) - back)
        if told.authored:
            there += len(_found(connection, (_WRITTEN, *_NAMED), told.persons, told.at) - back)
        if there:
            detail = f"{there} texts that this entry erased are there again"
            findings.add("text_altered", told.seq, detail)
    return findings


def _emptied(connection: Connection, user: str, at: str) -> bool | None:
    """Empty an account; None if it is, else whether the row is now the one that its newest entry recorded."""
    found = connection.execute(_ACTOR, {"id": user}).mappings().first()
    if found is None or found["erased_at"] is not None:
        return None
    empty = {"handle_index": erased_index(user), "email_index": None, "erased_at": at}
    row = {str(name): value for name, value in found.items()} | empty
    rev, after = _recorded(connection, user)
    whole = row | {"status": "deactivated", "revision": rev}
    fits = state_digest(whole) == after
    kept = whole if fits else row
    columns = ("handle_index", "email_index", "erased_at", "status", "revision")
    connection.execute(_PUT, {name: kept[name] for name in columns} | {"which": user})
    return fits


def _recorded(connection: Connection, user: str) -> tuple[int, str]:
    body = connection.execute(_NEWEST, {"id": user}).scalar()
    for item in orjson.loads(body or b"{}").get("objects", ()):
        if (item["kind"], item["id"]) == ("actor", user):
            return item["rev"], item["after"]
    return 0, ""


def _told(connection: Connection) -> Iterator[_Told]:
    for row in connection.execute(_ERASURES):
        try:
            body = orjson.loads(row.body)
            fact = body["fact"]
            yield _Told(
                row.seq,
                fact.get("until", body["at"]),
                list(fact.get("persons", ())),
                list(fact.get("users", ())),
                fact.get("scope") == AUTHORED,
            )
        except (ValueError, KeyError, TypeError, AttributeError):  # altered: step 4 names it
            continue


def _found(
    connection: Connection, statements: Sequence[Select[Any]], persons: list[str], at: str
) -> set[str]:
    params = {"some": persons, "at": at}
    return {row[0] for each in statements for row in connection.execute(each, params)}


def _needed(connection: Connection, commitments: Sequence[str]) -> set[Any]:
    return {
        row[0]
        for part in _parts(commitments)
        for statement in _NEEDED
        for row in connection.execute(statement, {"some": part})
    }


def _parts(commitments: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(commitments), PART):
        yield list(commitments[start : start + PART])
