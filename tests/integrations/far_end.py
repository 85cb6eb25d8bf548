"""A ledger's room that can be away: it takes records as the real one does, and keeps them in a list."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from modelwarden.audit.record import as_records
from modelwarden.errors import RecordInvalid, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FarEnd:
    """Keeps each ref once. `away` makes it unreachable, `refuses` makes it never take an action of that name."""

    def __init__(self, *, away: bool = False, refuses: str = "") -> None:
        self.records: dict[str, Mapping[str, Any]] = {}
        self.calls = 0
        self.refuses = refuses
        self._here = threading.Event()
        if not away:
            self._here.set()

    def come_back(self) -> None:
        self._here.set()

    def leave(self) -> None:
        self._here.clear()

    def append(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.calls += 1
        if not self._here.is_set():
            raise Unreachable("nobody is there")
        as_records(records)
        for number, record in enumerate(records):
            if record["action"] == self.refuses:
                raise RecordInvalid(number, "action", "another one")
        for record in records:
            self.records.setdefault(record["ref"], record)

    def actions(self) -> list[str]:
        return [str(record["action"]) for record in self.records.values()]
