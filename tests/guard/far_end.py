"""A far end that does what the server has to: it reads strictly, adds each part once, and can be out of reach."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from modelwarden.guard.slot_report import Report, read
from modelwarden.guard.slots import Part, Slot

if TYPE_CHECKING:
    from collections.abc import Iterator


class FarEnd:
    """Holds slots by minute. `failure` is raised instead of listening."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.sizes: list[int] = []
        self.failure: BaseException | None = None
        self.answers_lost = False
        self.known: dict[tuple[str, int, str, int], str] = {}
        self.slots: dict[int, Slot] = {}
        self._lock = threading.Lock()

    def __call__(self, data: bytes) -> None:
        with self._lock:
            if self.failure is not None:
                raise self.failure
            report = read(data)
            self.sizes.append(len(data))
            self.reports.append(report)
            for part in report.parts:
                self._take(part, report.instance)
            if self.answers_lost:
                raise ConnectionResetError

    def _take(self, part: Part, instance: str) -> None:
        key = (part.sli, part.minute, instance, part.number)
        if not part.is_repeat_of(self.known.get(key)):
            self.known[key] = part.sha256
            slot = Slot.of(part, reporter=instance)
            before = self.slots.get(part.minute)
            self.slots[part.minute] = slot if before is None else before.added(slot)

    @property
    def parts(self) -> Iterator[Part]:
        return (part for report in self.reports for part in report.parts)

    def total(self, name: str = "total") -> int:
        return sum(getattr(slot.counts, name) for slot in self.slots.values())
