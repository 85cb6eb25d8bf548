"""Parts of slots come in: read strictly, each counted once, in whatever order and however often (SL-14, SL-17).

A reporter is an account, as its credential says, and the instance that it names. All parts of a report are taken, or
none: the sender sends them one by one when a report is refused. They are telemetry, committed with whatever else waits.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from modelwarden.access.allowed import authorize, readable
from modelwarden.errors import SliUnknown, SlotConflict, SlotInvalid, SlotTooLate
from modelwarden.guard import slot_report
from modelwarden.permissions import Permission
from modelwarden.sla import queries
from modelwarden.sla.defining import known_sli, may_read, resource_of_sli
from modelwarden.sla.kept import queries as kept
from modelwarden.sla.kept.keeping import QUEUE
from modelwarden.sla.sli import guarded
from modelwarden.sla.slot import HOUR, Slot, summed
from modelwarden.store.queueing import one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from modelwarden.guard.slot_report import Report
    from modelwarden.guard.slots import Part
    from modelwarden.sla.sli import Sli
    from modelwarden.store.change import Telemetry, View
    from modelwarden.values.principal import Principal

T = TypeVar("T")
MOST_IN_PART: Final = 10**9
"""Attempts of one reporter in one part: so nobody fills a slot up to where others' counts no longer fit."""


class Accepted(NamedTuple):
    """A report that was read, of SLIs for which the caller may report."""

    report: Report

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to keep."""
        return not self.report.parts and not self.report.closing


class Writes(Protocol):
    """What it needs of the writer."""

    def submit_telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> Future[T]:
        """Queue writes that are no change."""
        ...


class Intake:
    """The way of accepted reports to the writer, which commits them with whatever else waits."""

    def __init__(self, writer: Writes) -> None:
        self._writer = writer

    def take(self, principal: Principal, accepted: Accepted) -> Future[int]:
        """Queue a report; its future is answered after the commit, never before."""
        return self._writer.submit_telemetry(principal, partial(keep, accepted=accepted))


def accept(view: View, data: bytes) -> Accepted:
    """Read a report.

    Raises:
        SlotInvalid, SketchInvalid: it has not its form, or counts contradict each other.
        SliUnknown: nothing is measured under a name, as far as the caller may know.
        NotPermitted: the caller may not report for it.
    """
    report = _without_strangers(view, slot_report.read(data))
    for name in sorted({part.sli for part in report.parts}):
        sli = known_sli(view, name)
        if sli is None:
            raise SliUnknown(name)
        _check_right(view, sli)
        for part in report.parts:
            if part.sli == name:
                _check_part(sli, part)
    return Accepted(report)


def _without_strangers(view: View, report: Report) -> Report:
    """Leave out what is told for use cases that nobody wrote down; it is told for the model, too, and counts there.

    Whoever may not report for the model gets the same refusal as if they were written down.
    """
    strange = {name for name in {part.sli for part in report.parts} if _is_strange(view, name)}
    parts = tuple(part for part in report.parts if part.sli not in strange)
    return replace(report, parts=parts)


def _is_strange(view: View, name: str) -> bool:
    of = guarded(name)
    if of is None or of.use_case is None or known_sli(view, name) is not None:
        return False
    model = known_sli(view, of._replace(use_case=None).name)
    if model is None:
        return False
    _check_right(view, replace(model, name=of.name))
    return True


def _check_right(view: View, sli: Sli) -> None:
    on = resource_of_sli(view, sli)
    if sli.is_built_in and readable(view, Permission.GUARD_REPORT, on=on):
        return
    if not may_read(view, sli) and not readable(view, Permission.SLA_RECORD, on=on):
        raise SliUnknown(sli.name)
    authorize(view, Permission.SLA_RECORD, on=on)


def _check_part(sli: Sli, part: Part) -> None:
    if part.counts.thresholds != sli.thresholds:
        expected = ", ".join(sli.thresholds) or "none"
        raise SlotInvalid("thresholds", f"those of {sli.name}: {expected}")
    counted = {"total": part.counts.total, "drilled": part.counts.drilled, "dropped": part.dropped}
    for field, count in counted.items():
        if count > MOST_IN_PART:
            raise SlotInvalid(field, f"at most {MOST_IN_PART:,} in one part")


def keep(telemetry: Telemetry, accepted: Accepted) -> int:
    """Add the parts that were not there; return how many.

    Raises:
        SlotConflict: a part is there with other bytes, or another account has this instance.
        SlotInFuture, SlotTooLate: also for an hour that is sealed.
    """
    report = accepted.report
    one_by_one(telemetry, QUEUE)
    sealed_before = kept.sealed_before(telemetry)
    reporters = {
        name: _reporter(telemetry, name, report)
        for name in sorted({part.sli for part in report.parts})
    }
    new = [
        part
        for part in report.parts
        if _is_new(telemetry, part, reporter=reporters[part.sli], sealed_before=sealed_before)
    ]
    _add(telemetry, new, reporters)
    if report.closing:
        for reporter, name, minute in queries.reporters_of(
            telemetry, telemetry.actor, report.instance
        ):
            if minute // HOUR >= sealed_before:
                queries.close(telemetry, name, reporter, minute)
    return len(new)


def _reporter(telemetry: Telemetry, sli: str, report: Report) -> int:
    found = queries.find_reporter(telemetry, sli, report.instance)
    if found is not None and found[1] != telemetry.actor:
        raise SlotConflict(f"instance {report.instance} reports for another account")
    latest = max(part.minute for part in report.parts if part.sli == sli)
    if found is None:
        number = int.from_bytes(os.urandom(7))
        values = {"id": number, "sli": sli, "actor": telemetry.actor, "instance": report.instance}
        queries.add_reporter(telemetry, values | {"last_minute": latest})
        return number
    if latest > found[2]:
        queries.move_reporter(telemetry, found[0], latest)
    return found[0]


def _is_new(telemetry: Telemetry, part: Part, *, reporter: int, sealed_before: int) -> bool:
    """Say whether a part has to be added; what was taken before is known as long as it could be sent again."""
    if part.is_repeat_of(queries.part_digest(telemetry, reporter, part.minute, part.number)):
        return False
    part.check_time(telemetry.now)
    if part.minute // HOUR < sealed_before:
        raise SlotTooLate(f"the hour of {part.starts:%Y-%m-%dT%H:%MZ} is sealed")
    return True


def _add(telemetry: Telemetry, parts: list[Part], reporters: dict[str, int]) -> None:
    if not parts:
        return
    keys = [
        {
            "reporter": reporters[part.sli],
            "minute": part.minute,
            "part": part.number,
            "sha256": part.sha256,
        }
        for part in parts
    ]
    queries.add_parts(telemetry, keys)
    slots = summed(
        Slot(sli=p.sli, start=p.minute, counts=p.counts, dropped=p.dropped) for p in parts
    )
    kept.add_to_slots(telemetry, slots)
    for name, minute in sorted({(part.sli, part.minute) for part in parts}):
        queries.hear(telemetry, name, reporters[name], minute)
