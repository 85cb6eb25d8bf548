"""A guard around many answers at once (SG-28): switches by kind of context, output checks by column, fallback by row.

Answers are computed before; what is judged here is which of them may be used. Each row is answered as it would be
alone: under drills, approved limits and ages, too (SG-34, SG-44, SG-53). A clean batch that nothing concerns costs
little more than one look at its numbers.
"""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import PredictionBlocked
from modelwarden.guard import columns
from modelwarden.guard.batch_context import batch_context, plain_value
from modelwarden.guard.batch_drills import NO_STRIKES, struck_rows
from modelwarden.guard.batch_switches import KnownKinds, Matched, matched
from modelwarden.guard.batch_work import Given, Work
from modelwarden.guard.checks import WRONG_ROWS
from modelwarden.guard.checks_batch import BatchCheck, batch_checker
from modelwarden.guard.checks_clean import clean_column
from modelwarden.guard.decision import Status
from modelwarden.guard.findings import FAILED, BatchFindings
from modelwarden.guard.match import NOTHING
from modelwarden.guard.short_way import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from modelwarden.guard.batch_context import BatchContext
    from modelwarden.guard.checks_clean import IsClean
    from modelwarden.guard.contract import Contract
    from modelwarden.guard.freshness import Fresh
    from modelwarden.guard.held import Held
    from modelwarden.guard.plan import Plan
    from modelwarden.guard.site import Site

_OK: Final = int(Status.OK)
NOTHING_KNOWN: Final[Mapping[str, Any]] = MappingProxyType({})


class Batch:
    """The answers to many rows. What few ask for is made when it is first asked for.

    Attributes:
        values: what came, with clipped and replaced rows; from `BLOCKED` on a row has no value (`blanks`).
        generation: of the snapshot that decided.
        retry_after_s: when limited callers may come again, in seconds: the longest of the rows (SG-42).
    """

    __slots__ = (
        "_drill", "_found", "_reasons", "_rows", "_status", "_struck", "_why", "generation", "retry_after_s", "values",
    )  # fmt: skip

    def __init__(
        self,
        values: Any,
        rows: int,
        generation: int,
        *,
        status: NDArray[Any] | None = None,
        found: BatchFindings | None = None,
        why: Sequence[tuple[NDArray[Any], str]] = (),
    ) -> None:
        self.values, self.generation, self.retry_after_s = values, generation, 0.0
        self._rows, self._status, self._found, self._why = rows, status, found, why
        self._struck: Sequence[int] = ()
        self._drill: NDArray[Any] | None = None
        self._reasons: dict[int, str] | None = None

    @property
    def status(self) -> NDArray[Any]:
        """A uint8 for each row, numbered as `Status`."""
        if self._status is None:
            self._status = sys.modules["numpy"].zeros(self._rows, "uint8")
        return self._status

    @property
    def reasons(self) -> dict[int, str]:
        """Why, by row, for those that are not `OK`."""
        if self._reasons is None:
            why = {} if self._found is None else self._found.reasons()
            for which, reason in self._why:
                rows = which.nonzero()[0] if which.dtype.kind == "u" else which
                why.update(dict.fromkeys(rows.tolist(), reason))
            self._reasons = dict(sorted(why.items()))
        return self._reasons

    @property
    def drill(self) -> NDArray[Any]:
        """Say of each row whether a drill struck it (SG-53)."""
        if self._drill is None:
            self._drill = sys.modules["numpy"].zeros(self._rows, bool)
            self._drill[list(self._struck)] = True
        return self._drill

    @property
    def summary(self) -> dict[str, int]:
        """How many rows each status has, by its name."""
        if self._status is None:
            return {Status.OK.name.lower(): self._rows} if self._rows else {}
        counted = sys.modules["numpy"].bincount(self._status, minlength=len(Status)).tolist()
        return {status.name.lower(): counted[status] for status in Status if counted[status]}

    def strike(self, rows: Sequence[int]) -> None:
        """Mark rows that a drill struck."""
        self._struck, self._drill = rows, None


class _Ready(NamedTuple):
    """What judges batches of one version under what is held: `until` when its quick way may be taken."""

    held: Held | None
    plan: Plan | None
    version: str | None
    until: float
    is_clean: IsClean
    check: BatchCheck
    kinds: KnownKinds | None


class Batches:
    """The batches of one place. May be used from any thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ready = _Ready(None, None, None, NEVER, clean_column(None), _unchecked, None)
        self._compiled: tuple[Contract | None, IsClean, BatchCheck] | None = None

    def judge(  # noqa: PLR0913 - what a host may give
        self,
        values: Any,
        *,
        key: Any = None,
        context: Mapping[str, Any] | None = None,
        version: str | None = None,
        features: Any = None,
        fresh: Fresh | None = None,
        apart: NDArray[Any] | None = None,
    ) -> Batch:
        """Judge a batch; see `Guard.batch`. Raises PredictionBlocked, ValueInvalid, TypeError.

        Where the members of an ensemble are `apart`, by row, there is no answer of theirs (SG-45).
        """
        site, ready, asked, is_clean = self._site, self._ready, None, False
        held = site.holder.held
        is_bare = key is None and features is None and fresh is None and apart is None
        if version is None:
            version = site.place.version_of((), context or NOTHING_KNOWN)
        if (
            ready.held is held
            and not context
            and ready.version == version
            and is_bare
            and site.now() < ready.until
        ):
            is_clean = ready.is_clean(values)
            if is_clean and site.holder.held is held:  # a kill that came meanwhile counts (SG-25)
                rows = len(values)
                site.counts.by_status[_OK] += rows
                site.place.clips.add(rows)
                return Batch(values, rows, held.generation)
            asked = ready.plan
        given = batch_context(context or NOTHING_KNOWN, key)
        rows = columns.size(values)
        ready = self._made(version)
        if given.rows is not None and given.rows != rows:
            return self._wrong(ready, values, given.rows)
        taken = self._taken(ready, values, rows, given, features, fresh)
        taken.apart = apart
        taken.is_unclean = ready.plan is asked and not is_clean
        return self._judged(ready, taken)

    def _made(self, version: str | None) -> _Ready:
        """Return what judges batches of a version now."""
        site, before = self._site, self._ready
        held = site.current()
        plan = site.planned(held, version)
        if before.held is held and before.plan is plan:
            return before
        _, is_clean, check = self._checks(plan.contract)
        quick = plan.is_quiet and plan.settled is NOTHING and plan.contract is not None
        kinds = before.kinds if before.plan is plan else KnownKinds(plan)
        until = held.until if quick else NEVER
        self._ready = made = _Ready(held, plan, version, until, is_clean, check, kinds)
        return made

    def _checks(self, contract: Contract | None) -> tuple[Contract | None, IsClean, BatchCheck]:
        """Return the checks of a contract; the last ones are kept, which are those that all batches have."""
        known = self._compiled
        if known is None or known[0] is not contract:
            check = _unchecked if contract is None else batch_checker(contract, asks=False)
            self._compiled = known = contract, clean_column(contract), check
        return known

    def _taken(
        self,
        ready: _Ready,
        values: Any,
        rows: int,
        context: BatchContext,
        features: Any,
        fresh: Fresh | None,
    ) -> Given:
        """Take a batch in: let drills strike its rows, and count its features."""
        site, plan = self._site, ready.plan
        place = site.place
        faults = None if plan is None else plan.faults
        strikes = struck_rows(site, faults, context, rows) if faults else NO_STRIKES
        features = strikes.features(features)
        if features is not None and ready.held is not None:
            known = {**context.columns, **context.fixed}
            place.drift.saw_batch(
                place, features, snapshot=ready.held.snapshot, context=known, version=ready.version
            )
        key = None if place.key is None else place.key.value((), context.fixed)
        return Given(
            values=values, rows=rows, context=context, version=ready.version, features=features, fresh=fresh, key=key,
            strikes=strikes,
        )  # fmt: skip

    def _judged(self, ready: _Ready, given: Given) -> Batch:
        work = self._work(ready, given)
        again = self._made(given.version)
        if again.plan is not ready.plan:  # a kill that came meanwhile counts (SG-25)
            ready, work = again, self._work(again, given)
        return self._told(ready, given, work)

    def _work(self, ready: _Ready, given: Given) -> Work:
        plan, kinds = ready.plan, ready.kinds
        if plan is None or kinds is None:
            raise TypeError("no plan")
        found = Matched([NOTHING], None)
        if plan.settled is not NOTHING:
            picked = self._site.place.picker(plan.wanted).values((), given.context.fixed)
            found = matched(kinds, given.context, picked, key=given.key, rows=given.rows)
        work = Work(self._site, plan, given, found)
        work.judge(ready.is_clean, ready.check)
        return work

    def _told(self, ready: _Ready, given: Given, work: Work) -> Batch:
        """Remember, count and return what was judged."""
        self._remember(given, work)
        self._count(given, work)
        generation = 0 if ready.held is None else ready.held.generation
        batch = Batch(
            work.values, given.rows, generation, status=work.status, found=work.found, why=work.verdicts.why
        )  # fmt: skip
        if given.strikes.by_row:
            batch.strike(list(given.strikes.by_row))
            self._count_drilled(given, work)
        if given.over:
            batch.retry_after_s = max(one.retry_after_s for one in given.over.values())
        return batch

    def _remember(self, given: Given, work: Work) -> None:
        keys, place = given.context.keys, self._site.place
        if keys is None and given.key is None:
            return
        cells = columns.rows(work.values)
        for row in (work.status == _OK).nonzero()[0].tolist():
            if row not in given.strikes.by_row:
                key = given.key if keys is None else keys[row]
                place.remember(key, plain_value(cells[row]), given.version)

    def _count(self, given: Given, work: Work) -> None:
        """Count the rows by status, what is a signal of its own, and how many were clipped."""
        counts, clips = self._site.counts, self._site.place.clips
        others = sum(work.tally.values())
        counts.by_status[_OK] += given.rows - others
        for status, rows in work.tally.items():
            counts.by_status[status] += rows
        for step, rows in work.steps.items():
            counts.steps[step] = counts.steps.get(step, 0) + rows
        counts.stopped += work.stopped
        counts.stale_inputs += work.stale
        counts.unknown_context += work.unknown
        if work.noticed:
            counts.notice(work.noticed)
        clipped = work.tally.get(Status.CLIPPED, 0)
        clips.add(given.rows - others + clipped, clipped=clipped)

    def _count_drilled(self, given: Given, work: Work) -> None:
        counts = self._site.counts
        for row in given.strikes.by_row:
            status = Status(work.status[row])
            counts.drilled[status] += 1
            counts.drilled_stopped += status is Status.BLOCKED and work.match_of(row).diverts

    def _wrong(self, ready: _Ready, values: Any, expected: int) -> Batch:
        """Fail a batch whole that has not as many rows as its context."""
        found = ready.check(values, expected)
        if found.raises:
            raise PredictionBlocked(found.words)
        self._site.counts.by_status[FAILED] += expected
        generation = 0 if ready.held is None else ready.held.generation
        return Batch(None, expected, generation, status=found.status, found=found)


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
