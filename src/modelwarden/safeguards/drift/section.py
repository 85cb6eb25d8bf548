"""What snapshots say of drift: edges of the versions that have them, and by what guards count apart (SG-15, SG-49)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.drift_edges import encode_edges
from modelwarden.registry.drift.queries import references_of
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import ModelName

if TYPE_CHECKING:
    from modelwarden.safeguards.snapshots.body import Topic
    from modelwarden.store.change import View

MOST_BYTES: Final = 1_048_576
"""Of edges in a snapshot: a quarter of it, so that they never keep a switch from being carried."""


def drift_section(view: View, topic: Topic) -> dict[str, Any] | None:
    """Return the section, of as many of the newest versions as fit; None where no version has edges."""
    versions: dict[str, Any] = {}
    room = MOST_BYTES
    for label, reference in references_of(view, ModelName(topic.model)):
        edges = encode_edges(reference.edges)
        room -= len(encode_any(edges)) + len(label) + 4
        if room < 0:
            break
        versions[label] = edges
    if not versions:
        return None
    return {"by": list(view.settings.drift_by), "versions": versions}
