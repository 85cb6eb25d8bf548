"""A write that has to be sent twice is done once (AC-72)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.client.transport import Call, body_of
from modelwarden.errors import IdempotencyConflict, IdempotencyRefused
from tests.conformance.places import reached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.client.transport import Transport
    from tests.conformance.places import Company


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with reached("http", tmp_path_factory.mktemp("http")) as company:
        yield company


def register(transport: Transport, name: str, *, key: str) -> dict[str, str]:
    body = body_of({"name": name, "business_purpose": "predicts which customers leave"})
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    call = Call(method="POST", path="/models", headers=headers, content=lambda: body)
    reply = transport.send(call)
    return {
        "entry": reply.headers["Governance-Entry"],
        "again": reply.headers.get("Idempotent-Replay", "false"),
        "name": reply.json()["name"],
    }


def test_the_second_sending_answers_from_the_first(company: Company) -> None:
    transport = company.as_user("alice").models._calls.transport  # type: ignore[union-attr]
    first = register(transport, "churn", key="k-1")
    again = register(transport, "churn", key="k-1")
    assert (first["again"], again["again"]) == ("false", "true")
    assert (first["entry"], first["name"]) == (again["entry"], again["name"])
    with pytest.raises(IdempotencyConflict):
        register(transport, "fraud", key="k-1")


def test_a_secret_is_never_sent_under_a_key(company: Company) -> None:
    calls = company.as_user("alice").models._calls  # type: ignore[union-attr]
    with pytest.raises(IdempotencyRefused):
        calls.tell("/tokens", {})
    assert company.as_user("alice").tokens.create().secret
