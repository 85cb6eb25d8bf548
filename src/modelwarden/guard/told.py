"""What a guard tells of itself in its reports, beside what it holds (SG-22, step 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.guard.checks import NOT_FINITE
from modelwarden.guard.decision import Status
from modelwarden.guard.signals import DISAGREEMENT

if TYPE_CHECKING:
    from modelwarden.guard.place import Place
    from modelwarden.guard.setting_up import Parts


def told(parts: Parts) -> dict[str, object]:
    """Return versions, counts and signals, what it decided in the last hour, and what it blocks by itself."""
    for site in list(parts.sites):
        site.place.watches.look_at(site)
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
        "failed": counts.of(Status.FAILED) - counts.not_stored,
        "raised": counts.raised,
        "stopped": counts.stopped,
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
        "disagreement": counts.noticed.get(DISAGREEMENT, 0),
        "slow": counts.slow,
        "inputs": counts.inputs,
        "bad_inputs": counts.bad_inputs,
        "clock_is_behind": int(parts.holder.is_behind),
        "stuck_outputs": sum(site.place.watches.stuck.is_stuck for site in list(parts.sites)),
        "open_breakers": sum(
            opened(site.place, now=parts.clocks.monotonic()) for site in list(parts.sites)
        ),
    }


def opened(place: Place, *, now: float) -> int:
    """Return how many breakers of a place refuse calls, or would; one that a drill finds open is among them (SG-53)."""
    found = sum(breaker.is_amiss for breaker in place.breakers().values())
    return max(found, int(now < place.found_open_until))
