"""View reads; Change writes and records (architecture, idea 1).

A `Change` is one actor doing one thing, inside the writer's transaction and its own savepoint. It has one "now". It
ends well only if every governed write is told by a fact; a change that records nothing is undone.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from modelwarden.errors import (
    Conflict,
    EntryTooLarge,
    NothingRecorded,
    ObjectBehind,
    UnrecordedChange,
    ValueInvalid,
)
from modelwarden.facts.catalogue import KINDS
from modelwarden.facts.kinds import Fact, Outcome, Severity, fields_of, subjects_of
from modelwarden.ledger.checkpoint import parse_checkpoint
from modelwarden.ledger.merkle import tree_root
from modelwarden.store import entries, frozen
from modelwarden.store.entries import Draft
from modelwarden.store.governed import Governed, as_stored, place_of, state_digest
from modelwarden.store.keyring import Keyring, Sealed
from modelwarden.store.lanes import named, write_rows
from modelwarden.store.running import run
from modelwarden.store.schema.ledger import texts
from modelwarden.values.canonical import encode
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import ActorId, ChangeId, Commitment, Digest, PersonId, new_id
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row
    from sqlalchemy.sql import Executable

    from modelwarden.config import Settings
    from modelwarden.values.principal import Principal

ENTRY_LIMIT_BYTES: Final = 32 * 1024
LONGEST_TEXT: Final = 20_000
NO_FACT: Final = "the action ended without a fact"
_DONE, _INFO = Outcome.DONE, Severity.INFO  # looking a member up is slow, once for each fact
_HUMAN: Final = frozenset({ActorKind.USER, ActorKind.THIRD_PARTY})
RANK: Final = {severity.value: rank for rank, severity in enumerate(Severity)}

_TEXT: Final = select(texts).where(texts.c.commitment == bindparam("commitment"))
_KEEP_TEXT: Final = insert(texts)


V = TypeVar("V", bound=Governed)


@dataclasses.dataclass(slots=True, kw_only=True)
class Surroundings:
    """What a view or change works with, beside its connection. The keyring is exchanged when a key is rotated."""

    keyring: Keyring
    settings: Settings
    frozen: frozenset[tuple[str, str]] = frozenset()


class View:
    """One actor reading one state of the database."""

    def __init__(
        self, connection: Connection, *, now: datetime, principal: Principal, around: Surroundings
    ) -> None:
        self._connection = connection
        self.now: Final = now
        self.principal = principal
        self.around: Final = around
        self.keyring: Final = around.keyring
        self.settings: Final = around.settings
        self.checked = False
        self.used: set[str] = set()
        self.opened = 0  # erasable texts that a search read (AC-60)
        self.handles: dict[str, str] = {}  # as read in this view
        self._said: dict[Commitment, str] = {}  # what a change itself keeps needs no decrypting

    @property
    def actor(self) -> ActorId:
        """Return who acts."""
        return self.principal.actor

    @property
    def person(self) -> PersonId:
        """Return the human behind who acts."""
        return self.principal.person

    @property
    def connection(self) -> Connection:
        """Return the connection, for code of the store itself."""
        return self._connection

    def rows(
        self, statement: Executable, params: Mapping[str, object] | None = None
    ) -> Sequence[Row[Any]]:
        """Return all rows of a select."""
        return self._read(statement, params)

    def row(
        self, statement: Executable, params: Mapping[str, object] | None = None
    ) -> Row[Any] | None:
        """Return the first row of a select, or None."""
        rows = self._read(statement, params)
        return rows[0] if rows else None

    def _read(
        self, statement: Executable, params: Mapping[str, object] | None
    ) -> Sequence[Row[Any]]:
        if not statement.is_select:
            raise UnrecordedChange("what reads can't write: use save or execute")
        return run(self._connection, statement, params).rows

    def is_frozen(self, kind: str, name: str) -> bool:
        """Tell whether a restore left this object behind what the ledger tells: nothing may rest on it (LG-46)."""
        return self._ahead(kind, name) is not None

    def _ahead(self, kind: str, name: str) -> int | None:
        """Return the revision that the ledger tells of a frozen object; the set is as it was at the start."""
        return (
            frozen.ahead(self._connection, kind, name)
            if (kind, name) in self.around.frozen
            else None
        )

    def words(self, commitment: Commitment | None) -> str | None:
        """Return the words behind a commitment, or None when there are none or they were erased."""
        if commitment is None or commitment in self._said:
            return None if commitment is None else self._said[commitment]
        row = self.row(_TEXT, {"commitment": commitment})
        if row is None:
            return None
        return self.keyring.unseal(Sealed(commitment, row.key_id, row.wrapped, row.ciphertext))

    def head(self) -> tuple[int, bytes]:
        """Return size and root of the newest signed checkpoint; (0, the root of nothing) before the first."""
        note = entries.newest_checkpoint(self._connection)
        if note is None:
            return 0, tree_root([])
        checkpoint = parse_checkpoint(note.partition(b"\n\n")[0] + b"\n")
        return checkpoint.size, checkpoint.root


class Telemetry(View):
    """Writes that are no change: telemetry and plumbing rows alone, without a fact (LG-9)."""

    def execute(self, statement: Executable, params: object = None) -> int:
        """Write rows of telemetry and plumbing tables; return how many. Raises UnrecordedChange for any other."""
        return write_rows(self._connection, statement, params, {"telemetry", "plumbing"})

    def finish(self) -> None:
        """Nothing has to be told."""


class Moved(NamedTuple):
    """A governed write, as the fact that tells it names it."""

    kind: str
    id: str
    rev: int
    after: str


class Change(View):
    """One actor doing one thing: reads, writes, and records what happened."""

    def __init__(
        self, connection: Connection, *, now: datetime, principal: Principal, around: Surroundings
    ) -> None:
        super().__init__(connection, now=now, principal=principal, around=around)
        self.id: Final = ChangeId(new_id("chg", now))
        self.drafts: Final[list[Draft]] = []
        self.stands_at: int | None = None
        self.stands_on: tuple[str, str] | None = None
        self.when_sealed: Callable[[Connection, int], None] | None = None
        self.flags: Final[set[str]] = set()
        self._moved: list[Moved] = []
        self._wrote = False

    def new_id(self, prefix: str) -> str:
        """Return a fresh id with this prefix."""
        return new_id(prefix, self.now)

    def save(self, value: V) -> V:
        """Keep a governed value and return it with its new revision. Raises Conflict when the row is at another one."""
        place = place_of(type(value))
        name = str(getattr(value, place.key))
        ahead = self._ahead(place.kind, name)
        if ahead is not None:
            if value.revision:
                raise ObjectBehind(place.kind, name)
            frozen.lift(self._connection, place.kind, name, at=self.now)  # it is made again
        kept: V = dataclasses.replace(value, revision=(ahead or value.revision) + 1)
        row = as_stored(kept, place.fields)
        try:
            if value.revision == 0:
                run(self._connection, place.insert, row)
            else:
                found = {"kept_key": name, "kept_revision": value.revision}
                values = {key: item for key, item in row.items() if key != place.key}
                if run(self._connection, place.update, values | found).touched != 1:
                    raise Conflict(place.kind, name)
        except IntegrityError as error:
            raise Conflict(place.kind, name) from error
        self._moved.append(Moved(place.kind, name, kept.revision, state_digest(row)))
        return kept

    def accept(self, kind: str, name: str) -> None:
        """Let a row that a restore left behind stand as it is. Raises NotFound."""
        found = frozen.accept(self._connection, kind, name, at=self.now)
        self._moved.append(Moved(kind, name, found.rev, found.after))

    def execute(self, statement: Executable, params: object = None) -> int:
        """Write rows of attached, telemetry or plumbing tables; return how many. Governed ones go through `save`."""
        self._wrote = True
        return write_rows(
            self._connection, statement, params, {"attached", "telemetry", "plumbing", "text"}
        )

    def text(
        self, words: str, *, salt: bytes | None = None, about: PersonId | None = None
    ) -> Commitment:
        """Keep words beside the ledger, encrypted and erasable, and return the digest that entries carry (LG-60).

        The person who acts is kept as their author, `about` as whom they tell of: erasing a person finds both (LG-61).
        The same words under the same salt are kept once. Raises ValueInvalid, NotCanonical.
        """
        if len(words) > LONGEST_TEXT:
            raise ValueInvalid("text", f"at most {LONGEST_TEXT:,} characters")
        sealed = self.keyring.seal(words, salt=salt)
        if salt is not None and self.row(_TEXT, {"commitment": sealed.commitment}) is not None:
            return sealed.commitment
        author = self.person if self.principal.kind in _HUMAN else None  # a program's are nobody's
        written = {"author": author, "about": about, "kept_at": timestamp(self.now)}
        run(self._connection, _KEEP_TEXT, sealed._asdict() | written)
        self._wrote = True
        self._said[sealed.commitment] = words
        return sealed.commitment

    def record(  # noqa: PLR0913  # the parts of an entry
        self,
        fact: Fact,
        *,
        severity: Severity | None = None,
        tags: Sequence[str] = (),
        outcome: Outcome = Outcome.DONE,
        sigs: Sequence[Digest] = (),
        flags: Sequence[str] = (),
        about: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Say what happened. The entry names every governed write since the last record as its objects."""
        kind = KINDS[type(fact)]
        found = named(subjects_of(fact, kind) | set(about))
        severity = severity or kind.severity
        if outcome is not _DONE and severity is _INFO:
            severity = Severity.WARNING  # LG-5: refusals are at least WARNING
        body: dict[str, Any] = {
            **self._common,
            "part": len(self.drafts),
            "type": kind.type,
            "severity": severity.value,
            "outcome": outcome.value,
            "fact": fields_of(fact, kind),
        }
        if self._moved:
            body["objects"] = [moved._asdict() for moved in sorted(self._moved)]
        if found:
            body["about"] = [f"{subject}:{name}" for subject, name in found]
        if self.flags or flags:
            body["context"] = {"flags": sorted({*self.flags, *flags})}
        if tags:
            body["tags"] = sorted(set(tags))
        if sigs:
            body["sigs"] = list(sigs)
        self._draft(body, found, tuple(body.get("tags", ())))

    def _draft(
        self, body: dict[str, Any], about: Sequence[tuple[str, str]], tags: tuple[str, ...]
    ) -> None:
        data = encode(body)
        if len(data) > ENTRY_LIMIT_BYTES:
            raise EntryTooLarge(len(data))
        revisions = {(moved.kind, moved.id): moved.rev for moved in self._moved}
        subjects = tuple(
            (kind, name, revisions.get((kind, name))) for kind, name in {*about, *revisions}
        )
        self.drafts.append(
            Draft(
                data,
                body["at"],
                body["type"],
                RANK[body["severity"]],
                body["outcome"],
                self.actor,
                subjects,
                tags,
            )
        )
        self._moved = []

    def unchanged(self, kind: str, object_id: str) -> None:
        """Say that nothing had to be written; the answer names the entry that recorded the state (LG-8)."""
        # Its entry may be of this very batch, and have no number yet: the writer looks there first.
        self.stands_on = kind, object_id
        self.stands_at = entries.newest_of(self._connection, kind, object_id)

    def finish(self) -> None:
        """Check that what was written is told. Raises UnrecordedChange or NothingRecorded."""
        if self._moved:
            raise UnrecordedChange(
                f"written but not recorded: {', '.join(m.kind for m in self._moved)}"
            )
        stands = self.stands_at is not None or self.stands_on is not None
        if not self.drafts and (self._wrote or not stands):
            raise NothingRecorded(NO_FACT)

    @cached_property
    def _common(self) -> dict[str, object]:
        """Return what all entries of this change share."""
        return {"v": 1, "at": timestamp(self.now), "change": self.id, "actor": self._who()}

    def _who(self) -> dict[str, object]:
        principal = self.principal
        who: dict[str, object] = {
            "kind": principal.kind.value,
            "id": principal.actor,
            "person": principal.person,
            "via": principal.via.value,
        }
        if principal.credential is not None:
            who["credential"] = principal.credential
        if principal.vouched:
            who["vouched"] = "process"
        return who
