"""A segment: an unbroken range of entries as one object that is written once, what it is called and how it is locked.

Names carry the range in digits of one width, so that a listing gives them in the ledger's order. Pure rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SettingInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.sinks.address import SinkAddress

SEGMENTS: Final = "seg/"
CHECKPOINTS: Final = "checkpoint/"
MOST_ENTRIES: Final = 10_000
"""No segment is longer, so the one that holds an entry is found by listing from so many before it."""
MIB: Final = 1024 * 1024
MOST_MIB: Final = 16
MOST_BYTES: Final = (MOST_MIB + 1) * MIB
"""No object of ours is larger: the last line of a segment may reach over its limit."""
MARGIN: Final = timedelta(days=30)
MOST_DAYS: Final = 36_500
COMPLIANCE: Final = "COMPLIANCE"
MODES: Final = (COMPLIANCE, "GOVERNANCE")
REQUIRED_S: Final = 15
REQUIRED_ENTRIES: Final = 2_000
"""A required sink gathers less: writes are held back a minute or 10,000 entries behind it (LG-51)."""
TOGETHER: Final = 8
"""Segments that are looked for together: so many are sent again after a crash, or to a store that turned bad."""

_SEGMENT: Final = re.compile(r"seg/([0-9]{20})-([0-9]{20})\.jsonl")
_CHECKPOINT: Final = re.compile(r"checkpoint/([0-9]{20})")


class Span(NamedTuple):
    """A range of entries, ends included."""

    first: int
    last: int

    @property
    def key(self) -> str:
        """Return the name of its segment."""
        return f"{SEGMENTS}{self.first:020d}-{self.last:020d}.jsonl"


def span_of(key: str) -> Span | None:
    """Return the range that a key names; None for one that is not a segment's."""
    found = _SEGMENT.fullmatch(key)
    if found is None or int(found[1]) > int(found[2]):
        return None
    return Span(int(found[1]), int(found[2]))


def key_before(seq: int) -> str | None:
    """Return a key behind which the segment of an entry is listed, and one before it; None for the beginning.

    One before it, since some stores take a marker for a key that exists, and leave out the first behind it if not.
    """
    back = seq - 2 * MOST_ENTRIES
    return f"{SEGMENTS}{back:020d}" if back > 0 else None


def checkpoint_key(size: int) -> str:
    """Return the name of a checkpoint."""
    return f"{CHECKPOINTS}{size:020d}"


def size_of(key: str) -> int | None:
    """Return the size that a checkpoint's key names; None for another key."""
    found = _CHECKPOINT.fullmatch(key)
    return None if found is None else int(found[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """How long an object is kept from everybody, and how strictly."""

    mode: str
    days: int
    until: datetime
    legal_hold: bool = False

    def from_now(self, now: datetime) -> Lock:
        """Return the lock that a store takes: it refuses a date that has passed."""
        return replace(self, until=max(self.until, (now + MARGIN).replace(microsecond=0)))


class Weakness(NamedTuple):
    """Why a lock is not what it has to be: a code and a sentence."""

    code: str
    words: str


def weakness(found: Lock | None, asked: Lock) -> Weakness | None:
    """Compare a lock with one that was asked for; None if it is as strong."""
    if found is None:
        return Weakness(
            "bucket_not_locked", "no lock, or none that s3:GetObjectRetention lets us see"
        )
    if found.mode not in {asked.mode, COMPLIANCE}:
        return Weakness("retention_shortened", f"locked in mode {found.mode}, not {asked.mode}")
    if found.until < asked.until:
        words = f"locked until {found.until:%Y-%m-%d}, not until {asked.until:%Y-%m-%d}"
        return Weakness("retention_shortened", words)
    if asked.legal_hold and not found.legal_hold:
        return Weakness("retention_shortened", "no legal hold")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an address asks for: when a segment is full, how it is locked, how many are looked for together."""

    mode: str
    days: int
    legal_hold: bool
    seconds: int
    most_bytes: int
    entries: int
    together: int

    def lock(self, newest: datetime) -> Lock:
        """Return the lock of what was recorded up to `newest`: the same at each try."""
        until = (newest + timedelta(days=self.days) + MARGIN).replace(microsecond=0)
        return Lock(mode=self.mode, days=self.days, until=until, legal_hold=self.legal_hold)


OPTIONS: Final = frozenset(
    {"mode", "retention_days", "legal_hold", "segment_s", "segment_mb", "segment_entries"}
)


def plan_of(address: SinkAddress) -> Plan:
    """Read an address's options. Raises SettingInvalid."""
    options, name = address.options, address.name
    mode = options.get("mode", COMPLIANCE)
    hold = options.get("legal_hold", "false")
    if mode not in MODES or hold not in {"true", "false"}:
        raise SettingInvalid(
            f"sink {name}: mode is COMPLIANCE or GOVERNANCE, legal_hold true or false"
        )
    seconds, entries = (REQUIRED_S, REQUIRED_ENTRIES) if address.required else (60, MOST_ENTRIES)
    plan = Plan(
        mode=mode,
        days=_number(name, options, "retention_days", 2_555, MOST_DAYS),
        legal_hold=hold == "true",
        seconds=_number(name, options, "segment_s", seconds, 3_600),
        most_bytes=_number(name, options, "segment_mb", 8, MOST_MIB) * MIB,
        entries=_number(name, options, "segment_entries", entries, MOST_ENTRIES),
        together=1 if address.required else TOGETHER,  # each at once where writes wait for it
    )
    if address.required and (plan.seconds > 2 * seconds or plan.entries > 2 * entries):
        raise SettingInvalid(
            f"sink {name}: a required sink gathers for at most {2 * seconds} s and {2 * entries} entries, or writes"
            " would be held back before a segment is due"
        )
    return plan


def _number(name: str, options: Mapping[str, str], key: str, default: int, most: int) -> int:
    text = options.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        raise SettingInvalid(f"sink {name}: {key} is a number from 1 to {most:,}")
    if not 1 <= int(text) <= most:
        raise SettingInvalid(f"sink {name}: {key} is a number from 1 to {most:,}")
    return int(text)
