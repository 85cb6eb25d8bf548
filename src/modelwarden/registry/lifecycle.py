"""The states of a version as tables: its approval in each environment, its stage and its status. Pure.

Approval is stored; stage and status are derived from what is stored and kept nowhere (product.md, "Lifecycles").
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import IllegalMove

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Environment(StrEnum):
    """Where a version can be live, lowest first."""

    STAGING = "staging"
    PRODUCTION = "production"


class ApprovalState(StrEnum):
    """What people have said about a version in one environment."""

    DRAFT = "draft"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


class Stage(StrEnum):
    """The highest environment in which a version is live now."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


class Status(StrEnum):
    """One word for lists, and for the field `status` of the source documents."""

    ARCHIVED = "archived"
    DEPLOYED_PRODUCTION = "deployed_production"
    DEPLOYED_STAGING = "deployed_staging"
    ROLLED_BACK = "rolled_back"
    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"
    REGISTERED = "registered"


ROLLED_BACK: Final = "rolled_back"
"""What `last_ended` says when the latest deployment of a version was rolled back."""

_A = ApprovalState
MOVES: Final[Mapping[ApprovalState, frozenset[ApprovalState]]] = MappingProxyType(
    {
        _A.DRAFT: frozenset({_A.PENDING}),
        _A.PENDING: frozenset({_A.APPROVED, _A.REJECTED, _A.DRAFT, _A.VOID}),
        _A.APPROVED: frozenset({_A.VOID}),
        _A.REJECTED: frozenset({_A.PENDING}),
        _A.VOID: frozenset({_A.PENDING}),
    }
)
"""Pending falls back to draft when withdrawn or expired; after rejection or void comes a new request."""

_ANSWERS: Final = MappingProxyType(
    {
        _A.APPROVED: Status.APPROVED,
        _A.PENDING: Status.PENDING,
        _A.REJECTED: Status.REJECTED,
    }
)


def move(state: ApprovalState, to: ApprovalState) -> ApprovalState:
    """Return the state that was asked for. Raises IllegalMove."""
    if to not in MOVES[state]:
        raise IllegalMove("version's approval", state, to)
    return to


def stage(*, retired: bool, live_in: Collection[str]) -> Stage:
    """Return the stage of a version."""
    if retired:
        return Stage.ARCHIVED
    if Environment.PRODUCTION in live_in:
        return Stage.PRODUCTION
    return Stage.STAGING if Environment.STAGING in live_in else Stage.DEVELOPMENT


def status(
    *, retired: bool, live_in: Collection[str], last_ended: str, approvals: Mapping[str, str]
) -> Status:
    """Return the status of a version: the first line of product.md's table that matches."""
    if retired:
        return Status.ARCHIVED
    if Environment.PRODUCTION in live_in:
        return Status.DEPLOYED_PRODUCTION
    if Environment.STAGING in live_in:
        return Status.DEPLOYED_STAGING
    if last_ended == ROLLED_BACK:
        return Status.ROLLED_BACK
    for environment in (Environment.PRODUCTION, Environment.STAGING):
        answer = _ANSWERS.get(ApprovalState(approvals.get(environment, _A.DRAFT)))
        if answer is not None:
            return answer
    return Status.REGISTERED
