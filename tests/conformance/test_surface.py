"""The remote SDK has the rooms, methods, parameters, defaults and answers of the embedded one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from modelwarden.client.remote import Remote
from modelwarden.client.transport import Transport
from modelwarden.values.ids import ActorId, PersonId
from modelwarden.values.principal import ActorKind, Principal, Via
from modelwarden.warden.rooms import Rooms

if TYPE_CHECKING:
    from collections.abc import Mapping

NOBODY = Principal(
    actor=ActorId("usr_x"), kind=ActorKind.USER, person=PersonId("per_x"), via=Via.PROCESS
)


def rooms_of(whole: object) -> dict[str, type]:
    """Return the class of each room."""
    found = {name: type(room) for name, room in vars(whole).items() if not name.startswith("_")}
    return {name: kind for name, kind in found.items() if kind.__module__.startswith("modelwarden")}


def surface(whole: object) -> Mapping[str, str]:
    """Return `room.method` with its signature, as it is written."""
    return {
        f"{name}.{method}": str(inspect.signature(function))
        for name, kind in rooms_of(whole).items()
        for method, function in inspect.getmembers(kind, inspect.isfunction)
        if not method.startswith("_")
    }


@pytest.fixture
def embedded() -> Mapping[str, str]:
    return surface(Rooms(None, NOBODY))  # type: ignore[arg-type]  # nothing is called


@pytest.fixture
def remote() -> Mapping[str, str]:
    transport = Transport("http://127.0.0.1:1", "x")
    transport.close()
    return surface(Remote(transport))


def test_both_have_the_same_rooms_and_methods(
    embedded: Mapping[str, str], remote: Mapping[str, str]
) -> None:
    assert sorted(remote) == sorted(embedded)
    assert len(embedded) > 50


def test_every_method_has_the_same_signature(
    embedded: Mapping[str, str], remote: Mapping[str, str]
) -> None:
    both = embedded.keys() & remote.keys()
    assert {name: remote[name] for name in both} == {name: embedded[name] for name in both}


def test_each_room_is_described_alike() -> None:
    transport = Transport("http://127.0.0.1:1", "x")
    transport.close()
    there, here = rooms_of(Remote(transport)), rooms_of(Rooms(None, NOBODY))  # type: ignore[arg-type]
    assert {name: kind.__doc__ for name, kind in there.items()} == {
        name: kind.__doc__ for name, kind in here.items()
    }
