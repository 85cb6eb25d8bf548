"""ServiceNow as a source of evidence for the gate, and what we write there: a change, later a note (RL-51, RL-52).

Everything here waits for the network: none of it runs inside a change.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelwarden.access.identities import mapping
from modelwarden.approvals import case
from modelwarden.approvals import queries as requests
from modelwarden.approvals.external import ExternalEvidence
from modelwarden.deployments.servicenow import queries, rows
from modelwarden.deployments.servicenow.change import Judgement, judged
from modelwarden.deployments.servicenow.instance import Template
from modelwarden.errors import ExternalUnreadable
from modelwarden.registry.queries import find_model, find_version
from modelwarden.values.ids import Digest, PersonId, ServicenowId
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from modelwarden.approvals.external import Asked
    from modelwarden.deployments.servicenow.change import Answer, ChangeRequest, Rules
    from modelwarden.deployments.servicenow.instance import Instance
    from modelwarden.deployments.servicenow.opened import About
    from modelwarden.store.change import View
    from modelwarden.values.clock import Clock
    from modelwarden.values.ids import DeploymentId, RequestId
    from modelwarden.values.principal import Principal

T = TypeVar("T")
NAME: Final = "servicenow"
ACTOR: Final = system(NAME)
NORMAL: Final = Template()


class Reads(Protocol):
    """What the source needs of the Warden."""

    @property
    def clock(self) -> Clock:
        """Return where "now" comes from."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How a change is opened, and through which states it is closed once its version is live.

    Attributes:
        closes: codes of states, one after the other; none leaves the change as it is.
        close_code: what the last of them is written with.
    """

    template: Template = NORMAL
    closes: tuple[str, ...] = ()
    close_code: str = "successful"


PLAINLY: Final = Ways()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Our side of a change: which one we opened, who is known there, who may not count."""

    opened: ServicenowId | None
    people: Mapping[str, PersonId]
    barred: frozenset[PersonId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What an instance says of a request: every change that names it, and the answers on the only one."""

    changes: tuple[ChangeRequest, ...]
    answers: tuple[Answer, ...]
    sha256: Digest


class ServiceNow:
    """One instance, read for the gate. Its address is the issuer of its users' identities (RL-54)."""

    def __init__(
        self, warden: Reads, instance: Instance, *, rules: Rules, url: str, ways: Ways = PLAINLY
    ) -> None:
        self._warden, self._instance, self._rules, self._url = warden, instance, rules, url
        self._ways = ways
        self._hinted = threading.Event()

    @property
    def name(self) -> str:
        """Return the name by which policies call it."""
        return NAME

    def evidence(self, asked: Asked) -> ExternalEvidence:
        """Return how the change of a release stands now. Raises ExternalUnreadable."""
        seen_at = self._warden.clock.now()
        if asked.request is None:
            return self._evidence(None, _nothing("nobody has asked for this release"), seen_at)
        found = look(self._instance, asked.request)
        users = [answer.user for answer in found.answers]
        load = partial(parties, request=asked.request, issuer=self._url, users=users)
        ours = self._warden.view(ACTOR, load)
        return self._evidence(found, self._judged(found, ours), seen_at)

    def hint(self) -> None:
        """Say that a change may have moved: whoever looks each minute looks soon."""
        self._hinted.set()

    def take_hint(self) -> bool:
        """Tell whether there was a hint since this was asked last."""
        hinted = self._hinted.is_set()
        self._hinted.clear()
        return hinted

    def open(self, about: About) -> ServicenowId:
        """Return the change of a request, opened now unless one stands already. Raises ExternalUnreadable."""
        found = look(self._instance, about.request).changes
        if not found:
            self._instance.create(about.words(), self._ways.template)
            found = look(self._instance, about.request).changes
        if len(found) != 1:
            raise ExternalUnreadable(f"{len(found)} changes in ServiceNow name {about.request}")
        return ServicenowId(found[0].sys_id)

    def tell(self, about: About, sys_id: ServicenowId, *, deployment: DeploymentId) -> None:
        """Note on a change that its version is live, once: note and mark are one write. Then close it, if that is set.

        Whoever was killed in between goes on where the change stands. Raises ExternalUnreadable.
        """
        found = look(self._instance, about.request).changes
        ours = next((change for change in found if change.sys_id == sys_id), None)
        if ours is None:
            raise ExternalUnreadable(f"the change of {about.request} is gone from ServiceNow")
        note = f"{about.version} is live in {about.environment} by {deployment}."
        if ours.told != deployment:
            self._instance.update(sys_id, {"work_notes": note, "correlation_display": deployment})
        for state in _after(ours.state, self._ways.closes):
            code = {"close_code": self._ways.close_code, "close_notes": note}
            last = code if state == self._ways.closes[-1] else {}
            self._instance.update(sys_id, {"state": state, **last})

    def close(self) -> None:
        """Let go of the connections."""
        self._instance.close()

    def _judged(self, found: Looked, ours: Parties) -> Judgement:
        if not found.changes:
            return _nothing("no change names this request")
        if len(found.changes) > 1:
            return _nothing(f"{len(found.changes)} changes name this request: one has to")
        (change,) = found.changes
        if ours.opened is not None and change.sys_id != ours.opened:
            return _nothing(f"{change.number} is not the change that was opened for this request")
        return judged(
            change,
            found.answers,
            rules=self._rules,
            people=ours.people,
            barred=ours.barred,
            now=self._warden.clock.now(),
        )

    def _evidence(
        self, found: Looked | None, judgement: Judgement, seen_at: datetime
    ) -> ExternalEvidence:
        one = found.changes[0].sys_id if found is not None and len(found.changes) == 1 else None
        return ExternalEvidence(
            system=NAME,
            url=self._url
            if one is None
            else f"{self._url}/nav_to.do?uri=change_request.do%3Fsys_id%3D{one}",
            sha256=Digest(hashlib.sha256().hexdigest()) if found is None else found.sha256,
            seen_at=seen_at,
            state=judgement.state,
            persons=judgement.persons,
            why=judgement.why or "approved",
            voices=judgement.voices,
        )


def look(instance: Instance, request: RequestId) -> Looked:
    """Return all that an instance says of a request. Raises ExternalUnreadable."""
    found = instance.found(rows.CHANGES, rows.query(correlation_id=request), rows.CHANGE_FIELDS)
    changes = tuple(rows.change_of(row) for row in found.rows)
    if any(change.marker != request for change in changes):
        raise ExternalUnreadable("ServiceNow answered with changes that nobody asked for")
    if len(changes) != 1:
        return Looked(changes=changes, answers=(), sha256=Digest(found.sha256.hex()))
    one = changes[0].sys_id
    said = instance.found(rows.ANSWERS, rows.query(sysapproval=one), rows.ANSWER_FIELDS)
    return Looked(
        changes=changes,
        answers=tuple(rows.answer_of(row, change=one) for row in said.rows),
        sha256=Digest(hashlib.sha256(found.sha256 + said.sha256).hexdigest()),
    )


def parties(view: View, *, request: RequestId, issuer: str, users: Sequence[str]) -> Parties:
    """Return our side of a change. Raises ExternalUnreadable for a request that is none of a release."""
    asked = requests.find_request(view, request)
    version = None if asked is None or asked.version is None else find_version(view, asked.version)
    model = None if version is None else find_model(view, version.model)
    if asked is None or version is None or model is None:
        raise ExternalUnreadable(f"{request} asks for no release")
    taking_part = case.release_parties(view, asked, model=model, version=version)
    opened = queries.find_opened(view, request)
    if view.is_frozen("servicenow_change", request):
        raise ExternalUnreadable(
            "a restore left the change of this request behind what the ledger tells"
        )
    return Parties(
        opened=None if opened is None else opened.change,
        people={
            user: known.person
            for user, known in mapping.known(view, issuer, users).items()
            if known.is_active
        },
        barred=frozenset[PersonId]().union(*taking_part.values()),
    )


def _after(state: str, closes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the states that a change has still to go through."""
    return closes[closes.index(state) + 1 :] if state in closes else closes


def _nothing(why: str) -> Judgement:
    return Judgement("missing", frozenset(), why)
