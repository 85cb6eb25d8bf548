"""How a server is, which anybody may ask without a token."""

from __future__ import annotations

from modelwarden.client.decode import decode
from modelwarden.client.transport import Call, Transport, path
from modelwarden.values.health import HealthAnswer


def health(url: str) -> HealthAnswer:
    """Return the state of each part of a server. Raises Unreachable, ValueInvalid."""
    transport = Transport(url, token=None)
    try:
        return decode(HealthAnswer, transport.ask(Call(method="GET", path=path("health"))).json())
    finally:
        transport.close()
