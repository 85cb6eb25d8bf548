"""Asks outside witnesses after each new checkpoint, and keeps what they say (LG-53).

Each witness has a thread of its own, so that a dead one delays no other; of several processes one asks it. What it
answers counts only as far as it is shown: a cosignature that verifies by a pinned key, or a checkpoint that our own log
key signed and that is not of this ledger. A witness's mere word stops no write.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from modelwarden.errors import (
    LedgerUnavailable,
    RollbackSuspected,
    SettingInvalid,
    Unreachable,
)
from modelwarden.facts.kinds import Code, KeyText
from modelwarden.facts.witness import WitnessAgreed, WitnessDisagreed
from modelwarden.ledger.checkpoint import Checkpoint, unverified_checkpoint
from modelwarden.ledger.elsewhere import is_signed
from modelwarden.ledger.merkle import consistency_proof, range_root
from modelwarden.sinks.witness import Cosigned, Elsewhere, WitnessClient
from modelwarden.store import entries, witnesses
from modelwarden.store.elsewhere import own_keys
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.witnesses import Differing, Standing
from modelwarden.values.health import ComponentAnswer
from modelwarden.values.ids import Digest
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.ledger.cosignature import WitnessKey
    from modelwarden.ledger.witness_policy import WitnessPolicy
    from modelwarden.sinks.witness import Inconsistent
    from modelwarden.store.change import Change, Telemetry
    from modelwarden.store.database import Lead
    from modelwarden.store.opening import Store
    from modelwarden.values.principal import Principal

T = TypeVar("T")
POLL_S: Final = 1.0
PAUSE_S: Final = 5.0
"""Between two questions to one witness: checkpoints of a busy ledger come each second."""
BACK_OFF_MOST_S: Final = 300.0
SPLIT_VIEW: Final = "split_view"
AHEAD: Final = "ahead"
ROLLED_BACK: Final = "rolled_back"
LOG: Final = logging.getLogger("modelwarden.witnesses")
_SEALER: Final = system("sealer")


class Acts(Protocol):
    """What asking needs of the Warden."""

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> T:
        """Run writes that are no change."""
        ...


class Disagreement(NamedTuple):
    """Why a witness does not cosign, and the checkpoint that it showed, if our key signed that."""

    cause: str
    known: Checkpoint | None = None
    theirs: bytes | None = None


class Asking:
    """One witness, and what it said last."""

    def __init__(self, warden: Acts, store: Store, client: WitnessClient) -> None:
        self._warden, self._store, self._client = warden, store, client
        self.failing: Exception | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-witness", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def close(self) -> None:
        """Stop, in the middle of a question if need be."""
        self._closing.set()
        self._client.abort()
        if self._thread.is_alive():
            self._thread.join()
        self._client.close()

    def health(self) -> ComponentAnswer:
        """Return how the witness is."""
        try:
            now = self._standing()
        except LedgerUnavailable:
            now = Standing(0, None)
        name = f"witness {self._client.keys[0].name}"
        if now.disagrees is not None:
            detail = f"it disagrees: {now.disagrees}"
        elif self.failing is not None:
            detail = str(self.failing)
        else:
            return ComponentAnswer(name=name, status="ok", detail=f"it cosigned {now.size} entries")
        return ComponentAnswer(name=name, status="degraded", detail=detail)

    def ask(self) -> bool:
        """Ask for a cosignature on the newest checkpoint, if it lacks one. Returns whether it was asked.

        Raises:
            Unreachable: no usable answer came.
        """
        with self._store.database.reading() as connection:
            note = entries.newest_checkpoint(connection)
        known = self._standing()
        if note is None:
            return False
        newest = unverified_checkpoint(note)
        if newest.size <= known.size and known.disagrees is None:
            return False
        answer = self._client.add_checkpoint(*self._proven(known.size, newest), note)
        if isinstance(answer, Elsewhere) and answer.size <= newest.size:
            answer = self._client.add_checkpoint(*self._proven(answer.size, newest), note)
        if isinstance(answer, Cosigned):
            self._keep(newest, answer, known)
        else:
            self._disagree(newest, note, self._shown(answer), known)
        return True

    def _proven(self, old: int, newest: Checkpoint) -> tuple[int, list[bytes]]:
        """Return the size to begin with and the proof from there; what a witness claims past us has none."""
        old = min(old, newest.size)
        with self._store.database.reading() as connection:
            return old, consistency_proof(old, newest.size, StoredNodes(connection))

    def _keep(self, newest: Checkpoint, answer: Cosigned, before: Standing) -> None:
        def keep(telemetry: Telemetry) -> None:
            witnesses.keep(telemetry.connection, newest.size, answer.lines)
            witnesses.move(telemetry.connection, self._client.keys, Standing(newest.size, None))

        self._warden.telemetry(_SEALER, keep)
        if before.disagrees is not None:
            self._tell(WitnessAgreed(witness=self._named, size=newest.size))

    def _shown(self, answer: Elsewhere | Inconsistent) -> Disagreement:
        """Look at the checkpoint that the witness cosigned: it proves something only if our key signed it.

        Raises Unreachable when it is merely ahead of the checkpoint that it was asked about.
        """
        theirs = self._client.newest(self._store.around.keyring.origin)
        known = self._signed_by_us(theirs)
        with self._store.database.reading() as connection:
            size = entries.read_head(connection).size
            if known is not None and known.size > size:
                return Disagreement(ROLLED_BACK, known, theirs)
            if known is not None and range_root(known.size, StoredNodes(connection)) != known.root:
                return Disagreement(SPLIT_VIEW, known, theirs)
        if isinstance(answer, Elsewhere) and answer.size <= size:
            raise Unreachable(f"{self._client.url} has a newer checkpoint already")
        return Disagreement(AHEAD if isinstance(answer, Elsewhere) else SPLIT_VIEW)

    def _signed_by_us(self, note: bytes | None) -> Checkpoint | None:
        """Return the checkpoint if a key of ours signed it that counts at its size (LG-64, LG-65)."""
        with self._store.database.reading() as connection:
            keys_at = own_keys(connection, self._store.around.keyring)
        if note is None or not is_signed(note, keys_at):
            return None
        return unverified_checkpoint(note)

    def _disagree(
        self, newest: Checkpoint, note: bytes, found: Disagreement, before: Standing
    ) -> None:
        """Keep both notes and tell, once until the witness agrees again. Raises Unreachable: it is asked later."""
        if before.disagrees is None:
            self._keep_both(newest, note, found, before)
            LOG.critical("the witness %s disagrees: %s", self._client.url, found.cause)
        if found.cause == ROLLED_BACK:
            self._block()
        raise Unreachable(f"{self._client.url} does not cosign: {found.cause}")

    def _block(self) -> None:
        """Stop the writes of this process (LG-26)."""
        self._store.writer.blocked = RollbackSuspected(
            f"the witness {self._client.keys[0].name} shows a larger checkpoint that this ledger's key signed: the"
            " database was put back to an older state. Restore the newest backup"
        )

    def _keep_both(
        self, newest: Checkpoint, note: bytes, found: Disagreement, before: Standing
    ) -> None:
        def keep(telemetry: Telemetry) -> None:
            both = Differing(
                witnesses.witness_id(self._client.keys[0]), newest.size, note, found.theirs
            )
            witnesses.keep_differing(telemetry.connection, both)
            now = Standing(before.size, found.cause)
            witnesses.move(telemetry.connection, self._client.keys, now)

        known = found.known
        self._tell(
            WitnessDisagreed(
                witness=self._named,
                cause=Code(found.cause),
                size=newest.size,
                root=Digest(newest.root.hex()),
                proven=known is not None,
                known_size=None if known is None else known.size,
                known_root=None if known is None else Digest(known.root.hex()),
            )
        )
        self._warden.telemetry(_SEALER, keep)

    @property
    def _named(self) -> KeyText:
        return KeyText(self._client.keys[0].vkey)

    def _standing(self) -> Standing:
        with self._store.database.reading() as connection:
            return witnesses.standing(connection, self._client.keys[0])

    def _tell(self, fact: WitnessDisagreed | WitnessAgreed) -> None:
        self._warden.change(_SEALER, partial(_record, fact=fact))

    def _run(self) -> None:
        name = f"witness.{self._client.keys[0].key_hash.hex()}"
        while not self._closing.is_set():
            lead = self._store.database.lead(name)
            if lead is None:
                self._heed()
                self._closing.wait(POLL_S)
                continue
            with closing(lead):
                self._keep_asking(lead)

    def _heed(self) -> None:
        """Stop writes for what the process that asks has found."""
        with contextlib.suppress(LedgerUnavailable):
            if self._standing().disagrees == ROLLED_BACK:
                self._block()

    def _keep_asking(self, lead: Lead) -> None:
        pause = POLL_S
        while not self._closing.is_set() and lead.holds():
            try:
                asked = self.ask()
                pause, self.failing = POLL_S, None
            except Exception as error:  # noqa: BLE001  # the edge: whatever a witness does, it is asked again
                LOG.warning("a witness is asked again in %.0f s: %s", pause, error)
                self.failing = error
                self._closing.wait(pause)
                pause = min(pause * 2, BACK_OFF_MOST_S)
                continue
            self._closing.wait(PAUSE_S if asked else POLL_S)


class Witnessing:
    """All witnesses that the settings name."""

    def __init__(self, asking: Sequence[Asking], policy: WitnessPolicy | None) -> None:
        self.asking: Final = tuple(asking)
        self.policy: Final = policy

    def start(self) -> None:
        """Begin to ask each of them."""
        for each in self.asking:
            each.start()

    def close(self) -> None:
        """Stop asking."""
        for each in self.asking:
            each.close()


def open_witnessing(warden: Acts, store: Store) -> Witnessing:
    """Return what asks the witnesses of the policy file that the settings name; nothing is started.

    Raises SettingInvalid when the file can't be read, names another log than ours, or a place that is none.
    """
    policy = witnesses.read_policy(store.around.settings.ledger_witness_policy)
    if policy is None:
        return Witnessing((), None)
    ours = store.around.keyring.log_key.verifier
    if policy.logs and ours not in policy.logs:
        raise SettingInvalid(
            f"ledger.witness_policy names other logs: add `log {ours.vkey}`, or point to this ledger's file"
        )
    places: dict[str, list[WitnessKey]] = {}
    for witness in policy.witnesses:
        if witness.url is not None:
            places.setdefault(witness.url, []).append(witness.key)
    clients = [WitnessClient(url, keys) for url, keys in places.items()]
    return Witnessing([Asking(warden, store, client) for client in clients], policy)


def _record(change: Change, *, fact: WitnessDisagreed | WitnessAgreed) -> None:
    change.record(fact)
