"""What became of the calls of versions, all workers together (RL-37)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.safeguards.by_version import queries
from modelwarden.safeguards.triggers.signal import Part, fair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.safeguards.by_version.queries import Counted
    from modelwarden.store.change import View


class Figures(NamedTuple):
    """What became of the calls of one version over a stretch of time, all workers together.

    Attributes:
        failed: of `calls`; `differed` of them were answered in a shadow, and not as the version that answered did.
        latency_s: how long a call took, on average; None of none.
    """

    calls: int = 0
    failed: int = 0
    differed: int = 0
    latency_s: float | None = None


def figures(  # the stretch of time, and of what
    view: View,
    model: str,
    environment: str,
    *,
    labels: Sequence[str],
    since: datetime,
    until: datetime,
) -> dict[str, Figures]:
    """Return what became of the calls of versions over whole slots, by label."""
    found = queries.counted(view, model, environment, labels=labels, since=since, until=until)
    return {label: _figures([one for one in found if one.label == label]) for label in labels}


def _figures(counted: Sequence[Counted]) -> Figures:
    failed = fair([Part(one.worker, one.added.calls, one.added.failed) for one in counted])
    differed = fair([Part(one.worker, one.added.calls, one.added.differed) for one in counted])
    calls = sum(one.added.calls for one in counted)
    busy = sum(one.added.busy_ms for one in counted)
    return Figures(failed.n, failed.bad, differed.bad, busy / calls / 1000 if calls else None)
