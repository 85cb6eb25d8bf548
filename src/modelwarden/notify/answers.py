"""The notify room's values as callers get them: handles filled in, secrets left out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from modelwarden.access.actions import handle_of
from modelwarden.notify import queries
from modelwarden.notify.address import parse_url
from modelwarden.notify.reads import waiting
from modelwarden.store.erasing import ERASED, LOCKED, shown
from modelwarden.values.clock import moment
from modelwarden.values.endpoints import DeliveryAnswer, EndpointAnswer, EndpointTestAnswer

if TYPE_CHECKING:
    from modelwarden.notify.delivery import Result
    from modelwarden.notify.endpoint import Endpoint
    from modelwarden.notify.managing import Secret
    from modelwarden.store.change import View
    from modelwarden.store.running import Row


UNREAD: Final = frozenset({ERASED, LOCKED})


def endpoint_answer(view: View, endpoint: Endpoint) -> EndpointAnswer:
    """Return an endpoint as callers see it."""
    url = shown(view, endpoint.url)
    return EndpointAnswer(
        id=endpoint.id,
        name=endpoint.name,
        address=ERASED if url is None else url if url in UNREAD else parse_url(url).shown,
        state=endpoint.state.value,
        cause=None if endpoint.cause is None else endpoint.cause.value,
        types=endpoint.types,
        severity=endpoint.severity.value,
        subjects=endpoint.subjects,
        include_text=endpoint.include_text,
        owner=handle_of(view, endpoint.owner),
        added_at=endpoint.added_at,
        down_since=endpoint.down_since,
        previous_until=endpoint.previous_until,
        next_seq=queries.next_seq(view, endpoint.follower) or 0,
        waiting=waiting(view, endpoint),
        revision=endpoint.revision,
    )


def secret_answer(view: View, made: Secret) -> EndpointAnswer:
    """Return an endpoint with its fresh secret, this once."""
    return dataclasses.replace(endpoint_answer(view, made.endpoint), secret=made.secret)


def delivery_answer(_view: View, row: Row) -> DeliveryAnswer:
    """Return a row of the log as callers see it."""
    return DeliveryAnswer(
        id=row.id,
        endpoint=row.endpoint,
        first=row.first,
        last=row.last,
        attempt=row.attempt,
        outcome=row.outcome,
        status=row.status,
        problem=row.problem,
        duration_ms=row.duration_ms,
        body_sha256=row.body_sha256,
        at=moment(row.at),
        next_at=None if row.next_at is None else moment(row.next_at),
    )


def tested_answer(result: Result, *, name: str) -> EndpointTestAnswer:
    """Return what became of a test message as callers see it."""
    return EndpointTestAnswer(
        endpoint=name,
        ok=result.is_ok,
        status=result.status,
        problem=result.problem,
        duration_ms=result.duration_ms,
    )
