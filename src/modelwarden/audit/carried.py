"""Attached rows that came over from a ledger that was given up: entry by entry they are told of there alone (LG-47).

The new ledger pins them together, with one digest a table, taken when it began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.audit import queries
from modelwarden.store import new_ledger, predecessor

if TYPE_CHECKING:
    from modelwarden.ledger.result import Findings
    from modelwarden.store.change import View


class Carried:
    """What came over, as the first entries pin it: nothing in a ledger that followed no other.

    Attributes:
        begun_at: figures recorded until then came over; empty if none did.
        links: the pseudonyms whose link came over.
    """

    def __init__(self, view: View) -> None:
        self._told = {
            str(each.fact.get("table")): (each.fact.get("rows"), each.fact.get("digest"), each.seq)
            for each in queries.told_by(view, "rows.carried")
        }
        begun_at = predecessor.begun_at(view.connection)
        self.begun_at = begun_at if begun_at is not None and self._told else ""
        linked = {
            str(each.fact.get("previous")) for each in queries.told_by(view, "persons.linked")
        }
        names = frozenset(queries.links(view)) - linked
        self.links = names if self._told else frozenset()

    def check(self, view: View, findings: Findings) -> None:
        """Compare the rows that came over with what was pinned (`evidence_mismatch`)."""
        if not self._told:
            return
        figures = new_ledger.rows_of(view.connection, "metrics")
        links = new_ledger.rows_of(view.connection, "person_links")
        for table, rows in (
            ("metrics", (row for row in figures if row.recorded_at <= self.begun_at)),
            ("person_links", (row for row in links if row.previous in self.links)),
        ):
            told = self._told.get(table, (0, "", -1))
            if new_ledger.rows_digest(rows) != told[:2]:
                detail = f"rows of {table} are not those that came over from the ledger before"
                findings.add("evidence_mismatch", told[2], detail)
