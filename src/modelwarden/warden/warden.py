"""Warden: database, clock and keys in one object. It runs changes and views for an actor, and wires rooms together.

Doors come through here: the embedded SDK by `acting_as`, the API by `authenticate` and `submit`. It decides nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections import OrderedDict
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, Self, TypeVar

from modelwarden import config
from modelwarden.access import rights, set_up
from modelwarden.access.accounts import actor_named
from modelwarden.access.answers import user_answer
from modelwarden.access.credentials import is_well_formed
from modelwarden.audit.scrub import Scrub
from modelwarden.deployments.servicenow.source import ServiceNow
from modelwarden.errors import NotPermitted, Refusal, Unauthenticated
from modelwarden.notify.sending import Sending
from modelwarden.safeguards.actions import check_dimensions, check_drills
from modelwarden.safeguards.drift.counting import Flushes
from modelwarden.safeguards.fleet.reports import Reports
from modelwarden.safeguards.snapshots.broadcast import Broadcast
from modelwarden.sinks.far_ends import FarEnds
from modelwarden.sinks.opening import open_sinks
from modelwarden.sinks.pressure import Pressure
from modelwarden.sinks.upkeep import Upkeep
from modelwarden.sinks.witnessing import open_witnessing
from modelwarden.sla.ingest import Intake
from modelwarden.store.change import Change, View
from modelwarden.store.follower import close_all
from modelwarden.store.opening import open_store
from modelwarden.values.clock import Clock, SystemClock
from modelwarden.values.ids import ActorId, PersonId
from modelwarden.values.principal import ActorKind, Principal, Via
from modelwarden.warden.evidence_sources import sources_of
from modelwarden.warden.github import open_github
from modelwarden.warden.mlflow_sync import MlflowSync
from modelwarden.warden.networks import check_network
from modelwarden.warden.operation import Operation
from modelwarden.warden.reacting import reactions_of
from modelwarden.warden.repeatable import Key, once
from modelwarden.warden.rooms import Rooms
from modelwarden.warden.telling import record_use, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from modelwarden.config import Settings
    from modelwarden.ledger.elsewhere import FarEnd
    from modelwarden.store.change import Telemetry
    from modelwarden.store.opening import Store
    from modelwarden.store.receipt import Answer, Receipt, Standing
    from modelwarden.values.answers import UserAnswer
    from modelwarden.warden.audit_room import Audit
    from modelwarden.warden.github import Repository

T = TypeVar("T")
MOST_CACHED: Final = 10_000
TEMPORARY: Final = "sqlite://"
"""The address of a database, with its keys, in a folder that is deleted on closing."""


class Warden:
    """The whole program on one database. Close it, or use it in a `with`."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._folder = _temporary(settings)
        if self._folder is not None:
            settings = replace(settings, url=f"sqlite:///{self._folder.name}/warden.db")
        self.settings: Final = settings.located()
        check_dimensions(self.settings.switch_dimensions, drift_by=self.settings.drift_by)
        check_drills(self.settings)
        self.clock: Final = clock or SystemClock()
        self.store: Final[Store] = open_store(self.settings, self.clock, started=False)
        self._principals: OrderedDict[bytes, Principal] = OrderedDict()
        self._fresher: dict[str | None, Principal] = {}
        self._lock = threading.Lock()
        try:
            self.sinks: Final = open_sinks(self.settings.sinks, self.store)
            self.far_ends: Final = FarEnds(self.store, [each.address for each in self.sinks])
            self.witnessing: Final = open_witnessing(self, self.store)
            self.sending: Final = Sending(self.store, self.clock, self.settings)
            self.snapshots: Final = Broadcast(self, self.store)
            self.reports: Final = Reports(self.store.writer)
            self.drift: Final = Flushes(self.store.writer)
            self.intake: Final = Intake(self.store.writer)
            self.sources: Final = sources_of(self)
            self.mlflow: Final = MlflowSync(self)
            reactions = reactions_of(self)
        except BaseException:
            self.store.close()
            raise
        self.followers: Final = (*reactions, *(sink.follower for sink in self.sinks))
        self._pressure: Final = Pressure(
            [sink.address.name for sink in self.sinks if sink.address.required],
            self.store,
            self.clock,
            followers=self.followers,
        )
        self._upkeep: Final = Upkeep(
            self, self.store, self.sinks, self.followers, self.clock, far_ends=self.far_ends
        )
        self._scrub: Final = Scrub(self, self.store, hours=self.settings.scrub_hours)
        self.operation: Final = Operation(
            self.settings,
            self.store,
            self.followers,
            witnessing=self.witnessing,
            sinks=self.sinks,
            clock=self.clock,
        )
        self._start()

    def _start(self) -> None:
        """Compare the ledger with its copies; then let the signer, followers and whatever looks after it begin."""
        self.far_ends.start()
        self.store.start()
        for follower in self.followers:
            self.store.after_commit(follower.wake)
            follower.start()
        self._pressure.start()
        self._upkeep.start()
        self.store.after_commit(self.sending.wake)
        self.store.after_commit(self.snapshots.wake)
        self.sending.start()
        self._scrub.start()
        self.witnessing.start()

    @property
    def servicenow(self) -> ServiceNow | None:
        """Return the ServiceNow instance that is set up, if any."""
        found = self.sources.get("servicenow")
        return found if isinstance(found, ServiceNow) else None

    @cached_property
    def github(self) -> Repository | None:
        """Return the repository at GitHub that is set up, if any."""
        return open_github(self)

    @property
    def audit(self) -> Audit:
        """Return the room of the ledger, acting as the process that holds the database."""
        return Rooms(self, _PROCESS).audit

    def acting_as(self, name: str) -> Rooms:
        """Return the rooms, bound to an actor for whom this process vouches; entries say so (AC-5).

        Raises:
            NotPermitted: this is a server, where the actor comes from the credential.
            ActorNotFound: nobody has this handle or id.
        """
        if not self.settings.embedded:
            raise NotPermitted("a server acts for credentials alone; connect with a token")

        def load(view: View) -> Principal:
            return rights.principal_of(view, actor_named(view, name), via=Via.PROCESS)

        return Rooms(self, self.view(_PROCESS, load))

    def bound(self, principal: Principal) -> Rooms:
        """Return the rooms, bound to a principal that a credential gave."""
        return Rooms(self, principal)

    def add_user(
        self, handle: str, *, roles: Sequence[str] = (), email: str | None = None
    ) -> UserAnswer:
        """Add a user with roles, vouched for by this process, which owns the database.

        Raises:
            HandleTaken, RoleUnknown, RoleConflict.
            PermitNeeded: approvers and administrators, once bootstrap mode is over.
        """

        def add(change: Change) -> UserAnswer:
            actor = set_up.add_person(change, handle, roles=roles, email=email)
            return user_answer(change, actor)

        return self.change(_PROCESS, add)

    def authenticate(self, secret: str, *, address: str | None = None) -> Principal:
        """Return who a token stands for. A bad checksum never reaches the database (AC-50). Raises Unauthenticated."""
        principal = self.known(secret, address=address)
        if principal is None:
            principal = self.view(_PROCESS, partial(rights.authenticated, secret=secret))
            with self._lock:
                self._principals[_cached_under(secret)] = principal
                if len(self._principals) > MOST_CACHED:
                    self._principals.popitem(last=False)
            check_network(principal, address)
        return principal

    def known(self, secret: str, *, address: str | None = None) -> Principal | None:
        """Return who a token stands for, if it was seen before: this asks no database. Raises Unauthenticated."""
        if not is_well_formed(secret):
            raise Unauthenticated
        with self._lock:
            principal = self._principals.get(_cached_under(secret))
            if principal is not None:
                principal = self._fresher.get(principal.credential, principal)
        if principal is not None:
            check_network(principal, address)
        return principal

    def submit(self, principal: Principal, action: Callable[[Change], T]) -> Future[Answer]:
        """Queue a change; its future answers after the commit."""

        def run(change: Change) -> T:
            value = action(change)
            self._remember(change, principal)
            return value

        return self.store.writer.submit(principal, run)

    def submit_once(
        self,
        principal: Principal,
        action: Callable[[Change], tuple[str, T]],
        *,
        key: tuple[str, str],
        again: Callable[[View, str], T],
    ) -> Future[Answer]:
        """Queue a change that may be sent again under its key; `repeatable.once` says how (AC-72)."""
        return self.submit(principal, partial(once, action=action, key=Key(*key), again=again))

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change, wait for its commit, and return what the action returned."""
        value: T = self.submit(principal, action).result().value
        return value

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read. Refusals, and uses of sensitive permissions, are recorded before it answers (AC-60)."""
        with self.store.database.reading() as connection:
            view = View(
                connection, now=self.clock.now(), principal=principal, around=self.store.around
            )
            try:
                value = action(view)
                self._remember(view, principal)
            except Refusal as error:
                refusal: Refusal | None = error
            else:
                refusal = None
        if refusal is not None:
            self.change(principal, partial(refuse, refusal=refusal))
        if view.used:
            self.change(
                principal, partial(record_use, used=frozenset(view.used), opened=view.opened)
            )
        return value

    def _remember(self, view: View, before: Principal) -> None:
        """Keep rights that were read again, so that the next call needs not; each transaction compares them anyway."""
        if view.principal is not before and before.credential is not None:
            with self._lock:
                if len(self._fresher) > MOST_CACHED:
                    self._fresher.clear()
                self._fresher[before.credential] = view.principal

    def telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> T:
        """Run writes that are no change, and wait for their commit (LG-9)."""
        return self.store.writer.submit_telemetry(principal, action).result()

    def sign(self) -> None:
        """Sign a checkpoint over all that is committed, now. Raises RollbackSuspected, LedgerUnavailable."""
        self.operation.sign()

    def copies(self) -> tuple[FarEnd, ...]:
        """Return what lies at the far ends of the sinks, to be compared with what a view shows that begins later."""
        return self.far_ends.read()

    @property
    def is_witnessed(self) -> bool:
        """Tell whether a quorum of outside witnesses is asked for."""
        return self.operation.is_witnessed

    def receipt(self, receipt: Receipt) -> Receipt:
        """Return a receipt as it stands now: checkpointed, witnessed, archived (LG-25). Raises LedgerUnavailable."""
        return self.operation.receipt(receipt)

    def standing(self, seq: int) -> Standing:
        """Return how far an entry is proven now, and which sinks hold it (LG-25). Raises LedgerUnavailable."""
        return self.operation.standing(seq)

    def close(self) -> None:
        """Drain the writer, sign a last checkpoint, close all connections."""
        self.snapshots.close()
        self.reports.close()
        self.drift.close()
        self._scrub.close()
        self._upkeep.close()
        self.far_ends.close()
        self.witnessing.close()
        self._pressure.close()
        self.sending.close()
        if self.github is not None:
            self.github.abort()
        close_all(self.followers)
        for sink in self.sinks:
            sink.sink.close()
        for system in (self.github, self.servicenow):
            if system is not None:
                system.close()
        self.store.close()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _temporary(settings: Settings) -> tempfile.TemporaryDirectory[str] | None:
    return tempfile.TemporaryDirectory(prefix="modelwarden-") if settings.url == TEMPORARY else None


def open_warden(
    url: str | None = None, *, clock: Clock | None = None, **settings: object
) -> Warden:
    """Open a database in this process: `sqlite:///warden.db`, `postgresql://…`, or `sqlite://` for a temporary one.

    An empty database gets its tables, keys and ledger. Settings are those of `config.Settings`; what is not given here
    comes from the environment and `modelwarden.yaml`.

    Raises:
        SettingInvalid, SchemaTooOld, SchemaTooNew, KeyUnusable, LedgerUnavailable.
    """
    chosen = config.load({"url": url} | settings)
    return Warden(chosen, clock=clock)


_PROCESS: Final = Principal(
    actor=ActorId("system:process"),
    kind=ActorKind.SYSTEM,
    person=PersonId("system:process"),
    via=Via.PROCESS,
)


def _cached_under(secret: str) -> bytes:
    """Return a digest of the secret: unlike the keyed one it is made without letting go of the interpreter's lock."""
    return hashlib.sha256(secret.encode("ascii")).digest()
