"""The sinks that the settings name, as followers of a store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwarden.errors import SettingInvalid
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.sink import kind_of
from modelwarden.store.follower import Follower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.sinks.address import SinkAddress
    from modelwarden.sinks.sink import Sink
    from modelwarden.store.opening import Store


@dataclass(frozen=True, slots=True)
class OpenSink:
    """A sink at work: its address, what writes, and the follower that drives it."""

    address: SinkAddress
    sink: Sink
    follower: Follower


def open_sinks(addresses: Sequence[str], store: Store) -> tuple[OpenSink, ...]:
    """Return a follower for each address; none is started. Raises SettingInvalid."""
    parsed = [parse_address(text) for text in addresses]
    twice = [name for name, count in Counter(each.name for each in parsed).items() if count > 1]
    if twice:
        raise SettingInvalid(f"two sinks are called {twice[0]}: give one another ?name=")
    return tuple(_open(address, store) for address in parsed)


def _open(address: SinkAddress, store: Store) -> OpenSink:
    sink = kind_of(address).open_sink(address, store)
    return OpenSink(address, sink, Follower(follower_name(address.name), store, sink))


def follower_name(name: str) -> str:
    """Return the name under which a sink's position is kept."""
    return f"sink.{name}"
