"""What governs a release: policies joined into one set of requirements, the tightest of each (POL-6). Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.policies.check import BLOCK
from modelwarden.policies.duration import duration
from modelwarden.policies.rollout import join_rollouts
from modelwarden.policies.seats import BARRED, VOIDING
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest, GroupName, PersonId, PolicyName, RoleName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import timedelta

    from modelwarden.policies.check import Check
    from modelwarden.policies.document import PolicyDocument
    from modelwarden.policies.leave import Waivers
    from modelwarden.policies.rollout import Course
    from modelwarden.policies.seats import Approvals, Choice, Seat
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import ModelName

PUBLISH: Final = "policy.publish"
ASSIGN: Final = "policy.assign"
LATE: Final = "@due"
"""Ends a claim that holds only from the time that an answer is due."""


class PolicyRef(NamedTuple):
    """A policy as requests pin it and approvers sign it: name, version, hash (RL-13)."""

    name: PolicyName
    version: int
    hash: Digest


class SeatChoice(NamedTuple):
    """Who may fill a seat: holders of a role, one person, or a group; `late` is a group's from the time it is due."""

    role: RoleName | None = None
    person: PersonId | None = None
    group: GroupName | None = None
    late: bool = False

    @property
    def claimant(self) -> str:
        """Return the choice as text: `role:approver`, `person:per_…`, `group:risk`, `group:risk@due`."""
        if self.group is not None:
            return f"group:{self.group}{LATE if self.late else ''}"
        return f"role:{self.role}" if self.role is not None else f"person:{self.person}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRule:
    """`any` different people out of `of`; a plain seat is a quorum of one (POL-5)."""

    any: int
    of: tuple[SeatChoice, ...]


APPROVER: Final = (SeatChoice(role=RoleName("approver")),)
"""Who answers where a policy wants more people than it has seats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverTerms:
    """Who may give leave from a check, and for how long at most: the shortest and the most people of all (POL-6).

    Attributes:
        policies: those that let their checks be waived, as `name@version`.
    """

    longest: timedelta
    seats: tuple[SeatRule, ...]
    policies: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Automatic:
    """A seat that one of the policies fills by itself, while these checks pass (RL-42).

    Attributes:
        policy: which, as `name@version`.
        checks: `name@version/id`, all of which have to pass.
    """

    policy: str
    seat: str
    checks: frozenset[str]

    @property
    def person(self) -> PersonId:
        """Return how it is shown where a person would stand."""
        return PersonId(f"policy:{self.policy}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What one release to one environment has to meet.

    Attributes:
        seats: as many people in all as `humans` says.
        signature: `personal`, or `any` (RL-31).
        due: how long people have to answer before it is escalated; None is for as long as it takes.
        on_timeout: `reject`, or `expire`: what becomes of a question that nobody answers; never an approval.
        course: how a version goes live.
        needs_staging: how long the version has to have been live in staging; None is not at all.
        order: `sequential` where seats are filled one after the other, else `any`.
        rejection: `any` where one rejection closes, else `all_seats`.
        request_when: `no_block` where a failing blocking check refuses the question, else `any`.
        systems: other systems of record in which somebody has to have agreed: required by one is required.
        checks: those of every policy; each has to pass, so the tightest limit holds.
        second_person: whether one other human signs before an emergency change is made (RL-44).
        enforced: whether no policy merely observes or warns here (RL-12).
        policies: what was joined, by name.
        waivers: how a check may be waived; None where no policy lets any be.
        automatic: the seat that a policy fills by itself, if one does.
    """

    environment: Environment
    seats: tuple[SeatRule, ...]
    humans: int
    signature: str
    expires_after: timedelta
    due: timedelta | None
    on_timeout: str
    void_on: frozenset[str]
    barred: frozenset[str]
    separate_deployer: bool
    systems: tuple[str, ...]
    course: Course
    needs_staging: timedelta | None
    order: str
    rejection: str
    request_when: str
    checks: tuple[Check, ...]
    second_person: bool
    enforced: bool
    policies: tuple[PolicyRef, ...]
    waivers: WaiverTerms | None = None
    automatic: Automatic | None = None

    @property
    def strategy(self) -> str:
        """Return the strategy's name."""
        return self.course.strategy.value

    @property
    def pins(self) -> tuple[dict[str, str | int], ...]:
        """Return the governing policies as requests and check runs pin them (RL-13)."""
        return tuple({"name": p.name, "version": p.version, "hash": p.hash} for p in self.policies)

    @property
    def places(self) -> tuple[tuple[str, ...], ...]:
        """Return the seats one by one, each as the claimants that may fill it."""
        return places(self.seats)


def places(seats: Iterable[SeatRule]) -> tuple[tuple[str, ...], ...]:
    """Return seats one by one, each as the claimants that may fill it."""
    return tuple(
        tuple(choice.claimant for choice in rule.of) for rule in seats for _ in range(rule.any)
    )


def join(
    governing: Sequence[tuple[PolicyRef, PolicyDocument]],
    environment: Environment,
    *,
    enforced: bool = False,
) -> Requirements:
    """Return the requirements of policies together: most humans and seats, shortest lives, strictest signature.

    At least one policy has to be given; one alone is taken as it is. `enforced` lets no policy merely observe or
    warn: so it is in production at tiers 1 and 2 (RL-12).
    """
    ordered = sorted(governing, key=lambda pair: pair[0])
    parts = [document.approvals_in(environment) for _, document in ordered]
    rollouts = [document.rollout_in(environment) for _, document in ordered]
    seats = _seats(parts)
    humans = sum(rule.any for rule in seats)
    waits = [duration(rollout.needs.staging) for rollout in rollouts if rollout.needs.staging]
    return Requirements(
        environment=environment,
        seats=seats,
        humans=humans,
        signature="personal" if any(part.signature == "personal" for part in parts) else "any",
        expires_after=min(duration(part.expires_after) for part in parts),
        due=min((duration(part.due) for part in parts if part.due), default=None),
        on_timeout="reject" if any(part.on_timeout == "reject" for part in parts) else "expire",
        void_on=frozenset(VOIDING).union(*(part.void_on for part in parts)),
        barred=frozenset(BARRED).union(*(part.barred for part in parts)),
        separate_deployer=any(part.separate_deployer for part in parts),
        systems=tuple(sorted(frozenset[str]().union(*(part.systems for part in parts)))),
        course=join_rollouts(
            rollouts, [document.rollback_when_in(environment) for _, document in ordered]
        ),
        needs_staging=max(waits, default=None),
        order="sequential" if any(part.order == "sequential" for part in parts) else "any",
        rejection="any" if any(part.rejection == "any" for part in parts) else "all_seats",
        request_when="any" if all(part.request_when == "any" for part in parts) else "no_block",
        checks=checks_of(ordered, environment, enforced=enforced),
        second_person=any(part.second_person for part in parts),
        enforced=enforced,
        policies=tuple(ref for ref, _ in ordered),
        waivers=_waivers(ordered),
        automatic=_automatic(ordered, environment),
    )


def checks_of(
    governing: Iterable[tuple[PolicyRef, PolicyDocument]],
    environment: Environment,
    *,
    enforced: bool,
) -> tuple[Check, ...]:
    """Return the checks of policies as they hold in an environment; `enforced` lets none merely observe or warn."""
    found = (
        check
        for ref, document in governing
        for check in document.checks_in(environment, policy=f"{ref.name}@{ref.version}")
    )
    return tuple(replace(check, enforcement=BLOCK) if enforced else check for check in found)


def publish_payload(name: str, document_hash: str) -> Digest:
    """Return the digest of exactly this publication, as an approval request names it (AC-41)."""
    return Digest(digest({"policy": name, "hash": document_hash}))


def assign_payload(
    policy: str, *, model: ModelName | None, environment: Environment | None
) -> Digest:
    """Return the digest of exactly this assignment, as an approval request names it (AC-41)."""
    payload = {"policy": policy, "model": model, "environment": environment and environment.value}
    return Digest(digest({key: value for key, value in payload.items() if value is not None}))


def _seats(parts: Sequence[Approvals]) -> tuple[SeatRule, ...]:
    """Return the seats of all parts: of each sort as many as the part that wants most of it.

    Where one part alone says in which order seats are filled, they stand as it says.
    """
    (first, *others) = parts
    if first.order == "sequential" and not others:
        missing = first.humans - sum(seat.count for seat in first.seats)
        rules = tuple(SeatRule(any=seat.count, of=_choices(seat)) for seat in first.seats)
        return (*rules, SeatRule(any=missing, of=APPROVER)) if missing else rules
    most = _most(parts)
    missing = max(part.humans for part in parts) - most.total()
    if missing > 0:
        most[APPROVER] += missing
    return _rules(most)


def _waivers(governing: Iterable[tuple[PolicyRef, PolicyDocument]]) -> WaiverTerms | None:
    given = [(ref, document.waivers) for ref, document in governing if document.waivers is not None]
    if not given:
        return None
    return WaiverTerms(
        longest=min(duration(terms.max) for _, terms in given),
        seats=_rules(_most([terms for _, terms in given])),
        policies=frozenset(f"{ref.name}@{ref.version}" for ref, _ in given),
    )


def _automatic(
    governing: Sequence[tuple[PolicyRef, PolicyDocument]], environment: Environment
) -> Automatic | None:
    """Return the seat that one policy alone fills; none that another policy wants a human in, too."""
    given = [
        (ref, document.auto_approval)
        for ref, document in governing
        if document.auto_approval is not None and document.auto_approval.enabled
    ]
    if len(given) != 1:
        return None
    ((ref, auto),) = given
    others = [document.approvals_in(environment) for other, document in governing if other != ref]
    if any(seat.role == auto.seat for part in others for seat in part.seats):
        return None
    name = f"{ref.name}@{ref.version}"
    checks = frozenset(f"{name}/{each.check}" for each in auto.when.all)
    return Automatic(policy=name, seat=auto.seat, checks=checks)


def _most(parts: Sequence[Approvals | Waivers]) -> Counter[tuple[SeatChoice, ...]]:
    """Return of each sort of seat as many as the part that wants most of it."""
    most: Counter[tuple[SeatChoice, ...]] = Counter()
    for part in parts:
        wanted: Counter[tuple[SeatChoice, ...]] = Counter()
        for seat in part.seats:
            wanted[_choices(seat)] += seat.count
        most |= wanted
    return most


def _rules(most: Counter[tuple[SeatChoice, ...]]) -> tuple[SeatRule, ...]:
    return tuple(
        SeatRule(any=count, of=of) for of, count in sorted(most.items(), key=_by_claimants)
    )


def _choices(seat: Seat) -> tuple[SeatChoice, ...]:
    choices = {each for choice in seat.choices for each in _claims(choice)}
    return tuple(sorted(choices, key=lambda choice: choice.claimant))


def _claims(choice: Choice) -> Iterator[SeatChoice]:
    """Yield who may fill a seat by one choice: a group beside a role or person only once an answer is due."""
    if choice.role is not None:
        yield SeatChoice(role=RoleName(choice.role))
    if choice.person is not None:
        yield SeatChoice(person=PersonId(choice.person))
    if choice.group is not None:
        yield SeatChoice(group=GroupName(choice.group), late=choice.hands_over)


def _by_claimants(item: tuple[tuple[SeatChoice, ...], int]) -> list[str]:
    return [choice.claimant for choice in item[0]]
