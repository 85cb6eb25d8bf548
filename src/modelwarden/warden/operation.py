"""How one process is: the health of its parts, figures, settings in force.

Health and readiness ask for no right and tell nothing about what is governed; settings take `settings.manage`,
figures `metrics.read`.
"""

from __future__ import annotations

import dataclasses
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.audit import actions as audit
from modelwarden.errors import NotReplicated, WardenError
from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.ledger.witness_policy import NONE
from modelwarden.notify import actions as notify
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions as safeguards
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.looking import state_of
from modelwarden.sinks.opening import follower_name
from modelwarden.store import entries, positions, witnesses
from modelwarden.store.change import View
from modelwarden.store.receipt import Standing
from modelwarden.values.health import (
    ComponentAnswer,
    EndpointFigure,
    FiguresAnswer,
    HealthAnswer,
    SettingAnswer,
    SinkFiguresAnswer,
)
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.config import Settings
    from modelwarden.sinks.looking import SinkState
    from modelwarden.sinks.opening import OpenSink
    from modelwarden.sinks.witnessing import Witnessing
    from modelwarden.store.follower import Follower
    from modelwarden.store.opening import Store
    from modelwarden.store.receipt import Receipt
    from modelwarden.values.clock import Clock

OK: Final = "ok"
DEGRADED: Final = "degraded"
DOWN: Final = "down"
RANK: Final = (OK, DEGRADED, DOWN)
NAMES: Final = MappingProxyType({"sqlite": "SQLite", "postgresql": "PostgreSQL"})
PASSWORD: Final = re.compile(r"(?<=:)(?!//)[^@]*(?=@)|(?<=password=)[^&]*")
"""What an address must not show: between the user's name and the host, and as a parameter."""
PATIENCE_S: Final = 3.0
LOOK_S: Final = 0.05
LAG_MOST: Final = 10_000
"""Entries behind which a follower counts as degraded."""


class Operation:
    """The parts of one process, looked at from outside."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        followers: Sequence[Follower],
        *,
        witnessing: Witnessing,
        sinks: Sequence[OpenSink],
        clock: Clock,
    ) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._witnessing, self._sinks = witnessing, sinks
        carried = {each.follower.name for each in sinks}
        self._followers = [each for each in followers if each.name not in carried]

    def sign(self) -> None:
        """Sign a checkpoint over all that is committed.

        Raises RollbackSuspected, LedgerUnavailable, and NotReplicated where a standby lacks it for some seconds.
        """
        with self._store.database.reading() as connection:
            size = entries.read_head(connection).size
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if unverified_checkpoint(self._store.signer.sign()).size >= size:
                    return
            except NotReplicated:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(LOOK_S)

    @property
    def is_witnessed(self) -> bool:
        """Tell whether a quorum of outside witnesses is asked for."""
        policy = self._witnessing.policy
        return policy is not None and policy.quorum != NONE

    def receipt(self, receipt: Receipt) -> Receipt:
        """Return a receipt as it stands now (LG-25). Raises LedgerUnavailable."""
        standing = self.standing(receipt.seq)
        return replace(receipt, status=standing.status, archived=standing.archived)

    def standing(self, seq: int) -> Standing:
        """Return how far an entry is proven now, and which sinks hold it (LG-25). Raises LedgerUnavailable."""
        names = [parse_address(text).name for text in self._settings.sinks]
        held = {name: positions.stored(self._store.database, follower_name(name)) for name in names}
        archived = tuple(name for name, at in held.items() if at.next_seq > seq)
        policy = self._witnessing.policy
        with self._store.database.reading() as connection:
            note = entries.newest_checkpoint(connection)
            if note is None or unverified_checkpoint(note).size <= seq:
                return Standing("committed", archived)
            found = (
                None
                if policy is None or policy.quorum == NONE
                else witnesses.witnessed(connection, seq, policy)
            )
        return Standing("checkpointed" if found is None else "witnessed", archived, found)

    def unready(self) -> tuple[str, ...]:
        """Return the parts for which writes would be refused now: none, when it is ready."""
        needed = (self._database(), self._ledger(), self._keys(), *self._look_at_sinks())
        return tuple(part.name for part in needed if part.status == DOWN)

    def health(self) -> HealthAnswer:
        """Return the state of each part; a part that writes need is `down` when they are refused."""
        parts = (
            self._database(),
            self._ledger(),
            self._keys(),
            *self._texts(),
            *self._standbys(),
            *map(_follower, self._followers),
            *(each.health() for each in self._witnessing.asking),
            *self._look_at_sinks(),
            *self._endpoints(),
        )
        worst = max((part.status for part in parts), key=RANK.index)
        return HealthAnswer(status=worst, components=parts)

    def figures(self, view: View) -> FiguresAnswer:
        """Return the figures of this moment. Raises NotPermitted."""
        authorize(view, Permission.METRICS_READ)
        head = entries.read_head(view.connection)
        signed, root = view.head()
        return FiguresAnswer(
            entries=head.size,
            signed=signed,
            root=root.hex(),
            origin=head.origin,
            waiting=self._store.writer.waiting(),
            follower_lag=max((follower.lag() for follower in self._followers), default=0),
            sinks=tuple(
                SinkFiguresAnswer(
                    name=state.name, lag_entries=state.entries, lag_seconds=state.seconds
                )
                for state in self._states()
            ),
            blocked=self._store.writer.blocked is not None,
            read_only=self._store.writer.read_only is not None,
            at=view.now,
            endpoints=tuple(
                EndpointFigure(endpoint=each.id, state=each.state.value, waiting=each.waiting)
                for each in notify.standings(view)
            ),
            safeguards=safeguards.figures(view),
            verification_failed=audit.is_broken(view),
        )

    def settings(self, view: View) -> tuple[SettingAnswer, ...]:
        """Return the settings in force. Raises NotPermitted."""
        authorize(view, Permission.SETTINGS_MANAGE)
        return tuple(
            SettingAnswer(name=field.name, value=_shown(getattr(self._settings, field.name)))
            for field in dataclasses.fields(self._settings)
        )

    def _states(self) -> list[SinkState]:
        now = self._clock.now()
        return [state_of(each, self._store, now=now) for each in self._sinks]

    def _look_at_sinks(self) -> list[ComponentAnswer]:
        try:
            return [_sink(state) for state in self._states()]
        except WardenError:  # the database does not answer, which is told of that
            return []

    def _database(self) -> ComponentAnswer:
        try:
            with self._store.database.reading() as connection:
                entries.read_head(connection)
        except WardenError:
            return ComponentAnswer(name="database", status=DOWN, detail="it does not answer")
        name = NAMES[self._store.database.dialect]
        return ComponentAnswer(name="database", status=OK, detail=name)

    def _ledger(self) -> ComponentAnswer:
        writer = self._store.writer
        if writer.blocked is not None:
            return ComponentAnswer(
                name="ledger", status=DOWN, detail=f"writes stopped: {writer.blocked.code}"
            )
        if not writer.is_alive():
            return ComponentAnswer(name="ledger", status=DOWN, detail="the writer has ended")
        return ComponentAnswer(
            name="ledger", status=OK, detail=f"{writer.waiting()} changes are waiting"
        )

    def _endpoints(self) -> tuple[ComponentAnswer, ...]:
        """Return how many endpoints there are in each state, if any: which they are is nobody's business here."""
        try:
            with self._store.database.reading() as connection:
                now, around = datetime.now(UTC), self._store.around
                view = View(connection, now=now, principal=system("health"), around=around)
                counts = notify.counts(view)
        except WardenError:  # the database says so itself
            return ()
        if not counts:
            return ()
        detail = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
        status = DEGRADED if counts.get("down") else OK
        return (ComponentAnswer(name="endpoints", status=status, detail=detail),)

    def _standbys(self) -> tuple[ComponentAnswer, ...]:
        if self._settings.ledger_sign_after != "replicated":
            return ()
        lacking = self._store.signer.lacking
        status = OK if lacking is None else DEGRADED
        detail = lacking or "what is signed is on every synchronous standby"
        return (ComponentAnswer(name="standbys", status=status, detail=detail),)

    def _texts(self) -> tuple[ComponentAnswer, ...]:
        if self._store.around.locked_before is None:
            return ()
        detail = "locked until two people list the erasures to apply again: audit unlock-texts"
        return (ComponentAnswer(name="texts", status=DEGRADED, detail=detail),)

    def _keys(self) -> ComponentAnswer:
        because = self._store.writer.read_only
        if because is not None:
            return ComponentAnswer(name="keys", status=DOWN, detail=str(because))
        return ComponentAnswer(name="keys", status=OK, detail="loaded")


def _follower(follower: Follower) -> ComponentAnswer:
    name = f"follower {follower.name}"
    if follower.stopped is not None:
        return ComponentAnswer(name=name, status=DEGRADED, detail="it stopped: chain mismatch")
    try:
        lag = follower.lag()
    except WardenError:
        return ComponentAnswer(name=name, status=DEGRADED, detail="its position can't be read")
    status = OK if lag <= LAG_MOST else DEGRADED
    return ComponentAnswer(name=name, status=status, detail=f"{lag} entries behind")


def _sink(state: SinkState) -> ComponentAnswer:
    status = DEGRADED if state.is_behind or state.trouble is not None else OK
    if state.is_behind and state.required:
        status = DOWN
    return ComponentAnswer(name=f"sink {state.name}", status=status, detail=state.words)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    text = "" if value is None else str(value)
    scheme, mark, rest = text.partition("://")
    return scheme + mark + PASSWORD.sub("***", rest) if mark else text
