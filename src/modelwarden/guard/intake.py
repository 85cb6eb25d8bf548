"""What becomes of a snapshot that arrives: taken or refused, held, and kept on disk (SG-17, SG-18, SG-21).

One thread at a time feeds an intake. A snapshot is read and compiled in slices between which other threads run; it
counts from the moment at which it is held, and is on disk a little later (`save`, for another thread).
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import time
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import KeyInvalid, NoPinnedKey, SignatureInvalid, SnapshotRejected
from modelwarden.guard.loading import LOADING
from modelwarden.guard.pins import Pins, fetched_keys, read_pems
from modelwarden.guard.snapshot import Floor, accepting
from modelwarden.guard.stops import Stops, forgotten, nameable, readable
from modelwarden.ledger.keys import verify_ed25519

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from modelwarden.guard.held import Clocks, Holder
    from modelwarden.guard.snapshot import Snapshot
    from modelwarden.guard.state import StateFolder

KEPT_S: Final = 1.0
"""Another snapshot is written to disk this often at most: what counts is held, and a flood wears no disk."""

SAVED_S: Final = 30.0
"""A head that is signed anew over the same body is written to disk this often at most."""

LOGGED_S: Final = 1.0
"""Refusals are logged this often at most, though a server that forges takes turns; all are counted and reported."""

AT_A_STRETCH_S: Final = 0.001
"""How long an intake works before it lets other threads run, and one slice more (SG-19: at most 5 ms)."""

_LOG: Final = logging.getLogger("modelwarden.guard")


class Applied(NamedTuple):
    """The last swap: which snapshot, where it came from, how long after its last byte, and when (monotonic clock)."""

    at: Floor
    source: str
    applied_ms: float
    swapped_at: float


class Intake:
    """Takes snapshots in for one guard.

    Attributes:
        pins: the keys that are trusted.
        floor: the newest snapshot seen; nothing older is taken.
        applied: the last swap.
        rejected: why the last snapshot that came was refused, or None.
        rejections: how many were.
    """

    def __init__(  # noqa: PLR0913  # the parts of a guard that it feeds
        self,
        *,
        model: str,
        environment: str,
        holder: Holder,
        pins: Pins,
        folder: StateFolder | None,
        clocks: Clocks,
        stops: Stops | None = None,
    ) -> None:
        self.model: Final = model
        self.environment: Final = environment
        self.pins = pins
        self.floor = Floor()
        self.applied: Applied | None = None
        self.rejected: str | None = None
        self.rejections = 0
        self._logged_at = float("-inf")
        self._given = bool(pins.first)
        self._verifier = pins.keys
        self._holder = holder
        self._folder = folder
        self._clocks = clocks
        self._stops = stops or Stops(model=model, holder=holder, wall=clocks.wall)
        self._let_go: frozenset[str] = frozenset()
        self._carried_saved = self._stops.carried
        self._unsaved: tuple[bytes, bytes, Floor] | None = None
        self._whole = b""  # the last wire that had a body
        self._saved_at: tuple[Floor, float] = Floor(), float("-inf")

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that is held."""
        return self._holder.held.snapshot

    # --- where a guard begins ----------------------------------------------------------------------

    def load(self, bootstrap: Path | None) -> None:
        """Take what was kept before this process began, else what came with the program; never raises for either."""
        self._load_keys()
        if self._folder is not None:
            try:
                self.floor = max(self.floor, self._folder.floor())
                self._carry_on(self._folder.carried())
                kept = self._folder.snapshot()
            except (OSError, ValueError) as error:
                self._not_kept("read", error)
            else:
                if kept is not None:
                    self.receive(kept, source="persisted")
        if self.snapshot is None and bootstrap is not None:
            try:
                data = bootstrap.read_bytes()
            except OSError as error:
                _LOG.warning("guard of %s: no bootstrap snapshot: %s", self.model, error)
            else:
                self.receive(data, source="bootstrap")

    def _load_keys(self) -> None:
        if self._folder is None:
            return
        try:
            kept = self._folder.keys()
            if kept is None:
                return
            LOADING.once(verify_ed25519, _load_verifier)
            pems, handovers = kept.get("keys"), kept.get("handovers")
            first = self.pins.first
            if not first and isinstance(pems, list):
                first = tuple(key for pem in pems for key in read_pems(str(pem)))
            self._trust(Pins(first, tuple(handovers) if isinstance(handovers, list) else ()))
        except (OSError, ValueError, TypeError, KeyInvalid) as error:
            self._not_kept("read", error)

    # --- what arrives ------------------------------------------------------------------------------

    def receive(self, wire: bytes, *, source: str) -> str | None:
        """Take a snapshot, or refuse it and keep what is held; return why it was refused."""
        began = self._clocks.monotonic()
        try:
            snapshot = self._accepted(wire)
        except SnapshotRejected as error:
            self._refuse(error)
            return error.reason
        self.floor = max(self.floor, snapshot.head.at)
        self.rejected = None
        before = self.snapshot
        if before is not None and snapshot.head.at.epoch > before.head.at.epoch:
            self._carry(wire)  # first, so that nothing passes between both
        if self._holder.take(snapshot, source=source):
            if before is None or before.switches is not snapshot.switches:
                swapped_at = self._clocks.monotonic()
                took_ms = (swapped_at - began) * 1e3
                self.applied = Applied(snapshot.head.at, source, took_ms, swapped_at)
                self._whole = wire
            if source != "persisted":
                self._unsaved = self._whole, wire, snapshot.head.at
        self._let_go |= self._stops.let_go(snapshot.dropped)
        return None

    def _carry(self, wire: bytes) -> None:
        """Carry on what the snapshot held knows and this one, of a later epoch, does not (SG-17)."""
        before, after = _body_of(self._whole), _body_of(wire)
        names = [str(name) for name in before.get("dimensions", [])]
        rules = forgotten(before["switches"], after["switches"], dimensions=names)
        known = {rule["id"] for rule in after["switches"]}
        self._let_go |= self._stops.let_go((), switches=known)
        if rules:
            self._stops.carry(rules, dimensions=names)
            _LOG.warning(
                "guard of %s carries %d switches on that the server does not know any more", self.model, len(rules)
            )  # fmt: skip

    def _carry_on(self, kept: dict[str, Any] | None) -> None:
        """Carry on what was carried before this process began."""
        if kept is None:
            return
        names = nameable(kept["dimensions"])
        self._stops.carry(readable(kept["rules"], names), dimensions=names)
        self._carried_saved = self._stops.carried

    def _accepted(self, wire: bytes) -> Snapshot:
        LOADING.once(verify_ed25519, _load_verifier)
        steps: Generator[None, None, Snapshot] = accepting(
            wire,
            verify=self._verifier.verify,
            environment=self.environment,
            model=self.model,
            floor=self.floor,
            held=self.snapshot,
        )
        paused = time.monotonic()
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                found: Snapshot = stop.value
                return found
            # Let those run that predict; but a busy machine takes its time to come back, and a kill waits for it.
            if time.monotonic() - paused > AT_A_STRETCH_S:
                time.sleep(0)
                paused = time.monotonic()

    def _refuse(self, error: SnapshotRejected) -> None:
        now = self._clocks.monotonic()
        if self.rejected != error.reason and now - self._logged_at >= LOGGED_S:
            self._logged_at = now
            _LOG.error("guard of %s refused a snapshot: %s", self.model, error)
        self.rejected = str(error.reason)
        self.rejections += 1

    # --- keys --------------------------------------------------------------------------------------

    @property
    def is_pinned(self) -> bool:
        """Say whether there is a key that a snapshot could be signed by."""
        return bool(self.pins.first)

    def heard_keys(self, data: bytes) -> None:
        """Pin the first keys that a server names; later ones count by handovers alone.

        Raises:
            KeyInvalid, NoPinnedKey: these are no keys.
        """
        LOADING.once(verify_ed25519, _load_verifier)
        keys, said = fetched_keys(data)
        if self.is_pinned:
            self._trust(self.pins.heard(said))
        elif keys:
            self._trust(Pins(keys).heard(said))
        else:
            raise NoPinnedKey("the server names no key")
        if self._folder is not None:
            try:
                first = [] if self._given else [key.pem for key in self.pins.first]
                self._folder.keep_keys(first, self.pins.handovers)
            except OSError as error:
                self._not_kept("written", error)

    def _trust(self, pins: Pins) -> None:
        self.pins = pins
        self._verifier = pins.keys

    # --- the disk, from another thread -------------------------------------------------------------

    def save(self, *, is_last: bool = False) -> float:
        """Write what is held to disk, if that is due or the last chance; return in how many seconds it will be due.

        Never raises for the disk's sake.
        """
        self._save_carried()
        unsaved = self._unsaved
        if unsaved is None or self._folder is None:
            return inf
        whole, wire, at = unsaved
        saved, moment = self._saved_at
        now = self._clocks.monotonic()
        left_s = moment + (SAVED_S if at == saved else KEPT_S) - now
        if not is_last and left_s > 0:
            return left_s
        self._unsaved = None
        self._saved_at = at, now
        try:
            self._folder.keep(_joined(whole, wire), at)
        except (OSError, ValueError) as error:
            self._not_kept("written", error)
        return inf

    def after_fork(self) -> None:
        """Leave the files' lock to the parent, in a forked child."""
        if self._folder is not None:
            self._folder.after_fork()

    def _save_carried(self) -> None:
        """Write what is carried on to disk before the snapshot that forgot it."""
        carried, gone = self._stops.carried, self._let_go
        if self._folder is None or carried is self._carried_saved:
            return
        try:
            self._folder.keep_carried(carried.rules, carried.dimensions, without=gone)
        except (OSError, ValueError) as error:
            self._not_kept("written", error)
        else:
            self._carried_saved = carried

    def _not_kept(self, verb: str, error: Exception) -> None:
        _LOG.warning("guard of %s: state is not %s: %s", self.model, verb, error)


def _load_verifier() -> None:
    """Check a signature that is none, which loads what reads keys and checks signatures, down to its last part."""
    with contextlib.suppress(SignatureInvalid, ImportError):
        LOADING.load("cryptography.hazmat.primitives.serialization")
        verify_ed25519(bytes(32), bytes(64), b"")


def _body_of(wire: bytes) -> dict[str, Any]:
    """Return the body of a snapshot that was accepted, as JSON."""
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(wire)["body"]))
    return found


def _joined(whole: bytes, newer: bytes) -> bytes:
    """Return a newer head with the body that it confirms; both were accepted, so both are JSON objects."""
    if whole is newer:
        return whole
    head, body = json.loads(newer)["head"], json.loads(whole)["body"]
    return json.dumps({"head": head, "body": body}).encode()
