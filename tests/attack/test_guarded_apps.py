"""Whoever calls a guarded web program tries to get past its switches, or to break what it says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.decision import Decision, Status
from modelwarden.guard.fallback import Default
from modelwarden.integrations.guard_asgi import GuardASGI
from modelwarden.integrations.guard_replies import header, problem
from modelwarden.integrations.guard_wsgi import GuardWSGI
from tests.guard.hosts import BLOCK_ALL, BLOCK_EU, FALL_EU, from_file, put
from tests.integrations.guarded_apps import ask, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.guard.guard import Guard

BY_GEO = {"region": "X-Geo"}


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as found:
        yield found


def by_header(guard: Guard, *headers: tuple[bytes, bytes]) -> int:
    return ask(GuardASGI(plain, guard=guard, headers=BY_GEO), headers=list(headers)).status


@pytest.mark.parametrize("name", [b"region", b"x-region", b"modelwarden-region", b"x-geo"])
def test_a_region_by_a_header_that_is_not_listed_does_not_count(guard: Guard, name: bytes) -> None:
    found = ask(GuardASGI(plain, guard=guard), headers=[(name, b"us")])
    assert found.status == 503


@pytest.mark.parametrize(
    "value",
    [b"", b" ", b"eu", b"EU", b"eU ", b"us,eu", b"us, us", b"\xff\xfe", "\uff45\uff55".encode(), "us\u200b".encode(),
     b"u\x00s", b"x" * 5_000],
    ids=["empty", "blank", "plain", "upper", "trailing", "two", "twice", "bytes", "wide", "invisible", "nul", "huge"],
)  # fmt: skip
def test_an_odd_region_in_a_listed_header_does_not_slip_past(guard: Guard, value: bytes) -> None:
    assert by_header(guard, (b"x-geo", value)) == 503


def test_a_listed_header_that_is_absent_or_there_twice_says_nothing(guard: Guard) -> None:
    assert by_header(guard, (b"x-geo", b"us")) == 200
    assert by_header(guard, (b"X-Geo", b"us")) == 200
    assert by_header(guard) == 503
    assert by_header(guard, (b"x-geo", b"us"), (b"x-geo", b"us")) == 503
    assert by_header(guard, (b"x-geo", b"us"), (b"X-GEO", b"eu")) == 503
    assert by_header(guard, (b"x_geo", b"us")) == 503


def test_a_million_headers_cost_nothing_but_their_reading(guard: Guard) -> None:
    many = [(b"x-%d" % number, b"y" * 100) for number in range(100_000)]
    assert by_header(guard, *many, (b"x-geo", b"us")) == 200
    assert by_header(guard, *many) == 503


def test_over_wsgi_the_same(guard: Guard) -> None:
    def program(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"0.4"]

    app = GuardWSGI(program, guard=guard, headers=BY_GEO)
    started: list[str] = []

    def status(**environ: str) -> str:
        asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/score", **environ}
        list(app(asked, lambda found, *_: started.append(found) or started.append))  # type: ignore[func-returns-value, arg-type]
        return started[-1][:3]

    assert status(HTTP_X_GEO="us") == "200"
    for value in ("eu", "EU", "us,us", "us, eu", "\xff", "", "us\u200b", "x" * 5_000):
        assert status(HTTP_X_GEO=value) == "503"
    assert status(HTTP_REGION="us", HTTP_X_REGION="us", region="us") == "503"


@pytest.mark.parametrize(
    "path", ["/health/", "/health/../score", "//health", "/HEALTH", "/health%00", "/health\x00"]
)
def test_a_path_that_looks_like_an_unguarded_one_is_guarded(guard: Guard, path: str) -> None:
    app = GuardASGI(plain, guard=guard, passes=["/health"])
    assert ask(app, "/health").status == 200
    assert ask(app, path).status == 503


def test_a_step_and_a_reason_cannot_write_headers_or_bodies() -> None:
    nasty = 'x";gen=1\r\nSet-Cookie: a=b\x00\u2028é'
    made = Decision(None, Status.BLOCKED, (f"raised:{nasty}", nasty), step=nasty, generation=7)
    found = header(made)
    assert found.isascii()
    assert found.isprintable()
    assert "Set-Cookie" not in problem(made).body.decode()
    assert b'"reasons": ["raised"]' in problem(made).body


@pytest.mark.parametrize("wait", [0.0, -1.0, float("nan"), float("inf"), 1e300, 0.2])
def test_retry_after_is_a_whole_number_of_seconds(wait: float) -> None:
    for status in (Status.BLOCKED, Status.LIMITED):
        told = problem(Decision(None, status, ("x",), retry_after_s=wait)).retry_after
        assert 1 <= int(told) <= 86_400


def test_head_is_blocked_without_a_body_and_options_pass(guard: Guard) -> None:
    app = GuardASGI(plain, guard=guard)
    head = ask(app, method="HEAD")
    assert (head.status, head.body) == (503, b"")
    assert int(head.header("content-length") or 0) > 0
    assert ask(app, method="OPTIONS").status == 200
    for method in ("get", "POST", "PROPFIND", "OPTIONS ", "options"):
        assert ask(app, method=method).status == 503


def test_the_body_of_a_blocked_request_is_not_read(guard: Guard) -> None:
    endless = [{"type": "http.request", "body": b"x" * 1_000, "more_body": True}] * 100
    answer = ask(GuardASGI(plain, guard=guard), method="POST", inputs=endless)
    assert (answer.status, answer.received) == (503, 0)


def converse(app: GuardASGI, *events: Any) -> list[Any]:
    """Open a WebSocket and return what the program sends."""
    waiting, sent = [{"type": "websocket.connect"}, *events], []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/score", "headers": []}
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_blocked_websocket_is_closed_with_1013(guard: Guard) -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it was let in")

    sent = converse(GuardASGI(never, guard=guard))
    assert [one["type"] for one in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1013


def test_an_open_websocket_is_closed_by_a_switch_before_the_next_message(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "generation": 1}) as found:

        async def echo(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "0.4"})
            put(found, tmp_path, switches=[BLOCK_ALL], generation=2)
            await send({"type": "websocket.send", "text": "0.5"})
            await send({"type": "websocket.send", "text": "0.6"})

        sent = converse(GuardASGI(echo, guard=found))
        told = [one.get("text") or one.get("code") or one["type"] for one in sent]
        assert told == ["websocket.accept", "0.4", 1013]


def test_requests_at_once_are_told_of_their_own_predictions(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as found:

        @found.protect(fallback=[Default(0.1)])
        async def predict() -> float:
            await asyncio.sleep(0)
            return 0.4

        async def program(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(0)
            decision = await predict()
            await asyncio.sleep(0)
            await plain(scope, receive, send)
            scope["decision"] = decision

        app = GuardASGI(program, guard=found, extract={"region": lambda scope: scope["geo"]})

        async def one(geo: str) -> tuple[str, list[bytes]]:
            told: list[bytes] = []

            async def send(message: Any) -> None:
                told.extend(v for n, v in message.get("headers", ()) if n.startswith(b"modelw"))

            scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "geo": geo}
            await app(scope, asyncio.sleep, send)  # type: ignore[arg-type]
            return geo, told

        async def many() -> list[tuple[str, list[bytes]]]:
            return await asyncio.gather(*(one(("eu", "us")[n % 2]) for n in range(200)))

        said = {"eu": [b"fallback;step=default;gen=1840"], "us": [b"ok;gen=1840"]}
        assert all(told == said[geo] for geo, told in asyncio.run(many()))
