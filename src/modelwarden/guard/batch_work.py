"""One batch under one set of rules: what its rows get, in the order in which a call is judged (SG-25, SG-28)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import PredictionBlocked
from modelwarden.guard import columns
from modelwarden.guard.answering import BY_STEP
from modelwarden.guard.batch_context import text_of
from modelwarden.guard.batch_drills import FAILING, NO_STRIKES, Strikes
from modelwarden.guard.batch_inputs import Ages, Moments, charged
from modelwarden.guard.batch_verdicts import BLOCK, FALL, GO, LIMIT, Verdicts
from modelwarden.guard.begun import Verdict
from modelwarden.guard.blanks import blanked
from modelwarden.guard.checks import NOT_FINITE, Finding
from modelwarden.guard.checks_batch import clean_findings
from modelwarden.guard.contract import OnViolation
from modelwarden.guard.counts import SIGNALS
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Answer, Asked
from modelwarden.guard.faults import FaultKind
from modelwarden.guard.findings import FAILED, BatchFindings
from modelwarden.guard.freshness import MISSING, Fresh, Level
from modelwarden.guard.plan import allowed_steps, before_s
from modelwarden.guard.signals import DISAGREEMENT
from modelwarden.guard.site import SWITCHED_OFF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from modelwarden.guard.batch_context import BatchContext
    from modelwarden.guard.batch_switches import Matched
    from modelwarden.guard.checks_batch import BatchCheck
    from modelwarden.guard.checks_clean import IsClean
    from modelwarden.guard.limits import Limited
    from modelwarden.guard.match import Match
    from modelwarden.guard.plan import Plan
    from modelwarden.guard.site import Site

_PLAIN: Final = frozenset({float, int, str, bool, type(None)})
"""Types of which one value may stand in several rows: nobody can change it there."""


@dataclass(slots=True, kw_only=True)
class Given:
    """What a host gave, and what happened to it once, whatever rules come meanwhile.

    Attributes:
        key: the callers' key, where all rows have the same.
        apart: which rows the members of an ensemble disagree on, if any.
        over: rows that were over an approved rate; None until the others have been charged.
        is_unclean: it has been asked whether the values are clean, and they are not.
    """

    values: Any
    rows: int
    context: BatchContext
    version: str | None
    features: Any = None
    fresh: Fresh | None = None
    key: object = None
    strikes: Strikes = NO_STRIKES
    apart: NDArray[Any] | None = None
    over: dict[int, Limited] | None = None
    has_waited: bool = False
    is_unclean: bool = False


class Work:
    """The rows of one batch, under one set of rules.

    Attributes:
        verdicts: which rows were stopped, and why.
        found: what the output checks found.
        tally: how many rows have each status but OK.
    """

    def __init__(self, site: Site, plan: Plan, given: Given, matched: Matched) -> None:
        self._site, self._plan, self._given, self._matched = site, plan, given, matched
        self._numpy: Any = sys.modules.get("numpy") or columns.load_numpy()
        self.verdicts = Verdicts(self._numpy, given.rows)
        self.values = given.values
        self.tally: dict[Status, int] = {}
        self.steps: dict[str, int] = {}
        self.noticed: dict[str, int] = {}
        self.stopped = self.stale = 0
        self.found: BatchFindings
        self.status: NDArray[Any]

    def judge(self, is_clean: IsClean, check: BatchCheck) -> None:
        """Judge the rows; `check` looks at what `is_clean` says no to. Raises PredictionBlocked if asked to."""
        self._begin()
        self._hold_back()
        if self._given.apart is not None:
            self._lack(self.verdicts.of(self._given.apart.nonzero()[0]), DISAGREEMENT)
        if self._given.strikes.by_row:
            self._strike()
        rows, is_unclean = self._given.rows, self._given.is_unclean and not self._is_own
        if is_unclean or not is_clean(self.values):
            self.found = found = check(self.values, rows)
        else:
            self.found = found = clean_findings(self._numpy, self.values, rows)
        self.values, self.status = found.values, found.status
        failed = found.dirty
        if len(failed):
            failed = self.verdicts.of(failed)
            if found.raises:
                self._raise(failed)
            self._notice(failed)
            failed, dirty = failed[self.status[failed] == FAILED], failed
            self._count(Status.CLIPPED, len(dirty) - len(failed))
        if len(failed) or self.verdicts.each is not None:
            self._settle(failed)

    # --- before the checks -------------------------------------------------------------------------

    def _begin(self) -> None:
        plan, matches = self._plan, self._matched.matches
        if any(one.diverts for one in matches):
            self.verdicts.begin(self._matched, SWITCHED_OFF)
            blocked = self.verdicts.are(BLOCK)
            self.stopped = 0 if blocked is None else int(self._numpy.count_nonzero(blocked))
        for why in (plan.rules.diverts, plan.broken):
            if why is not None:
                self.verdicts.stop_all(Verdict.FALL, why)

    def _hold_back(self) -> None:
        """Judge ages and rates as `Site` does: the code's own age first, then what was approved (SG-34, SG-44)."""
        given, asked = self._given, self._plan.asked
        if given.fresh is not None:
            stale = given.strikes.rows({FaultKind.STALE_INPUTS})
            self._judge_ages([given.fresh], stale)
        if asked is None:
            return
        if given.over is None:
            going = self.verdicts.going().tolist()
            given.over = charged(asked, self._site.place, given.context, going)
        falls = self._site.place.falls_when_limited
        for row, refused in given.over.items():
            if self.verdicts.goes(row):
                self.verdicts.stop([row], Verdict.FALL if falls else Verdict.LIMIT, refused.reason)
        if asked.fresh:
            self._judge_ages(asked.fresh, [])

    def _judge_ages(self, several: Sequence[Fresh], stale: list[int]) -> None:
        given, now = self._given, self._site.place.clocks.wall()
        ages, going = Ages(self._numpy, given.rows), self.verdicts.going()
        moments = Moments(given.context, given.features, given.rows)
        for fresh in several:
            ages.judge(fresh, moments, now=now)
            ages.tell(stale, MISSING, level=fresh.stale)
        self.stale += int((ages.levels[going] > Level.FRESH).sum())
        for held in ages.held(going):
            self.verdicts.stop(held.rows, held.verdict, held.reason)

    def _strike(self) -> None:
        given, strikes = self._given, self._given.strikes
        going = {row for row in strikes.by_row if self.verdicts.goes(row)}
        for kind, reason in FAILING.items():
            rows = [row for row in strikes.rows({kind}) if row in going]
            self._lack(rows, reason)
        if not given.has_waited:
            given.has_waited = True
            strikes.wait(going)
        self.values, unfit = strikes.answers(self.values, self._plan.contract, going)
        self._lack(unfit, NOT_FINITE)

    def _lack(self, rows: Sequence[int] | NDArray[Any], reason: str) -> None:
        """Let rows that go fall: there is no answer of the model's."""
        self.verdicts.stop(rows, Verdict.FALL, reason)
        if len(rows):
            self.noticed[reason] = self.noticed.get(reason, 0) + len(rows)

    # --- after them --------------------------------------------------------------------------------

    def _raise(self, dirty: NDArray[Any]) -> None:
        """Raise if one of the rows that go asks for it; findings say it of all of them together."""
        check, found = self._plan.check, self.found
        if check is None or not len(dirty):
            return
        if len(dirty) < len(found.dirty):
            cells = columns.rows(self.values)
            several: list[Finding | None] = [check(cells[row]) for row in dirty.tolist()]
            outcomes = {one.outcome for one in several if one is not None}
            if OnViolation.RAISE not in outcomes:
                return
        raise PredictionBlocked(tuple(found.summary()))

    def _notice(self, dirty: NDArray[Any]) -> None:
        """Count the reasons of rows that went, if they are signals of their own."""
        codes, words = self.found.codes, self.found.words
        if len(dirty) < len(codes):
            codes = codes[self._numpy.isin(self.found.dirty, dirty)]
        for code, word in enumerate(words):
            if word in SIGNALS:
                count = int(self._numpy.count_nonzero(codes == code))
                self.noticed[word] = self.noticed.get(word, 0) + count

    def _settle(self, failed: NDArray[Any]) -> None:
        """Let the chain answer the rows that fall, and leave those that are stopped without a value."""
        numpy, verdicts = self._numpy, self.verdicts
        falling, gone = verdicts.are(FALL), verdicts.are(BLOCK)
        limited = verdicts.are(LIMIT)
        if verdicts.each is not None and len(self.found.dirty):
            self.status *= (verdicts.each == GO).view(numpy.uint8)
        falls = failed
        if falling is not None:
            falls = numpy.sort(numpy.concatenate((numpy.flatnonzero(falling), failed)))
        if gone is not None:
            self._stop(gone, Status.BLOCKED)
        if limited is not None:
            self._stop(limited, Status.LIMITED)
            gone = limited if gone is None else gone | limited
        empty = self._fall(falls) if len(falls) else falls
        if len(empty):
            self._exhaust(empty)
            gone = empty if gone is None else numpy.append(gone.nonzero()[0], empty)
        if gone is not None:
            self.values = blanked(self.values, gone, is_own=self._is_own)

    def _exhaust(self, empty: NDArray[Any]) -> None:
        """Block the rows that the chain has no answer for."""
        self.status[empty] = Status.BLOCKED
        self._count(Status.BLOCKED, len(empty))
        if any(one.diverts for one in self._matched.matches):
            self.stopped += sum(self.match_of(row).diverts for row in empty.tolist())

    def _stop(self, which: NDArray[Any], status: Status) -> None:
        self.status |= which.view(self._numpy.uint8) * self._numpy.uint8(status)
        self._count(status, int(self._numpy.count_nonzero(which)))

    def _fall(self, falls: NDArray[Any]) -> NDArray[Any]:
        """Ask the chain; return the rows that it has no answer for."""
        keys, key = self._given.context.keys, self._given.key
        chain, at = self._site.place.chain, self._matched.at
        if keys is key is None and not chain.has_default:
            return falls
        answers: dict[int, object] = {}
        known: dict[
            int, Answer
        ] = {}  # without keys of their own, rows that match alike ask the same
        empty = []
        numbers = [0] * len(falls) if at is None else at[falls].tolist()
        for row, number in zip(falls.tolist(), numbers, strict=True):
            answer = known.get(number)
            if answer is None:
                own = text_of(key if keys is None else keys[row])
                answer = chain.answer(self._question(self._matched.matches[number], own))
                if keys is None and type(answer.value) in _PLAIN:
                    known[number] = answer
            if answer.step is None:
                empty.append(row)
                continue
            answers[row] = answer.value
            status = BY_STEP.get(answer.step, Status.DEFAULT)
            self.status[row] = status
            self._count(status, 1)
            self.steps[answer.step] = self.steps.get(answer.step, 0) + 1
        if answers:
            self.values = columns.replaced(
                self.values, list(answers), list(answers.values()), is_own=self._is_own
            )
        return self._numpy.array(empty, self._numpy.intp)  # type: ignore[no-any-return]

    def _question(self, match: Match, key: str | None) -> Asked:
        return Asked(
            key=key,
            names=allowed_steps(match),
            is_killed=self._plan.is_killed,
            before=before_s(match),
            check=self._plan.check,
        )

    @property
    def _is_own(self) -> bool:
        return self.values is not self._given.values

    def match_of(self, row: int) -> Match:
        """Return what matches a row."""
        at = self._matched.at
        return self._matched.matches[0 if at is None else int(at[row])]

    def _count(self, status: Status, rows: int) -> None:
        if rows:
            self.tally[status] = self.tally.get(status, 0) + rows

    @property
    def unknown(self) -> int:
        """How many rows lack a value that a matching switch names (SG-4)."""
        lacks = [int(bool(one.missing)) for one in self._matched.matches]
        if not any(lacks):
            return 0
        which = self._matched.looked_up(self._numpy, lacks)
        return self._given.rows if isinstance(which, int) else int(self._numpy.count_nonzero(which))
