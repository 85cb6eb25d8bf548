"""What verification makes of frozen objects: an older state that a restore brought back is told, and is no tampering.

The list of them has to be the one whose digest `epoch.started` holds, and the row one that the ledger tells of too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, select

from modelwarden.errors import NotCanonical
from modelwarden.store import frozen
from modelwarden.store.governed import state_digest
from modelwarden.store.schema.keys import frozen as table
from modelwarden.store.schema.ledger import entries, index, subjects

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelwarden.ledger.result import Findings
    from modelwarden.store.frozen import Frozen

_EPOCHS: Final = select(table.c.epoch).distinct().order_by(table.c.epoch)
_STARTED: Final = (
    select(index.c.seq, entries.c.body)
    .join(entries, entries.c.seq == index.c.seq)
    .where(index.c.type == "epoch.started")
)
_AT_REVISION: Final = (
    select(entries.c.body)
    .join(subjects, subjects.c.seq == entries.c.seq)
    .where(
        subjects.c.kind == bindparam("kind"),
        subjects.c.id == bindparam("id"),
        subjects.c.rev == bindparam("rev"),
    )
)


class Behind:
    """The frozen objects of a database, once their list is held against the ledger."""

    def __init__(self, connection: Connection, findings: Findings) -> None:
        self._connection = connection
        self._standing: dict[tuple[str, str], Frozen] = {}
        epochs = [row.epoch for row in connection.execute(_EPOCHS)]
        if epochs and self._are_told(epochs, findings):
            self._standing = {(each.kind, each.id): each for each in frozen.standing(connection)}

    def knows(self, kind: str, name: str, seq: int) -> bool:
        """Tell whether the object is frozen since its newest entry."""
        found = self._standing.get((kind, name))
        return found is not None and found.seq == seq

    def explains(self, kind: str, name: str, row: dict[str, Any], seq: int) -> bool:
        """Tell whether a row that differs from its newest entry is a frozen one, in a state that the ledger tells."""
        if not self.knows(kind, name, seq):
            return False
        if kind == "actor" and row.get("erased_at") is not None:
            return True  # emptied again by the restore: such a row was never recorded
        wanted = {"kind": kind, "id": name, "rev": row["revision"]}
        try:
            after = state_digest(row)
        except NotCanonical:  # a value that no action could have stored
            return False
        return any(
            item["after"] == after
            for found in self._connection.execute(_AT_REVISION, wanted).all()
            for item in orjson.loads(found.body).get("objects", ())
            if (item["kind"], item["id"]) == (kind, name)
        )

    def told(self) -> tuple[str, ...]:
        """Return what a verification says of them."""
        count = len(self._standing)
        return (f"objects frozen after a restore: {count}; see `frozen`",) if count else ()

    def _are_told(self, epochs: list[int], findings: Findings) -> bool:
        told = {}
        for row in self._connection.execute(_STARTED):
            fact = orjson.loads(row.body)["fact"]
            told[fact["epoch"]] = (fact["frozen"], fact["objects"])
        for epoch in epochs:
            found = frozen.of_epoch(self._connection, epoch)
            if told.get(epoch) != (len(found), frozen.digest_of(found)):
                detail = f"the frozen objects of epoch {epoch} are not those that were recorded"
                findings.add("state_mismatch", -1, detail)
                return False
        return True
