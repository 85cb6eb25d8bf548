"""Game days: drills that run by themselves every so many days, in staging alone. Pure (SG-53).

One line of the setting `drills.schedule` is `MODEL/FAULT/SHARE/TTL/EVERY/AT`, as `churn/error/0.05/10m/30d/09:00`;
the time is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SettingInvalid, ValueInvalid
from modelwarden.guard.faults import parse_fault
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.drills.drill import LONGEST, basis_points, seconds
from modelwarden.values.ids import MODEL_NAME

if TYPE_CHECKING:
    from modelwarden.config import Settings

LATEST: Final = timedelta(hours=1)
"""A drill that could not begin for so long after its time waits for the next one."""
_LINE: Final = re.compile(
    r"(?P<model>[^/]+)/(?P<fault>[^/]+)/(?P<share>[^/]+)/(?P<ttl>[^/]+)/(?P<days>[1-9][0-9]{0,2})d"
    r"/(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9])"
)
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Plan(NamedTuple):
    """One drill that comes again.

    Attributes:
        text: the line of the setting, by which its drills are known.
        at: since midnight, UTC.
    """

    text: str
    model: str
    fault: str
    share: str
    ttl: str
    every: timedelta
    at: timedelta

    def last_due(self, now: datetime) -> datetime:
        """Return the last moment at which it was due."""
        slots = (now - _EPOCH - self.at) // self.every
        return _EPOCH + slots * self.every + self.at

    def is_due(self, now: datetime, last: datetime | None) -> bool:
        """Tell whether it has to run, given when it last did."""
        due = self.last_due(now)
        return now - due < LATEST and (last is None or last < due)


def read_plans(lines: tuple[str, ...]) -> tuple[Plan, ...]:
    """Read the setting. Raises SettingInvalid."""
    return tuple(_plan(line) for line in lines)


def check_drills(settings: Settings) -> None:
    """Refuse to begin with a schedule or environments that can't be ones. Raises SettingInvalid."""
    read_plans(settings.drills_schedule)
    unknown = sorted({*settings.drills_environments} - {each.value for each in Environment})
    if unknown:
        raise SettingInvalid(f"drills.environments: {unknown[0]!r} is no environment")


def _plan(line: str) -> Plan:
    try:
        return _read(line)
    except ValueInvalid as error:
        raise SettingInvalid(
            f"drills.schedule: {line!r} is not MODEL/FAULT/SHARE/TTL/EVERY/AT: {error}"
        ) from error


def _read(line: str) -> Plan:
    found = _LINE.fullmatch(line)
    if found is None or MODEL_NAME.fullmatch(found["model"]) is None:
        raise ValueInvalid("drills.schedule", "as churn/error/0.05/10m/30d/09:00")
    parse_fault(found["fault"])
    if not basis_points(found["share"]):
        raise ValueInvalid("share", "a part of 1, as 0.05")
    if not 0 < seconds("ttl", found["ttl"]) <= LONGEST[Environment.STAGING].total_seconds():
        raise ValueInvalid("ttl", f"at most {LONGEST[Environment.STAGING]}")
    return Plan(
        line,
        found["model"],
        found["fault"],
        found["share"],
        found["ttl"],
        every=int(found["days"]) * _DAY,
        at=timedelta(hours=int(found["hours"]), minutes=int(found["minutes"])),
    )
