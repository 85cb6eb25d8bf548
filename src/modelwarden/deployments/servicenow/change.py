"""What a change in ServiceNow amounts to: whether it lets a version pass, and by whose word (RL-52). Pure.

Whoever loads it owes two things: every row of the change's approvals, and people's accounts by their `sys_id`, which
never changes; a name or an address of theirs gives no right (RL-54).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from modelwarden.approvals.external import Voice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from modelwarden.values.ids import PersonId

SCHEDULED, IMPLEMENT = "-2", "-1"
"""Codes of the states as an instance has them from the start."""
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
NO_CONFLICT: Final = "No Conflict"

State: TypeAlias = Literal["passed", "missing", "changes_requested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """One row of `change_request`.

    Attributes:
        marker: `correlation_id`: the request of ours that it was opened for.
        conflicts: `conflict_status`: only a check that ran and found none counts.
        starts_at, ends_at: the planned window; None where nobody planned one.
        told: `correlation_display`: what we wrote there last.
    """

    sys_id: str
    number: str
    marker: str
    approval: str
    state: str
    conflicts: str
    starts_at: datetime | None
    ends_at: datetime | None
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One row of `sysapproval_approver`: whom it asks, what was said, and who wrote that last.

    Attributes:
        group: `sys_id` of the group that the person was asked for; empty where it was the person alone.
    """

    user: str
    user_name: str
    state: str
    updated_by: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the installation asks of a change.

    Attributes:
        states: codes of the states in which a version may go live.
        approvers: how many people have to have approved; at least 1.
        cab_group: `sys_id` of the group for which one of them at least was asked; None for no such group.
    """

    states: frozenset[str] = frozenset({SCHEDULED, IMPLEMENT})
    approvers: int = 1
    cab_group: str | None = None


class Judgement(NamedTuple):
    """What a change amounts to: `why` names everything that stands against it."""

    state: State
    persons: frozenset[PersonId]
    why: str
    voices: tuple[Voice, ...] = ()


def judged(
    change: ChangeRequest,
    answers: Sequence[Answer],
    *,
    rules: Rules,
    people: Mapping[str, PersonId],
    barred: frozenset[PersonId],
    now: datetime,
) -> Judgement:
    """Return what a change amounts to now, with all that it lacks."""
    counted = _counted(answers, people=people, barred=barred)
    persons = frozenset(person for _, person in counted)
    heard = tuple(_voice(answer, people=people, barred=barred) for answer in answers)
    if change.approval == REJECTED or any(answer.state == REJECTED for answer in answers):
        return Judgement("changes_requested", persons, f"{change.number} was rejected", heard)
    lacks = [*_lacking(change, rules, now=now), *_unheard(counted, rules)]
    return Judgement("missing" if lacks else "passed", persons, "; ".join(lacks), heard)


def _counted(
    answers: Sequence[Answer], *, people: Mapping[str, PersonId], barred: frozenset[PersonId]
) -> list[tuple[Answer, PersonId]]:
    """Return each approval that was given by its own approver, a person we know who has no part in the case."""
    return [
        (answer, people[answer.user])
        for answer in answers
        if answer.state == APPROVED and not _why_not(answer, people=people, barred=barred)
    ]


def _voice(answer: Answer, *, people: Mapping[str, PersonId], barred: frozenset[PersonId]) -> Voice:
    """Return what one was asked and said; a no counts whoever wrote it."""
    why_not = _why_not(answer, people=people, barred=barred) if answer.state == APPROVED else ""
    counts = answer.state == REJECTED or (answer.state == APPROVED and not why_not)
    return Voice(
        account=answer.user,
        person=people.get(answer.user),
        said=answer.state,
        counts=counts,
        why=why_not or ("their own answer" if counts else "no answer that settles anything"),
    )


def _why_not(answer: Answer, *, people: Mapping[str, PersonId], barred: frozenset[PersonId]) -> str:
    """Return why an approval does not count; nothing where it does."""
    if not answer.user_name or answer.updated_by != answer.user_name:
        return "somebody else answered for them"  # an administrator can answer for anybody
    if answer.user not in people:
        return "the identity map does not know the account, or its person is not active here"
    return "they take part in the case" if people[answer.user] in barred else ""


def _lacking(change: ChangeRequest, rules: Rules, *, now: datetime) -> Iterator[str]:
    if change.approval != APPROVED:
        yield f"{change.number} is not approved"
    if change.state not in rules.states:
        yield f"its state is {change.state!r}"
    if change.starts_at is None or change.ends_at is None:
        yield "no window is planned"
    elif not change.starts_at <= now < change.ends_at:
        yield "now is outside its planned window"
    if change.conflicts != NO_CONFLICT:
        yield "its conflicts are unresolved, or nobody has looked for any"


def _unheard(counted: Sequence[tuple[Answer, PersonId]], rules: Rules) -> Iterator[str]:
    persons = {person for _, person in counted}
    if len(persons) < max(1, rules.approvers):
        yield f"{len(persons)} people count as approvers, {max(1, rules.approvers)} are needed"
    if rules.cab_group is not None and all(one.group != rules.cab_group for one, _ in counted):
        yield "nobody approved for the advisory board"
