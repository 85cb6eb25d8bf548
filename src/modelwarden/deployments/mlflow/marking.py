"""What MLflow is told of a version, as tags: how it stands, what vouches for it, and its bytes (RL-56)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.deployments.mlflow import queries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.store.change import View
    from modelwarden.values.ids import VersionName

STATUS: Final = "modelwarden.status"
EVIDENCE: Final = "modelwarden.evidence"
FINGERPRINT: Final = "modelwarden.fingerprint"


def marks(
    view: View, runs: Mapping[VersionName, str | None]
) -> dict[VersionName, Mapping[str, str | None]]:
    """Return the tags of each version that is registered here: its status, its approved request, its fingerprint.

    None stands for a tag that it must not have. One that came of another run has the same label by chance: it has none.
    """
    vouched = queries.newest_approved(view, runs)
    return {
        each.name: {
            STATUS: each.status.value,
            EVIDENCE: vouched.get(each.name),
            FINGERPRINT: next(iter(each.fingerprints), None),
        }
        for each in queries.versions_named(view, runs)
        if each.run == runs[each.name]
    }
