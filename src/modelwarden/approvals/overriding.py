"""What an emergency change passes over at the gate, and what bars one (RL-44, AC-22). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.approvals.decision import Answer
from modelwarden.approvals.request import RequestState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from modelwarden.approvals.decision import Decision
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.values.ids import PersonId

OVERRIDDEN: Final = frozenset(
    {"checks_blocking", "checks_unknown", "lineage_incomplete", "not_approved", "rolled_back_since"}
)
"""Checks and missing seats, an approval since a rollback among them. Everything else holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What is weighed besides where a version goes live before people have agreed.

    Attributes:
        second_person: whether one other human has to have signed.
        unreviewed: emergency changes of the model that nobody has looked back at.
    """

    second_person: bool
    unreviewed: tuple[str, ...] = ()


def bars(
    emergency: Emergency,
    request: ApprovalRequest | None,
    *,
    decisions: Collection[Decision],
    others: frozenset[PersonId],
    at: datetime,
) -> Iterator[tuple[str, str]]:
    """Say what bars an emergency, as codes with details; `others` signed and take no other part in the case."""
    if emergency.unreviewed:
        before = ", ".join(emergency.unreviewed)
        yield "emergency_unreviewed", f"nobody looked back at {before}"
    if request is None or not (request.is_open(at=at) or request.state is RequestState.APPROVED):
        yield "emergency_closed", "no request stands that people could approve afterwards"
        return
    if any(decision.verdict is not Answer.APPROVE for decision in decisions):
        yield "emergency_rejected", f"somebody rejects {request.id}"
    if emergency.second_person and not others:
        yield "second_person_missing", f"one other human signs {request.id} first"
