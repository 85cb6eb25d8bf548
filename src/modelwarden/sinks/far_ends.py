"""What the sinks' far ends hold, compared with the database: at the start, and every ten minutes (LG-26).

A checkpoint that our own log key signed and that is ahead of the database, or has another root, stops the writes of
this process, as the guard file does; nothing is recorded then, since it would be signed onto a past that is not the
ledger's. What nobody signed, or somebody else did, stops nothing: it is told (`sink.differs`). No far end is waited for
longer than a few seconds, whatever it does.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from modelwarden.errors import RollbackSuspected, SinkDiffers, WardenError
from modelwarden.ledger.elsewhere import ROLLED_BACK, FarEnd, Held, end_problems, is_signed
from modelwarden.sinks.sink import SIGNED, Looking, kind_of
from modelwarden.store import entries
from modelwarden.store.elsewhere import ours_in, own_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelwarden.ledger.result import Problem
    from modelwarden.sinks.address import SinkAddress
    from modelwarden.store.opening import Store

START_S: Final = 5.0
PATIENCE_S: Final = 30.0
"""So long far ends are waited for, all together: at the start, and whenever nobody waits."""
ASKED_S: Final = 10.0
"""And when somebody asks for it."""
SOON_S: Final = 60.0
AGAIN_S: Final = 600.0
LOG: Final = logging.getLogger("modelwarden.sinks")


class FarEnds:
    """The far ends of one store's sinks, in one process. Nothing is started where there are none."""

    def __init__(self, store: Store, addresses: Iterable[SinkAddress]) -> None:
        self._store, self._addresses = store, tuple(addresses)
        self._looks: dict[str, _Look] = {}
        self._lock = threading.Lock()
        self.differing: Mapping[str, Problem] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-far-ends", daemon=True)
        self._pause = SOON_S

    def start(self) -> None:
        """Compare those that keep signed checkpoints, now, and begin to look at all of them from time to time."""
        if self._addresses:
            signed = [each for each in self._addresses if each.kind in SIGNED]
            if not self._compared(signed, START_S):
                self._pause = START_S
            self._thread.start()

    def close(self) -> None:
        """Stop looking; a look under way ends by itself."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def read(self, patience: float = ASKED_S) -> tuple[FarEnd, ...]:
        """Return what all of them hold; of those that do not answer in so many seconds, that they do not.

        Read the database afterwards: see `end_problems`. Raises KeyUnusable, LedgerUnavailable.
        """
        return self._read(self._addresses, patience)

    def check(self) -> bool:
        """Compare all of them, and stop writes if need be. Returns whether each was reached; never raises."""
        return self._compared(self._addresses, PATIENCE_S)

    def _run(self) -> None:
        while not self._closing.wait(self._pause):
            self._pause = AGAIN_S if self.check() else SOON_S

    def _compared(self, addresses: Sequence[SinkAddress], patience: float) -> bool:
        try:
            ends = self._read(addresses, patience)
            self._compare(ends)
        except WardenError as error:
            LOG.warning("could not compare the copies with the ledger: %s", error)
            return False
        return all(end.unread is None for end in ends)

    def _compare(self, ends: Sequence[FarEnd]) -> None:
        differing = dict(self.differing)
        with self._store.database.reading() as connection:
            ours = ours_in(connection, self._store.around.keyring)
            for end in ends:
                problems = end_problems(end, ours)
                if end.unread is None:
                    differing.pop(end.name, None)
                else:
                    LOG.warning("the copy %s was not compared: %s", end.name, end.unread)
                if problems and problems[0].code == ROLLED_BACK:
                    self._block(problems[0])
                elif problems:
                    differing[end.name] = problems[0]
        self.differing = differing

    def _block(self, problem: Problem) -> None:
        """Stop the writes of this process; what stopped them before stands."""
        error = RollbackSuspected(
            f"{problem.detail}: the database was put back to an older state, or rewritten. Restore the newest backup,"
            " and name the copy with --ledger"
        )
        if self._store.writer.blocked is None:
            self._store.writer.blocked = error
            LOG.critical("writes stopped: %s", error)

    def _read(self, addresses: Sequence[SinkAddress], patience: float) -> tuple[FarEnd, ...]:
        if not addresses:
            return ()
        until = time.monotonic() + patience
        keyring = self._store.around.keyring
        with self._store.database.reading() as connection:
            keys_at = own_keys(connection, keyring)
            size = entries.read_head(connection).size
        looking = Looking(size, lambda note: is_signed(note, keys_at))
        with self._lock:
            looks = [self._look(each, looking) for each in addresses]
        return tuple(look.answer(until - time.monotonic()) for look in looks)

    def _look(self, address: SinkAddress, looking: Looking) -> _Look:
        """Return a new look at a far end; none is added to one that hangs."""
        known = self._looks.get(address.name)
        if known is not None and known.is_hanging:
            return known
        origin = self._store.around.keyring.origin
        self._looks[address.name] = look = _Look(address, origin, looking)
        return look


class _Look:
    """A look at one far end, in a thread that nobody has to wait for."""

    def __init__(self, address: SinkAddress, origin: str, looking: Looking) -> None:
        self._address, self._origin, self._looking = address, origin, looking
        self._found = FarEnd(address.name, unread="it has not answered yet")
        self._thread = threading.Thread(
            target=self._run, name=f"modelwarden-look-{address.name}", daemon=True
        )
        self._thread.start()

    @property
    def is_hanging(self) -> bool:
        """Whether it is still waited for."""
        return self._thread.is_alive()

    def answer(self, patience: float) -> FarEnd:
        """Return what was found in so many seconds."""
        self._thread.join(max(0.0, patience))
        return self._found

    def _run(self) -> None:
        name = self._address.name
        try:
            self._found = self._end(name)
        except SinkDiffers as error:
            self._found = FarEnd(name, differs=str(error))
        except Exception as error:  # noqa: BLE001  # the edge: whatever a far end does, it was not read
            self._found = FarEnd(name, unread=str(error) or type(error).__name__)

    def _end(self, name: str) -> FarEnd:
        kind = kind_of(self._address)
        with closing(kind.open_copy(self._address, origin=self._origin)) as copy:
            held = copy.end(self._looking)
        if held == Held():
            return FarEnd(name, unread="nothing that could be compared lies there yet")
        return FarEnd(name, held)
