"""A guard around many answers at once (SG-28): switches by distinct context, output checks by column, fallback by row.

Answers are computed before; what is judged here is which of them may be used. A clean batch that no switch concerns
costs what its output checks cost.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import PredictionBlocked
from modelwarden.guard import columns
from modelwarden.guard.answering import BY_STEP
from modelwarden.guard.batch_context import (
    BatchContext,
    batch_context,
    hashable,
    plain_value,
    text_of,
)
from modelwarden.guard.blanks import blanked
from modelwarden.guard.checks import WRONG_ROWS
from modelwarden.guard.checks_batch import BatchCheck, batch_checker
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Asked
from modelwarden.guard.findings import FAILED, BatchFindings
from modelwarden.guard.match import NOTHING, Match
from modelwarden.guard.plan import allowed_steps, before_s
from modelwarden.guard.site import SWITCHED_OFF
from modelwarden.guard.switch import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.guard.contract import Contract
    from modelwarden.guard.plan import Plan
    from modelwarden.guard.site import Site

_OK: Final = int(Status.OK)
_BLOCKED: Final = int(Status.BLOCKED)


class Batch(NamedTuple):
    """The answers to many rows.

    Attributes:
        values: what came, with clipped and replaced rows; from `BLOCKED` on a row has no value (`blanks`).
        status: uint8 for each row, numbered as `Status`.
        reasons: by row, for those that are not `OK`.
        generation: of the snapshot that decided.
    """

    values: Any
    status: Any
    reasons: dict[int, str]
    generation: int

    @property
    def summary(self) -> dict[str, int]:
        """How many rows each status has, by its name."""
        numpy = sys.modules["numpy"]
        counted = numpy.bincount(self.status, minlength=len(Status)).tolist()
        return {status.name.lower(): counted[status] for status in Status if counted[status]}


def judged_batch(
    site: Site, values: Any, *, keys: Any, context: Mapping[str, Any], version: str | None
) -> Batch:
    """Judge a batch; see `Guard.batch`. Raises PredictionBlocked, ValueInvalid, TypeError."""
    given = batch_context(context, keys)
    held = site.current()
    plan = site.planned(held, version)
    found = _checker(plan.contract)(values, given.rows)
    if found.raises:
        raise PredictionBlocked(tuple(found.summary()))
    work = _Work(site, plan, given, found, version)
    work.judge()
    again = site.current()
    if again.rules is not plan.rules:  # a kill that came meanwhile counts (SG-25)
        held = again
        work = _Work(site, site.planned(again, version), given, found, version)
        work.judge()
    batch = work.batch(held.generation)
    site.counts.stopped += work.stopped()
    for status, count in batch.summary.items():
        site.counts.by_status[Status[status.upper()]] += count
    return batch


class _Work:
    """The rows of one batch, under one set of rules."""

    def __init__(
        self, site: Site, plan: Plan, given: BatchContext, found: BatchFindings, version: str | None
    ) -> None:
        self._site, self._plan, self._given, self._version = site, plan, given, version
        self._wrong = found.words == (WRONG_ROWS,)
        self.values = found.values
        self.status = found.status.copy()
        self.reasons = found.reasons() if len(found.dirty) else {}
        self._matches: dict[int, Match] = {}

    def judge(self) -> None:
        """Block, let fall and remember."""
        if self._wrong:
            return
        falls = [] if not self.reasons else (self.status == FAILED).nonzero()[0].tolist()
        why = self._plan.broken or self._plan.rules.diverts
        if why is not None:
            falls = list(range(len(self.status)))
            self.reasons = dict.fromkeys(falls, why)
        self._matched()
        blocked = [row for row, one in self._matches.items() if one.action is Action.BLOCK]
        diverted = [row for row, one in self._matches.items() if one.diverts]
        self.reasons.update(dict.fromkeys(diverted, SWITCHED_OFF))
        self._fall(sorted({*falls, *diverted} - {*blocked}), blocked)
        if "key" in self._given.columns:
            self._remember()

    def _matched(self) -> None:
        plan, given = self._plan, self._given
        keys = given.columns.get("key")
        picked = self._site.place.picker(plan.wanted).values((), given.fixed)
        parts = [given.columns.get(name) for name in plan.wanted]
        if keys is None and not any(part is not None for part in parts):
            one = plan.match(picked, None)
            if one is not NOTHING:
                self._matches = dict.fromkeys(range(len(self.status)), one)
            return
        rows = len(self.status)
        several = [
            [value] * rows if part is None else part
            for part, value in zip(parts, picked, strict=True)
        ]
        mixed = zip(*several, strict=True) if several else iter([()] * rows)
        known: dict[tuple[object, ...], tuple[Match, bool]] = {}
        for row, one_row in enumerate(mixed):
            at = known.get(plain := tuple(map(hashable, one_row)))
            if at is None:
                at = known[plain] = plan.match(plain, None), plan.is_ramped(plain)
            found, ramped = at
            if ramped and keys is not None:
                found = plan.match(plain, keys[row])
            if found is not NOTHING:
                self._matches[row] = found

    def _fall(self, falls: Sequence[int], blocked: Sequence[int]) -> None:
        place = self._site.place
        check = self._plan.check
        keys = self._given.columns.get("key")
        answers: dict[int, object] = {}
        empty = list(blocked)
        for row in falls:
            match = self._matches.get(row, NOTHING)
            asked = Asked(
                key=None if keys is None else text_of(keys[row]),
                names=allowed_steps(match),
                is_killed=self._plan.is_killed,
                before=before_s(match),
                check=check,
            )
            answer = place.chain.answer(asked)
            if answer.step is None:
                empty.append(row)
                continue
            answers[row] = answer.value
            self.status[row] = BY_STEP.get(answer.step, Status.DEFAULT)
        if answers:
            self.values = columns.replaced(self.values, list(answers), list(answers.values()))
        if empty:
            self.values = blanked(self.values, sorted(empty))
            self.status[empty] = _BLOCKED

    def _remember(self) -> None:
        keys, place = self._given.columns["key"], self._site.place
        cells = columns.rows(self.values)
        for row in (self.status == _OK).nonzero()[0].tolist():
            place.remember(plain_value(keys[row]), plain_value(cells[row]), self._version)

    def stopped(self) -> int:
        """Return how many rows a switch left without a value."""
        found = [row for row, one in self._matches.items() if one.diverts]
        return int((self.status[found] == _BLOCKED).sum()) if found else 0

    def batch(self, generation: int) -> Batch:
        """Return what came of it."""
        if self._wrong:
            return Batch(None, self.status, self.reasons, generation)
        return Batch(self.values, self.status, dict(sorted(self.reasons.items())), generation)


@lru_cache(maxsize=64)
def _checker(contract: Contract | None) -> BatchCheck:
    return _unchecked if contract is None else batch_checker(contract)


def _unchecked(values: Any, expected: int | None = None) -> BatchFindings:
    """Do as the check of a contract does, where there is none."""
    numpy = sys.modules.get("numpy") or columns.load_numpy()
    rows = columns.size(values)
    wrong = expected is not None and rows != expected
    dirty = numpy.arange(expected if wrong else 0)
    return BatchFindings(
        values=None if wrong else values,
        status=numpy.full(expected, FAILED, numpy.uint8)
        if wrong
        else numpy.zeros(rows, numpy.uint8),
        dirty=dirty,
        codes=numpy.zeros(len(dirty), numpy.uint16),
        words=(WRONG_ROWS,) if wrong else (),
        raises=False,
    )
