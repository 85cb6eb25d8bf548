"""What the deployments room does to a version, as far as the registry sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.facts.registry import VersionRetired
from modelwarden.registry import queries

if TYPE_CHECKING:
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change
    from modelwarden.values.ids import VersionName


def goes_live(
    change: Change, *, name: VersionName, place: Environment, back: bool = False
) -> Version:
    found = queries.find_version(change, name)
    assert found is not None
    kept = change.save(found.ended(place, rolled_back=True) if back else found.went_live(place))
    change.record(VersionRetired(version=name, model=found.model, reason=None))  # any fact will do
    return kept
