"""Rows of ServiceNow's tables as values, and the queries that find them. Pure.

The Table API answers with text: times in UTC as `2026-11-27 19:00:00`, references as `sys_id` where links are left
out. An instance may ignore a condition that it does not understand and answer with every row, so whoever asks has to
compare what came back.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from modelwarden.deployments.servicenow.change import Answer, ChangeRequest
from modelwarden.errors import ExternalUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANGES: Final = "change_request"
ANSWERS: Final = "sysapproval_approver"
CHANGE_FIELDS: Final = (
    "sys_id", "number", "correlation_id", "correlation_display", "approval", "state", "conflict_status",
    "start_date", "end_date",
)  # fmt: skip
ANSWER_FIELDS: Final = (
    "sys_id", "sysapproval", "approver", "approver.user_name", "state", "sys_updated_by", "group.assignment_group",
)  # fmt: skip
SYS_ID: Final = re.compile(r"[0-9a-f]{32}")
_SAFE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_TIME: Final = "%Y-%m-%d %H:%M:%S"


def query(**equal: str) -> str:
    """Return an encoded query for rows with these values, in a fixed order. Raises ExternalUnreadable.

    A value with `^` in it would be a condition of its own.
    """
    for name, value in equal.items():
        if _SAFE.fullmatch(value) is None:
            raise ExternalUnreadable(f"nothing can be looked up by this {name}")
    return "^".join([*(f"{name}={value}" for name, value in equal.items()), "ORDERBYsys_id"])


def change_of(row: Mapping[str, Any]) -> ChangeRequest:
    """Return a row of `change_request`. Raises ExternalUnreadable."""
    return ChangeRequest(
        sys_id=_sys_id(row, "sys_id"),
        number=_text(row, "number"),
        marker=_text(row, "correlation_id"),
        approval=_text(row, "approval"),
        state=_text(row, "state"),
        conflicts=_text(row, "conflict_status"),
        starts_at=_time(row, "start_date"),
        ends_at=_time(row, "end_date"),
        told=_text(row, "correlation_display"),
    )


def answer_of(row: Mapping[str, Any], *, change: str) -> Answer:
    """Return a row of `sysapproval_approver` about this change. Raises ExternalUnreadable."""
    if _text(row, "sysapproval") != change:
        raise ExternalUnreadable("ServiceNow answered with approvals of another change")
    return Answer(
        user=_sys_id(row, "approver"),
        user_name=_text(row, "approver.user_name"),
        state=_text(row, "state"),
        updated_by=_text(row, "sys_updated_by"),
        group=_text(row, "group.assignment_group"),
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):  # a field that may not be read is left out of the answer
        raise ExternalUnreadable(
            f"ServiceNow did not answer with {name}; its account may not read it"
        )
    return value


def _sys_id(row: Mapping[str, Any], name: str) -> str:
    value = _text(row, name)
    if SYS_ID.fullmatch(value) is None:
        raise ExternalUnreadable(f"ServiceNow answered with a {name} that is no sys_id")
    return value


def _time(row: Mapping[str, Any], name: str) -> datetime | None:
    value = _text(row, name)
    if not value:
        return None
    try:
        return datetime.strptime(value, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise ExternalUnreadable(f"ServiceNow answered with a {name} that is no time") from error
