"""Which other systems of record this process can read for the gate, by the name that policies use (RL-33)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.approvals.external import Source
    from modelwarden.warden.warden import Warden


def sources_of(warden: Warden) -> Mapping[str, Source]:  # noqa: ARG001  # sources read settings and views of it
    """Return the sources that the settings set up. Raises SettingInvalid."""
    return MappingProxyType({})
