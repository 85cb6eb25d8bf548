"""What every kind of sink is: something that writes entries out, and something that reads them back.

Two seams, each with several real implementations: `Sink` is a follower's step with a way to try the connection, `Copy`
is what it left behind, whoever reads it. A kind is a module of this room with `open_sink` and `open_copy`.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from modelwarden.errors import SettingInvalid
from modelwarden.store.follower import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from modelwarden.ledger.elsewhere import Held
    from modelwarden.ledger.result import Problem
    from modelwarden.sinks.address import SinkAddress
    from modelwarden.store.opening import Store

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "worm": "modelwarden.sinks.worm",
        "tiles": "modelwarden.sinks.tiles",
        "tiles+s3": "modelwarden.sinks.tiles",
        "s3": "modelwarden.sinks.s3",
        "kafka": "modelwarden.sinks.kafka",
    }
)


SIGNED: Final = frozenset({"worm", "tiles", "tiles+s3", "s3"})
"""Kinds that keep signed checkpoints: these alone can show that a database was put back (LG-26)."""
MOST_LOOKED_AT: Final = 64
"""Checkpoints at a far end that are looked at until one is ours."""


class Looking(NamedTuple):
    """What a look at a far end goes by.

    Attributes:
        size: how many entries the ledger has.
        is_ours: tells whether our log's key signed a note.
    """

    size: int
    is_ours: Callable[[bytes], bool]


class Sink(Step, Protocol):
    """A follower's step that carries entries to a far end, which then holds them for good."""

    def probe(self) -> str:
        """Try the far end for real and say what it is, in a few words. Raises SinkUnusable, SettingInvalid."""
        ...

    def close(self) -> None:
        """Let go of connections and files; what was gathered is not written any more."""
        ...


class Copy(Protocol):
    """What a sink left at its far end, read for verification; no database is needed for it."""

    def lines(self, first: int = 0) -> Iterator[bytes]:
        """Yield the lines (LG-43) of entries from `first` on, in order, repeats left out; memory does not grow."""
        ...

    def notes(self) -> Iterable[bytes]:
        """Return the signed checkpoints that lie there, oldest first; none where the kind keeps none."""
        ...

    def end(self, looking: Looking) -> Held:
        """Return the newest checkpoints, down to the first that is ours, and the last entry if that is quick to find.

        Raises Unreadable, SinkUnusable, SinkDiffers.
        """
        ...

    def problems(self) -> Iterable[Problem]:
        """Return what is wrong with how it is kept: a seal, a second version, a lock that is gone. After `lines`."""
        ...

    def not_checked(self) -> Iterable[str]:
        """Return what this kind of copy can't show."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


class Kind(Protocol):
    """The module of one kind of sink."""

    def open_sink(self, address: SinkAddress, store: Store) -> Sink:
        """Return the sink; nothing is written yet. Raises SettingInvalid."""
        ...

    def open_copy(self, address: SinkAddress, *, origin: str | None) -> Copy:
        """Return what lies at the far end; `origin` chooses where several ledgers may lie. Raises Unreadable."""
        ...


def kind_of(address: SinkAddress) -> Kind:
    """Return the module of an address's kind, imported only now. Raises SettingInvalid."""
    name = KINDS.get(address.kind)
    if name is None:
        raise SettingInvalid(f"no such kind of sink: {address.kind}; known are {', '.join(KINDS)}")
    return cast("Kind", importlib.import_module(name))
