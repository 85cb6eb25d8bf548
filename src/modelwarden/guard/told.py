"""What a guard tells of itself in its reports, beside what it holds (SG-22, step 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.guard.breaker import State
from modelwarden.guard.checks import NOT_FINITE
from modelwarden.guard.decision import Status

if TYPE_CHECKING:
    from modelwarden.guard.setting_up import Parts

REFUSING: Final = frozenset({State.OPEN, State.HALF_OPEN, State.FORCED_OPEN})
"""States of a breaker in which it refuses calls, or lets only a few through to try (SG-41)."""


def told(parts: Parts) -> dict[str, object]:
    """Return versions, counts and signals, what it decided in the last hour, and what it blocks by itself."""
    parts.traffic.note(parts.sites, decided=parts.counts.decided())
    return {
        "versions": parts.versions.reported(),
        "counts": counted(parts),
        "by_version": parts.counts.by_version.told(),
        "signals": parts.signals.now(site.place for site in list(parts.sites)),
        "traffic": parts.traffic.told(),
        "local_stops": parts.stops.told(),
    }


def counted(parts: Parts) -> dict[str, int]:
    """Return what was counted so far, by name."""
    counts, sender = parts.counts, parts.sender
    return {
        **{status.name.lower(): counts.of(status) for status in Status},
        "unknown_context": counts.unknown_context,
        "stale_inputs": counts.stale_inputs,
        "faults": counts.faults,
        **counts.drills(),
        "clock_behind": parts.holder.behind,
        "rejected": parts.intake.rejections,
        "local_stop": int(parts.stops.is_active),
        "reports_failed": parts.reports.failed,
        "shadow_dropped": parts.shadow.dropped,
        "drift_faults": parts.drift.faults_of_all(),
        "drift_dropped": 0 if sender is None else sender.dropped,
        "drift_refused": 0 if sender is None else sender.refused,
        "non_finite": counts.noticed.get(NOT_FINITE, 0),
        "open_breakers": sum(
            breaker.state in REFUSING
            for site in list(parts.sites)
            for breaker in site.place.breakers().values()
        ),
    }
