"""A guard around many answers at once (SG-28): switches by kind of context, output checks by column, fallback by row.

Answers are computed before; what is judged here is which of them may be used. A clean batch that no switch concerns
costs little more than its output checks.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import PredictionBlocked
from modelwarden.guard import columns
from modelwarden.guard.answering import BY_STEP
from modelwarden.guard.batch_context import BatchContext, batch_context, plain_value, text_of
from modelwarden.guard.batch_switches import KnownKinds, matched
from modelwarden.guard.blanks import blanked
from modelwarden.guard.checks import WRONG_ROWS
from modelwarden.guard.checks_batch import BatchCheck, batch_checker
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Answer, Asked
from modelwarden.guard.findings import FAILED, BatchFindings
from modelwarden.guard.match import NOTHING, Match
from modelwarden.guard.plan import allowed_steps, before_s
from modelwarden.guard.site import SWITCHED_OFF
from modelwarden.guard.switch import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from modelwarden.guard.contract import Contract
    from modelwarden.guard.plan import Plan
    from modelwarden.guard.site import Site

_OK: Final = int(Status.OK)
_BLOCKED: Final = int(Status.BLOCKED)
_PLAIN: Final = frozenset({float, int, str, bool, type(None)})
"""Types of which one value may stand in several rows: nobody can change it there."""


class Batch:
    """The answers to many rows.

    Attributes:
        values: what came, with clipped and replaced rows; from `BLOCKED` on a row has no value (`blanks`).
        status: uint8 for each row, numbered as `Status`.
        generation: of the snapshot that decided.
    """

    __slots__ = ("_diverted", "_found", "_reasons", "generation", "status", "values")

    def __init__(
        self,
        values: Any,
        status: Any,
        generation: int,
        found: BatchFindings,
        diverted: Sequence[tuple[Any, str]] = (),
    ) -> None:
        self.values, self.status, self.generation = values, status, generation
        self._found, self._diverted = found, diverted
        self._reasons: dict[int, str] | None = None

    @property
    def reasons(self) -> dict[int, str]:
        """Why, by row, for those that are not `OK`; made when it is first asked for."""
        if self._reasons is None:
            why = self._found.reasons()
            for rows, reason in self._diverted:
                why.update(dict.fromkeys(rows.tolist(), reason))
            self._reasons = dict(sorted(why.items()))
        return self._reasons

    @property
    def summary(self) -> dict[str, int]:
        """How many rows each status has, by its name."""
        counted = sys.modules["numpy"].bincount(self.status, minlength=len(Status)).tolist()
        return {status.name.lower(): counted[status] for status in Status if counted[status]}


def judged_batch(
    site: Site, values: Any, *, keys: Any, context: Mapping[str, Any], version: str | None
) -> Batch:
    """Judge a batch; see `Guard.batch`. Raises PredictionBlocked, ValueInvalid, TypeError."""
    given = batch_context(context, keys)
    held = site.current()
    plan = site.planned(held, version)
    found = _checker(site, plan.contract)(values, given.rows)
    if found.raises:
        raise PredictionBlocked(tuple(found.summary()))
    work = _Work(site, plan, given, found, version)
    work.judge()
    again = site.current()
    if again.rules is not plan.rules:  # a kill that came meanwhile counts (SG-25)
        held = again
        work = _Work(site, site.planned(again, version), given, found, version)
        work.judge()
    work.count()
    return Batch(work.values, work.status, held.generation, found, work.diverted)


class _Work:
    """The rows of one batch, under one set of rules.

    Attributes:
        diverted: rows, and why their answer may not be used; later ones count.
    """

    def __init__(
        self, site: Site, plan: Plan, given: BatchContext, found: BatchFindings, version: str | None
    ) -> None:
        self._site, self._plan, self._given, self._found = site, plan, given, found
        self._version = version
        self.values, self.status = found.values, found.status
        self.diverted: list[tuple[NDArray[Any], str]] = []
        self._matches: list[Match] = [NOTHING]
        self._at: NDArray[Any] | None = None

    def judge(self) -> None:
        """Block, let fall and remember."""
        if self._found.words == (WRONG_ROWS,):
            return
        numpy, rows = sys.modules["numpy"], len(self.status)
        falls = self._found.dirty
        if len(falls):
            falls = falls[self.status[falls] == FAILED]
        why = self._plan.broken or self._plan.rules.diverts
        if why is not None:
            falls = numpy.arange(rows)
            self.diverted.append((falls, why))
        blocked = falls[:0]
        actions = None if self._plan.settled is NOTHING else self._switched(numpy, rows)
        if actions is not None:
            falling, blocked = (
                actions == Action.FALLBACK,
                numpy.flatnonzero(actions == Action.BLOCK),
            )
            self.diverted += [(falling.nonzero()[0], SWITCHED_OFF), (blocked, SWITCHED_OFF)]
            falling[falls] = True
            falling[blocked] = False
            falls = falling.nonzero()[0]
        if len(falls) or len(blocked):
            self.status = self.status.copy()  # what was found may be asked again
            self._fall(falls, blocked)
        if "key" in self._given.columns:
            self._remember()

    def _switched(self, numpy: ModuleType, rows: int) -> NDArray[Any] | None:
        """Return what switches do with each row; None where they do nothing."""
        picked = self._site.place.picker(self._plan.wanted).values((), self._given.fixed)
        known = self._site.batch_kinds
        if known is None or known.plan is not self._plan:
            self._site.batch_kinds = known = KnownKinds(self._plan)
        self._matches, self._at = matched(numpy, known, self._given, picked, rows=rows)
        if not any(one.diverts for one in self._matches):
            return None
        actions = numpy.array([one.action for one in self._matches], numpy.uint8)
        at = numpy.zeros(rows, numpy.intp) if self._at is None else self._at
        return actions.take(at)  # type: ignore[no-any-return]

    def _fall(self, falls: NDArray[Any], blocked: NDArray[Any]) -> None:
        keys = self._given.rows_of("key") if len(falls) and "key" in self._given.columns else None
        answers: dict[int, object] = {}
        known: dict[int, Answer] = {}  # without a key, rows that match alike ask the same
        empty = []
        for row in falls.tolist():
            number = 0 if self._at is None else int(self._at[row])
            answer = known.get(number)
            if answer is None:
                key = None if keys is None else text_of(keys[row])
                answer = self._site.place.chain.answer(self._question(self._matches[number], key))
                if keys is None and type(answer.value) in _PLAIN:
                    known[number] = answer
            if answer.step is None:
                empty.append(row)
                continue
            answers[row] = answer.value
            self.status[row] = BY_STEP.get(answer.step, Status.DEFAULT)
        if answers:
            self.values = columns.replaced(self.values, list(answers), list(answers.values()))
        if empty or len(blocked):
            numpy = sys.modules["numpy"]
            gone = (
                numpy.concatenate((blocked, numpy.array(empty, numpy.intp))) if empty else blocked
            )
            self.values = blanked(self.values, gone)
            self.status[gone] = _BLOCKED

    def _question(self, match: Match, key: str | None) -> Asked:
        return Asked(
            key=key,
            names=allowed_steps(match),
            is_killed=self._plan.is_killed,
            before=before_s(match),
            check=self._plan.check,
        )

    def _remember(self) -> None:
        keys, place = self._given.rows_of("key"), self._site.place
        cells = columns.rows(self.values)
        for row in (self.status == _OK).nonzero()[0].tolist():
            place.remember(plain_value(keys[row]), plain_value(cells[row]), self._version)

    def count(self) -> None:
        """Count the rows by status, what is a signal of its own, and how many were clipped."""
        counts, clips = self._site.counts, self._site.place.clips
        rows = len(self.status)
        if self.status is self._found.status and not len(self._found.dirty):
            counts.by_status[_OK] += rows
            clips.count(rows)
            return
        counts.stopped += self._stopped()
        if len(self._found.dirty):
            counts.notice(self._found.summary())
        others = self.status[self.status != _OK]
        several = sys.modules["numpy"].bincount(others, minlength=len(Status)).tolist()
        counts.by_status[_OK] += rows - len(others)
        for status, count in enumerate(several):
            counts.by_status[status] += count
        clips.count(rows, clipped=several[Status.CLIPPED])

    def _stopped(self) -> int:
        """Return how many rows a switch left without a value."""
        if self._at is None:
            return int((self.status == _BLOCKED).sum()) if self._matches[0].diverts else 0
        numpy = sys.modules["numpy"]
        diverted = numpy.array([one.diverts for one in self._matches], bool)
        return int(((self.status == _BLOCKED) & diverted.take(self._at)).sum())


def _checker(site: Site, contract: Contract | None) -> BatchCheck:
    """Return the check of a contract; the last one is kept, which is the one that all batches have."""
    known = site.batch_check
    if known is None or known[0] is not contract:
        check = _unchecked if contract is None else batch_checker(contract)
        site.batch_check = known = contract, check
    return known[1]


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
