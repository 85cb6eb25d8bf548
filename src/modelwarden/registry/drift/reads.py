"""The authorised read of a version's drift reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.errors import NotFound
from modelwarden.registry.drift import queries
from modelwarden.registry.reads import version as readable_version
from modelwarden.values.drift import DriftReferenceAnswer

if TYPE_CHECKING:
    from modelwarden.guard.drift_edges import DriftReference
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View


class Referenced(NamedTuple):
    """A version, and what its features looked like when it was registered."""

    version: Version
    reference: DriftReference


def drift_reference(view: View, model_name: str, label: str) -> Referenced:
    """Return the drift reference of a version. Raises ModelNotFound, VersionNotFound, NotFound."""
    version = readable_version(view, model_name, label)
    found = queries.find_reference(view, version.name)
    if found is None:
        raise NotFound("drift reference of", version.name)
    return Referenced(version, found)


def drift_reference_answer(_view: View, found: Referenced) -> DriftReferenceAnswer:
    """Return a drift reference as callers see it."""
    return DriftReferenceAnswer(
        model=found.version.model,
        version=found.version.label,
        sha256=found.reference.sha256,
        edges_sha256=found.reference.edges.sha256,
        features=found.reference.encode()["features"],  # type: ignore[arg-type]
    )
