"""Whether a credential may be used from where a call comes: tokens may name networks (AC-51)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from modelwarden.errors import Unauthenticated

if TYPE_CHECKING:
    from modelwarden.values.principal import Principal


def check_network(principal: Principal, address: str | None) -> None:
    """Raise Unauthenticated unless the address is in one of the credential's networks, where it names any."""
    if not principal.networks or address is None:
        return
    try:
        found = ipaddress.ip_address(address)
    except ValueError as error:
        raise Unauthenticated from error
    if not any(found in ipaddress.ip_network(network) for network in principal.networks):
        raise Unauthenticated
