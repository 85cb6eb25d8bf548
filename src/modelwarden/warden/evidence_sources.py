"""Which other systems of record this process can read for the gate, by the name that policies use (RL-33)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from modelwarden.deployments.github.source import SYSTEM
from modelwarden.deployments.servicenow.opening import open_servicenow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.approvals.external import Source
    from modelwarden.warden.warden import Warden


def sources_of(warden: Warden) -> Mapping[str, Source]:
    """Return the sources that the settings set up. Raises SettingInvalid."""
    found: dict[str, Source] = {}
    if warden.github is not None:
        found[SYSTEM] = warden.github.source
    servicenow = open_servicenow(warden, warden.settings)
    if servicenow is not None:
        found[servicenow.name] = servicenow
    return MappingProxyType(found)
