"""The way to the server: what is repeated, what never is, and what an answer turns into."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from modelwarden.client.transport import Call, Transport, body_of, path, query_of
from modelwarden.errors import (
    AnswerMalformed,
    NotPermitted,
    RateLimited,
    SelfApproval,
    Unreachable,
    ValueInvalid,
    WardenError,
)
from tests.client.scripted import Said, Scripted, problem

if TYPE_CHECKING:
    from collections.abc import Callable

READ = Call(method="GET", path="/models")
WRITE = Call(method="POST", path="/models", headers={"Idempotency-Key": "k1"})
SECRET = Call(method="POST", path="/tokens", repeatable=False)
OK = Said(body={"ok": True})


def told(server: Scripted, call: Call) -> tuple[object, list[float]]:
    """Send a call and return the answer, or the error, with the pauses that were made."""
    pauses: list[float] = []
    transport = Transport(server.url, "mwp_x", pause=pauses.append)
    try:
        return transport.send(call).json(), pauses
    except WardenError as error:
        return error, pauses
    finally:
        transport.close()


@pytest.mark.parametrize("call", [READ, WRITE])
@pytest.mark.parametrize(
    "first", [Said(status=None), Said(status=502, kind="text/html"), Said(status=503)]
)
def test_what_can_do_no_harm_is_sent_again(call: Call, first: Said) -> None:
    with Scripted(first, OK) as server:
        answer, pauses = told(server, call)
    assert answer == {"ok": True}
    assert len(pauses) == 1
    assert [one.headers.get("Idempotency-Key") for one in server.asked] == [
        call.headers.get("Idempotency-Key")
    ] * 2


@pytest.mark.parametrize("first", [Said(status=None), Said(status=502, kind="text/html")])
def test_a_call_that_answers_with_a_secret_is_sent_once(first: Said) -> None:
    with Scripted(first, OK) as server:
        answer, pauses = told(server, SECRET)
    assert isinstance(answer, Unreachable)
    assert (len(server.asked), pauses) == (1, [])


def test_a_call_that_was_refused_before_it_was_looked_at_is_sent_again() -> None:
    with Scripted(problem("rate_limited", 429, headers={"Retry-After": "1"}), OK) as server:
        answer, _ = told(server, SECRET)
    assert answer == {"ok": True}


def test_the_server_says_how_long_to_wait() -> None:
    with Scripted(problem("rate_limited", 429, headers={"Retry-After": "7"}), OK) as server:
        _, pauses = told(server, READ)
    assert pauses == [7.0]


def test_too_long_a_wait_is_reported_instead() -> None:
    with Scripted(problem("rate_limited", 429, headers={"Retry-After": "3600"})) as server:
        answer, pauses = told(server, READ)
    assert isinstance(answer, RateLimited)
    assert pauses == []


def test_a_refusal_that_names_no_time_is_not_repeated() -> None:
    with Scripted(problem("read_only", 503)) as server:
        answer, _ = told(server, READ)
    assert isinstance(answer, WardenError)
    assert (answer.code, len(server.asked)) == ("read_only", 1)


def test_after_four_tries_it_is_unreachable() -> None:
    with Scripted(*[Said(status=None)] * 4) as server:
        answer, pauses = told(server, READ)
    assert isinstance(answer, Unreachable)
    assert (len(server.asked), len(pauses)) == (4, 3)
    assert pauses == sorted(pauses)


def test_where_nobody_listens_it_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        transport = Transport(
            f"http://127.0.0.1:{free.getsockname()[1]}", "x", pause=lambda _: None
        )
    with pytest.raises(Unreachable, match="is the server running"):
        transport.send(SECRET)
    transport.close()


def test_a_problem_is_the_error_that_the_embedded_sdk_raises() -> None:
    said = problem("self_approval", 403, reasons=["owner"], entry=17, permission="")
    with Scripted(said) as server:
        error, _ = told(server, WRITE)
    assert type(error) is SelfApproval
    assert str(error) == "about self_approval"
    assert (error.code, error.status, error.reasons, error.entry) == (
        "self_approval", 403, ("owner",), 17,
    )  # fmt: skip


def test_a_refusal_without_more_has_the_attributes_of_one() -> None:
    with Scripted(problem("not_permitted", 403)) as server:
        error, _ = told(server, READ)
    assert isinstance(error, NotPermitted)
    assert (error.reasons, error.entry, error.permission) == ((), None, "")


@pytest.mark.parametrize(("status", "family"), [(418, "CallerError"), (507, "OperatorError")])
def test_a_code_of_a_later_release_keeps_its_family(status: int, family: str) -> None:
    with Scripted(problem("of_tomorrow", status)) as server:
        error, _ = told(server, SECRET)
    assert isinstance(error, WardenError)
    assert (type(error).__name__, error.code, error.status) == (family, "of_tomorrow", status)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said(body=b"<html>", kind="text/html"), AnswerMalformed),
        (Said(status=404, body=b"<html>", kind="text/html"), Unreachable),
        (Said(status=403, body=[1]), WardenError),
    ],
)
def test_what_is_no_warden_is_told_apart(said: Said, kind: type[WardenError]) -> None:
    with Scripted(said) as server:
        error, _ = told(server, READ)
    assert isinstance(error, kind)


def test_the_token_goes_in_a_header_and_redirects_are_not_followed() -> None:
    moved = Said(status=307, headers={"Location": "http://127.0.0.1:1/elsewhere"}, body={})
    with Scripted(moved) as server:
        told(server, READ)
    assert server.asked[0].headers["Authorization"] == "Bearer mwp_x"
    assert server.asked[0].target == "/api/governance/models"
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["", "ftp://host", "localhost:8321", "http://"])
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ValueInvalid):
        Transport(url, "x")


@pytest.mark.parametrize("url", ["{}", "{}/", "{}/api/governance", "{}/api/governance/"])
def test_the_root_of_the_api_may_be_part_of_the_address(url: str) -> None:
    with Scripted(OK) as server:
        transport = Transport(url.format(server.url), "x")
        transport.send(READ)
        transport.close()
    assert server.asked[0].target == "/api/governance/models"


def test_a_name_stays_one_segment_of_a_path() -> None:
    assert path("models", "a/../b", "retire") == "/models/a%2F..%2Fb/retire"
    assert path("models", "a?b#c d") == "/models/a%3Fb%23c%20d"


def test_what_is_not_said_is_not_sent() -> None:
    assert query_of({"a": None, "b": 1, "c": True}) == {"b": "1", "c": "true"}
    assert body_of({"a": None, "b": ()}) == b'{"b": []}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_hold_is_refused_here(value: object) -> None:
    with pytest.raises(ValueInvalid):
        body_of({"a": value})


def test_a_call_needs_no_pause_when_it_is_answered() -> None:
    silent: Callable[[float], None] = pytest.fail
    with Scripted(OK) as server:
        transport = Transport(server.url, "x", pause=silent)
        assert transport.send(READ).json() == {"ok": True}
        transport.close()
