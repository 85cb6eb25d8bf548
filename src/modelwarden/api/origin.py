"""Where a call comes from. Forwarded headers are believed from the named proxies alone (AC-74)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from starlette.requests import Request

UNKNOWN: Final = "unknown"
FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host")


def address_of(request: Request, proxies: Sequence[str]) -> str:
    """Return the caller's address: the last one in X-Forwarded-For that is no proxy of ours."""
    peer = request.client.host if request.client is not None else UNKNOWN
    if not proxies or not _is_within(peer, tuple(proxies)):
        return peer
    hops = request.headers.get("x-forwarded-for", "")
    for hop in reversed([part.strip() for part in hops.split(",")]):
        if not _is_address(hop):
            return peer
        if not _is_within(hop, tuple(proxies)):
            return hop
    return peer


def is_local(request: Request) -> bool:
    """Tell whether the call comes from this machine, and nobody passed it on."""
    peer = request.client.host if request.client is not None else UNKNOWN
    passed_on = any(name in request.headers for name in FORWARDED)
    return not passed_on and _is_address(peer) and ipaddress.ip_address(peer).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    if not _is_address(address):
        return False
    found = ipaddress.ip_address(address)
    return any(found in ipaddress.ip_network(network) for network in networks)
