"""The SQL of drift references. A row never changes: its digest stands in the fact that registered its version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, insert, select

from modelwarden.guard.drift_edges import DriftReference, read_reference
from modelwarden.store.schema.registry import drift_references, versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Row

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import Label, ModelName, VersionName

PART: Final = 20

_OF: Final = select(drift_references).where(drift_references.c.version == bindparam("version"))
_SHAPE: Final = select(
    drift_references.c.sha256, drift_references.c.edges_sha256, drift_references.c.shape
).where(drift_references.c.version == bindparam("version"))
_ADD: Final = insert(drift_references)
_OF_MODEL: Final = (
    select(versions.c.label, versions.c.created_at, drift_references.c.reference)
    .select_from(drift_references)
    .join(versions, versions.c.name == drift_references.c.version)
    .where(
        drift_references.c.model == bindparam("model"),
        versions.c.retired_at.is_(None),
        (versions.c.created_at < bindparam("at"))
        | ((versions.c.created_at == bindparam("at")) & (versions.c.label < bindparam("label"))),
    )
    .order_by(versions.c.created_at.desc(), versions.c.label.desc())
    .limit(PART)
)


class Shape(NamedTuple):
    """What counts of a version have to fit: the digest of its edges, and the cells of each feature, in order."""

    sha256: str
    edges_sha256: str
    cells: Mapping[str, int]


def keep_reference(
    change: Change, version: VersionName, model: ModelName, reference: DriftReference
) -> None:
    """Keep the reference of a version that is being registered."""
    row = {
        "version": version,
        "model": model,
        "sha256": reference.sha256,
        "edges_sha256": reference.edges.sha256,
        "shape": json.dumps({name: feature.cells for name, feature in reference.edges.features}),
        "reference": reference.canonical.decode(),
    }
    change.execute(_ADD, row)


def find_reference(view: View, version: VersionName) -> DriftReference | None:
    """Return the reference of a version, or None."""
    row = view.row(_OF, {"version": version})
    return None if row is None else _reference(row)


def find_shape(view: View, version: VersionName) -> Shape | None:
    """Return what counts of a version have to fit, or None where it has no reference."""
    row = view.row(_SHAPE, {"version": version})
    return None if row is None else Shape(row.sha256, row.edges_sha256, json.loads(row.shape))


def references_of(view: View, model: ModelName) -> Iterator[tuple[Label, DriftReference]]:
    """Yield the references of a model's versions that are not retired, newest first."""
    at, label = "~", ""
    while rows := view.rows(_OF_MODEL, {"model": model, "at": at, "label": label}):
        for row in rows:
            yield row.label, _reference(row)
        at, label = rows[-1].created_at, rows[-1].label


def _reference(row: Row[Any]) -> DriftReference:
    return read_reference(json.loads(row.reference))
