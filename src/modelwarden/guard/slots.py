"""Counts of requests by minute: what one reporter tells, and what all reporters' parts add up to (SL-14, SL-17).

Everything here is a value or a rule. Parts add up in any order to the same slot. Who the reporter is, where parts are
kept and which names of SLIs exist is left to the server; the wire form is in `slot_report`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from modelwarden.errors import SlotConflict, SlotInFuture, SlotInvalid, SlotTooLate
from modelwarden.guard import fields
from modelwarden.values import canonical
from modelwarden.values.clock import timestamp
from modelwarden.values.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_THRESHOLDS: Final = 8
MAX_NAME: Final = 328
"""Room for the longest names of a model, an environment and a use case, told together."""
AHEAD: Final = timedelta(minutes=2)
BEHIND: Final = timedelta(hours=48)

_SECONDS: Final = re.compile(r"(0|[1-9][0-9]{0,6})(\.[0-9]{0,8}[1-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Requests, split as SL-4 says. Raises SlotInvalid when the numbers contradict each other.

    Attributes:
        total: attempts.
        errors: attempts that failed; `blocked` ones were stopped by a switch; `fallbacks` were answered, but not by
            the model. No attempt is two of these.
        drilled: attempts that a drill struck; they are in no other number (SG-53).
        invalid: latencies that are NaN, infinite or negative. They are bad for every threshold: nothing shows that
            they were quick.
        thresholds: seconds as decimal text, rising.
        bad: for each threshold, attempts above it. A blocked attempt has no latency: it is neither bad nor in the
            sketch, so a share of slow ones is taken of `total - blocked`.
    """

    total: int = 0
    errors: int = 0
    blocked: int = 0
    fallbacks: int = 0
    drilled: int = 0
    invalid: int = 0
    thresholds: tuple[str, ...] = ()
    bad: tuple[int, ...] = ()
    sketch: Sketch = Sketch()  # noqa: RUF009  # a frozen value

    def __post_init__(self) -> None:
        for name in ("total", "errors", "blocked", "fallbacks", "drilled", "invalid"):
            fields.whole(SlotInvalid, name, getattr(self, name))
        check_thresholds(self.thresholds)
        if self.errors + self.blocked + self.fallbacks > self.total:
            raise SlotInvalid("errors", "no more errors, blocked and fallbacks together than total")
        timed = self.total - self.blocked
        if self.invalid + self.sketch.count > timed:
            raise SlotInvalid("sketch", f"no more values, also invalid ones, than {timed}")
        if len(self.bad) != len(self.thresholds):
            raise SlotInvalid("bad", f"one count for each of {len(self.thresholds)} thresholds")
        most = timed
        for count in self.bad:
            most = fields.whole(SlotInvalid, "bad", count, least=self.invalid, most=most)

    def added(self, other: Counts) -> Counts:
        """Return both together. Raises SlotInvalid for other thresholds or more than 2^53 - 1."""
        return Counts.sum_of((self, other))

    @classmethod
    def sum_of(cls, many: Sequence[Counts]) -> Counts:
        """Return all together, at least one. Raises SlotInvalid for other thresholds or more than 2^53 - 1."""
        thresholds = many[0].thresholds
        if any(one.thresholds != thresholds for one in many):
            raise SlotInvalid("thresholds", "those of the counts that are there already")
        return cls(
            total=sum(one.total for one in many),
            errors=sum(one.errors for one in many),
            blocked=sum(one.blocked for one in many),
            fallbacks=sum(one.fallbacks for one in many),
            drilled=sum(one.drilled for one in many),
            invalid=sum(one.invalid for one in many),
            thresholds=thresholds,
            bad=tuple(map(sum, zip(*(one.bad for one in many), strict=True))),
            sketch=Sketch.sum_of([one.sketch for one in many]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one reporter counted for one SLI in one minute since its last part. Raises SlotInvalid.

    Attributes:
        minute: whole minutes since 1970, UTC.
        number: 1, 2, 3, … in the life of one reporter; with SLI, minute and reporter it is the part's key.
        dropped: attempts that this reporter counted earlier and could not deliver (SL-16).
    """

    sli: str
    minute: int
    number: int
    counts: Counts
    dropped: int = 0

    def __post_init__(self) -> None:
        if not (0 < len(self.sli) <= MAX_NAME and self.sli.isprintable()):
            raise SlotInvalid("sli", f"a name of 1 to {MAX_NAME} printable characters")
        fields.whole(SlotInvalid, "minute", self.minute, most=fields.LAST_MINUTE)
        fields.whole(SlotInvalid, "part", self.number, least=1)
        fields.whole(SlotInvalid, "dropped", self.dropped)

    @property
    def starts(self) -> datetime:
        """Return when the minute begins."""
        return datetime.fromtimestamp(self.minute * 60, UTC)

    def encode(self) -> bytes:
        """Return the part's canonical bytes: equal parts have equal bytes."""
        counts = self.counts
        return canonical.encode(
            {
                "sli": self.sli,
                "minute": fields.minute_text(self.minute),
                "part": self.number,
                "total": counts.total,
                "errors": counts.errors,
                "blocked": counts.blocked,
                "fallbacks": counts.fallbacks,
                "invalid": counts.invalid,
                "thresholds": list(counts.thresholds),
                "bad": list(counts.bad),
                "sketch": base64.b64encode(counts.sketch.encode()).decode(),
                "dropped": self.dropped,
            }
            | marked(counts)
        )

    @property
    def sha256(self) -> str:
        """Return the digest by which a repeated part is told from another one."""
        return hashlib.sha256(self.encode()).hexdigest()

    def is_repeat_of(self, known_sha256: str | None) -> bool:
        """Say whether the part that is known under this key is this one; None is no part.

        Raises SlotConflict when it is another one: a part is never changed (SL-14).
        """
        if known_sha256 is None:
            return False
        if known_sha256 != self.sha256:
            raise SlotConflict(
                f"part {self.number} of {self.sli} at {timestamp(self.starts)} was told before, with other counts"
            )
        return True

    def check_time(self, now: datetime) -> None:
        """Raise SlotInFuture over 2 minutes ahead, SlotTooLate over 48 hours back (SL-17)."""
        if self.starts > now + AHEAD:
            raise SlotInFuture(f"{timestamp(self.starts)} is ahead of the server's clock")
        if self.starts < now - BEHIND:
            raise SlotTooLate(f"{timestamp(self.starts)} is more than 48 hours ago")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What all reporters counted for one SLI in one minute. It does not know parts: a repeated one must not be added.

    Attributes:
        reporters: who was heard, sorted.
    """

    sli: str
    minute: int
    counts: Counts
    reporters: tuple[str, ...]
    dropped: int = 0

    @classmethod
    def of(cls, part: Part, *, reporter: str) -> Slot:
        """Return the slot that one part makes."""
        return cls(
            sli=part.sli,
            minute=part.minute,
            counts=part.counts,
            reporters=(reporter,),
            dropped=part.dropped,
        )

    def added(self, other: Slot) -> Slot:
        """Return both together, in any order the same. Raises SlotInvalid for another SLI, minute or thresholds."""
        if (self.sli, self.minute) != (other.sli, other.minute):
            raise SlotInvalid("minute", "the same SLI and minute")
        return Slot(
            sli=self.sli,
            minute=self.minute,
            counts=self.counts.added(other.counts),
            reporters=tuple(sorted({*self.reporters, *other.reporters})),
            dropped=fields.whole(SlotInvalid, "dropped", self.dropped + other.dropped),
        )


def marked(counts: Counts) -> dict[str, int]:
    """Return what is written of drills: nothing where none struck, so that such counts keep their bytes."""
    return {"drilled": counts.drilled} if counts.drilled else {}


def check_thresholds(thresholds: tuple[str, ...]) -> None:
    """Raise SlotInvalid unless these are at most 8 rising decimals above zero, each in its shortest form."""
    expected = f"at most {MAX_THRESHOLDS} rising decimals of seconds, such as 0.25"
    if len(thresholds) > MAX_THRESHOLDS:
        raise SlotInvalid("thresholds", expected)
    before = Decimal(0)
    for text in thresholds:
        if not (_SECONDS.fullmatch(text) and Decimal(text) > before):
            raise SlotInvalid("thresholds", expected)
        before = Decimal(text)
