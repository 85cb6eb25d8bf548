"""The scrub: a thread that verifies the ledger again and again, so that damage is found while copies are fresh (LG-31).

One process leads. A minute after the start it verifies the newest 10,000 entries, and every `scrub_hours` all of them,
part by part, pausing as long as each part took. It records a fact when all was verified, or when something is wrong.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelwarden.audit import queries
from modelwarden.audit.answers import verification_answer
from modelwarden.audit.search import EntryFilter
from modelwarden.audit.verifying import record_verification
from modelwarden.errors import WardenError
from modelwarden.ledger.result import Result
from modelwarden.store import entries
from modelwarden.store.verification import verify_ledger
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from modelwarden.store.change import Change, View
    from modelwarden.store.opening import Store
    from modelwarden.values.answers import VerificationAnswer
    from modelwarden.values.principal import Principal

T = TypeVar("T")
NAME: Final = "scrub"
FIRST_S: Final = 60.0
LOOK_S: Final = 300.0
AT_START: Final = 10_000
PART: Final = 400 * 256
"""Entries verified at once: no reading transaction is open for long."""
LOG: Final = logging.getLogger("modelwarden.scrub")
_ACTOR: Final = system("scrub")


class Acts(Protocol):
    """What the scrub needs of the Warden."""

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...


class Scrub:
    """The thread of one process. `close` ends it within a part."""

    def __init__(self, warden: Acts, store: Store, *, hours: int) -> None:
        self._warden, self._store = warden, store
        self._every = timedelta(hours=hours)
        self._tried: datetime | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-scrub", daemon=True)

    def start(self) -> None:
        """Begin, a minute from now; never, if the settings say 0 hours."""
        if self._every:
            self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def newest(self) -> VerificationAnswer | None:
        """Verify the newest entries; what is wrong is recorded."""
        size = self._size()
        return self._told(self._verified(max(0, size - AT_START), size), is_whole=False)

    def whole(self) -> VerificationAnswer | None:
        """Verify all entries, and record what was found. None if it had to stop."""
        self._tried = self._warden.view(_ACTOR, lambda view: view.now)
        return self._told(self._verified(0, self._size()), is_whole=True)

    def is_due(self) -> bool:
        """Tell whether no scrub of all entries was recorded for as long as the settings allow."""
        return self._warden.view(_ACTOR, self._is_due)

    def _run(self) -> None:
        if self._closing.wait(FIRST_S):
            return
        while not self._closing.is_set():
            self._try(self._while_leading)
            self._closing.wait(LOOK_S)

    def _while_leading(self) -> None:
        lead = self._store.database.lead(NAME)
        if lead is None:
            return
        with contextlib.closing(lead):
            self._try(self.newest)
            while lead.holds() and not self._closing.is_set():
                self._try(self._whole_if_due)
                self._closing.wait(LOOK_S)

    def _whole_if_due(self) -> None:
        if self.is_due():
            self.whole()

    def _try(self, scrub: Callable[[], object]) -> None:
        try:
            scrub()
        except (WardenError, OSError) as error:  # a thread that ends would scrub never again
            LOG.warning("the scrub tries again later: %s", error)

    def _is_due(self, view: View) -> bool:
        since = view.now - self._every
        if (
            self._tried is not None and self._tried > since
        ):  # and it failed, or it would be recorded
            return False
        wanted = EntryFilter(actor=_ACTOR.actor, types=("ledger.verified",), since=since)
        return not queries.page(view, wanted, below=queries.END, limit=1).seqs

    def _size(self) -> int:
        with self._store.database.reading() as connection:
            return entries.read_head(connection).size

    def _verified(self, first: int, size: int) -> Result | None:
        """Verify entries `first` to `size - 1` part by part; None when it is closed meanwhile."""
        whole = Result(first=first, size=first)
        for begin in range(first, size, PART):
            started = time.monotonic()
            part = self._part(begin, min(begin + PART, size) - 1)
            whole = replace(part, first=first, problems=(), problem_count=0, warnings=()).adding(
                (*whole.problems, *part.problems), count=whole.problem_count + part.problem_count
            )
            if self._closing.wait(time.monotonic() - started):
                return None
        return whole

    def _part(self, first: int, last: int) -> Result:
        keyring = self._store.around.keyring
        keys = [keyring.log_key.verifier]
        with self._store.database.reading() as connection:
            return verify_ledger(
                connection, origin=keyring.origin, keys=keys, first=first, last=last
            )

    def _told(self, result: Result | None, *, is_whole: bool) -> VerificationAnswer | None:
        if result is None or result.size == 0:
            return None
        answer = verification_answer(result)
        if not answer.ok:
            LOG.critical("the ledger does not verify: %s", answer.problems[:3])
        if is_whole or not answer.ok:
            self._warden.change(_ACTOR, partial(record_verification, answer=answer))
        return answer
