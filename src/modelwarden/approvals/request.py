"""An approval request: the question, the seats that answer it, its states (RL-14 to RL-17). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from modelwarden.approvals.decision import Answer
from modelwarden.errors import IllegalMove, RequestClosed, SeatUnknown
from modelwarden.values.ids import UseCaseName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from modelwarden.approvals.decision import Decision
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        Digest,
        Label,
        ModelName,
        PersonId,
        RequestId,
        VersionName,
    )

LATE: Final = "@due"
"""Ends a claim that holds only from the time that an answer is due."""

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"
Claimant: TypeAlias = str
"""Who may fill a seat: `role:approver`, `person:per_…`, `group:risk`, or from the time it is due `group:risk@due`."""


class RequestType(StrEnum):
    """What is asked for (RL-14); the other types arrive with their rooms."""

    RELEASE = "release"
    ACCESS = "access"
    USE_CASE = "use_case"
    EMERGENCY = "emergency"
    WAIVER = "waiver"


GOING_LIVE: Final = frozenset({RequestType.RELEASE, RequestType.EMERGENCY})
"""What, once approved, lets a version go live, or stay there."""


class RequestState(StrEnum):
    """`open → approved | rejected | withdrawn | expired | void`; `approved → void`."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    VOID = "void"


class Signing(StrEnum):
    """Whose key a decision takes (RL-31)."""

    PERSONAL = "personal"
    ANY = "any"


class Rejection(StrEnum):
    """When a request is rejected: at the first no, or once every seat has been heard."""

    ANY = "any"
    ALL_SEATS = "all_seats"


class Order(StrEnum):
    """Whether seats are filled as people come, or one after the other."""

    ANY = "any"
    SEQUENTIAL = "sequential"


class OnTimeout(StrEnum):
    """What becomes of a question that nobody answered in time; never an approval (RL-19)."""

    EXPIRE = "expire"
    REJECT = "reject"


class VoidCause(StrEnum):
    """Why an approval no longer holds (RL-17)."""

    ARTIFACT = "artifact"
    DATASETS = "datasets"
    METRICS = "metrics"
    CARD = "card"
    POLICY = "policy"
    CHECKS = "checks"
    KEY_COMPROMISED = "key_compromised"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    USE_CASE = "use_case"
    ENDED = "ended"


_S = RequestState
MOVES: Final[Mapping[RequestState, frozenset[RequestState]]] = MappingProxyType(
    {
        _S.OPEN: frozenset({_S.APPROVED, _S.REJECTED, _S.WITHDRAWN, _S.EXPIRED, _S.VOID}),
        _S.APPROVED: frozenset({_S.VOID}),
    }
)
"""A state that is no key is final: after it comes a new request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One place at the table: any of the claimants may fill it."""

    index: int
    claimants: tuple[Claimant, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles that may fill the seat."""
        return tuple(c.removeprefix("role:") for c in self.claimants if c.startswith("role:"))

    @property
    def persons(self) -> frozenset[str]:
        """Return the persons who may fill the seat by name."""
        return frozenset(
            c.removeprefix("person:") for c in self.claimants if c.startswith("person:")
        )

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups whose members may fill the seat, now or once an answer is due."""
        return tuple(
            c.removeprefix("group:").removesuffix(LATE)
            for c in self.claimants
            if c.startswith("group:")
        )

    @property
    def late_groups(self) -> tuple[str, ...]:
        """Return those of the groups that may fill it only once an answer is due (RL-19)."""
        return tuple(
            c.removeprefix("group:").removesuffix(LATE) for c in self.claimants if c.endswith(LATE)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """The question put to people about a version in an environment, or about a sensitive action.

    Attributes:
        seats: who may fill each seat; a seat's number is its place here.
        humans: how many different people have to agree.
        policies: the governing policies as pinned: name, version, hash (RL-13).
        basis: the members of the statement that depend on neither approver nor time (RL-24).
        payload: of an access request, the exact arguments of the action asked for (AC-41); of a use case, what it says;
            of an emergency, its ticket; of a waiver, which check, of which bytes, and who sees to it.
        expires_at: when the question, and the approval that may follow, loses its force.
        order: how seats are filled; None, in requests of older releases, is `any`.
        closed_at: when the request left `open`; `cause` says why an approval became void.
        due_at: when an answer is due; None is at no certain time.
        remind_at: when people are reminded next: at half of that time, then at its end, then no more.
        on_timeout: what becomes of it when its time runs out unanswered; None, in older requests, is `expire`.
        decided_at: when people's answers closed it.
    """

    id: RequestId
    type: RequestType
    environment: Environment
    requester: ActorId
    requester_person: PersonId
    justification: Commitment
    seats: tuple[tuple[Claimant, ...], ...]
    humans: int
    signature: Signing
    rejection: Rejection
    separate_deployer: bool
    void_on: tuple[str, ...]
    policies: tuple[Mapping[str, str | int], ...]
    basis: Mapping[str, Json]
    opened_at: datetime
    expires_at: datetime
    state: RequestState = RequestState.OPEN
    model: ModelName | None = None
    label: Label | None = None
    version: VersionName | None = None
    strategy: str | None = None
    action: str | None = None
    payload: Mapping[str, Json] | None = None
    payload_digest: Digest | None = None
    closed_at: datetime | None = None
    cause: VoidCause | None = None
    order: Order | None = None
    due_at: datetime | None = None
    remind_at: datetime | None = None
    on_timeout: OnTimeout | None = None
    decided_at: datetime | None = None
    revision: int = 0

    @property
    def places(self) -> tuple[Seat, ...]:
        """Return the seats in order."""
        return tuple(Seat(index=n, claimants=c) for n, c in enumerate(self.seats))

    @property
    def use_case(self) -> UseCaseName | None:
        """Return the use case that it is about, if it is about one."""
        if self.type is not RequestType.USE_CASE or self.payload is None:
            return None
        return UseCaseName(str(self.payload["use_case"]))

    @property
    def ticket(self) -> str | None:
        """Return the reference of an emergency's ticket."""
        if self.type is not RequestType.EMERGENCY or self.payload is None:
            return None
        return str(self.payload["ticket"])

    @property
    def about(self) -> tuple[tuple[str, str], ...]:
        """Return the subjects that a refusal concerns."""
        named = (
            ("approval", self.id),
            ("model", self.model),
            ("version", self.version),
            ("use_case", self.use_case),
        )
        return tuple((kind, name) for kind, name in named if name is not None)

    def is_open(self, *, at: datetime) -> bool:
        """Tell whether answers are taken: open, and its time not run out."""
        return self.state is RequestState.OPEN and at < self.expires_at

    @property
    def is_in_force(self) -> bool:
        """Tell whether it is open or approved."""
        return self.state in MOVES

    def is_overdue(self, *, at: datetime) -> bool:
        """Tell whether an answer is due, and none closed it yet."""
        return self.is_open(at=at) and self.due_at is not None and at >= self.due_at

    def require_open(self, *, at: datetime) -> None:
        """Raise RequestClosed unless answers are taken."""
        if not self.is_open(at=at):
            expired = self.state is RequestState.OPEN
            raise RequestClosed(self.id, RequestState.EXPIRED if expired else self.state)

    def seat(self, index: int) -> Seat:
        """Return a seat by its number. Raises SeatUnknown."""
        if not 0 <= index < len(self.seats):
            raise SeatUnknown(f"{self.id} has seats 0 to {len(self.seats) - 1}")
        return self.places[index]

    def open_seats(self, decisions: Iterable[Decision]) -> tuple[Seat, ...]:
        """Return the seats that nobody has answered for."""
        answered = {d.seat for d in decisions if d.stands}
        return tuple(seat for seat in self.places if seat.index not in answered)

    def seats_in_turn(self, decisions: Iterable[Decision]) -> tuple[Seat, ...]:
        """Return the seats that can be answered for now: the first open one alone where they have an order."""
        open_seats = self.open_seats(decisions)
        return open_seats[:1] if self.order is Order.SEQUENTIAL else open_seats

    def settle(self, decisions: Iterable[Decision], *, at: datetime) -> ApprovalRequest:
        """Return the request after these answers: closed by them, or as it was (RL-16)."""
        standing = [d for d in decisions if d.stands]
        everyone = not self.open_seats(standing)
        if any(d.verdict is Answer.REJECT for d in standing):
            heard = everyone or self.rejection is Rejection.ANY
            return self._decided(RequestState.REJECTED, at=at) if heard else self
        agreed = everyone and len({d.person for d in standing if d.is_human}) >= self.humans
        return self._decided(RequestState.APPROVED, at=at) if agreed else self

    def withdraw(self, *, at: datetime) -> ApprovalRequest:
        """Return the request, taken back. Raises IllegalMove."""
        return self._moved(RequestState.WITHDRAWN, at=at)

    def expire(self, *, at: datetime) -> ApprovalRequest:
        """Return what time made of it: a question expires or is rejected, an approval is void. Raises IllegalMove."""
        if self.state is RequestState.APPROVED:
            return self.void(VoidCause.EXPIRED, at=at)
        rejects = self.on_timeout is OnTimeout.REJECT
        return self._moved(RequestState.REJECTED if rejects else RequestState.EXPIRED, at=at)

    def reminded(self, *, at: datetime) -> ApprovalRequest:
        """Return the request after people were reminded: what is due already is not announced again."""
        due = self.due_at
        return replace(self, remind_at=due if due is not None and at < due else None)

    def void(self, cause: VoidCause, *, at: datetime) -> ApprovalRequest:
        """Return the request, void: what was signed no longer holds. Raises IllegalMove."""
        return replace(self._moved(RequestState.VOID, at=at), cause=cause)

    def _decided(self, to: RequestState, *, at: datetime) -> ApprovalRequest:
        return replace(self._moved(to, at=at), decided_at=at)

    def _moved(self, to: RequestState, *, at: datetime) -> ApprovalRequest:
        if to not in MOVES.get(self.state, frozenset()):
            raise IllegalMove("request", self.state, to)
        return replace(self, state=to, closed_at=at)
