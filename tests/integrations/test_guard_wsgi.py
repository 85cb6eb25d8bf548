"""A guard in front of WSGI programs: bare ones, and Flask."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from flask import Flask, Response

from modelwarden.errors import PredictionBlocked
from modelwarden.guard.fallback import Default
from modelwarden.guard.limits import Limits, Rate
from modelwarden.integrations.guard_flask import guard_app, visit
from modelwarden.integrations.guard_replies import HEADER
from modelwarden.integrations.guard_wsgi import GuardWSGI
from tests.guard.hosts import BLOCK_ALL, BLOCK_EU, FALL_EU, from_file, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.guard.guard import Guard

TEXT: Final = [("Content-Type", "text/plain")]


@dataclass
class Answer:
    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    parts: list[bytes] = field(default_factory=list)

    @property
    def told(self) -> list[str]:
        return [value for name, value in self.headers if name == HEADER]


def ask(app: Any, path: str = "/score", method: str = "GET", **environ: Any) -> Answer:
    """Ask as a server does, held to the rules of PEP 3333."""
    answer = Answer()
    given: dict[str, Any] = {"PATH_INFO": path, "SCRIPT_NAME": "", "REQUEST_METHOD": method}
    given |= {f"test.{name}": value for name, value in environ.items()}
    setup_testing_defaults(given)
    given.setdefault("QUERY_STRING", "")
    given["wsgi.input"] = io.BytesIO()

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        answer.status, answer.headers = status, list(headers)
        return answer.parts.append

    body = validator(app)(given, start)
    try:
        answer.parts.extend(body)
    finally:
        body.close()  # type: ignore[attr-defined]
    answer.body = b"".join(answer.parts)
    return answer


def plain(environ: Any, start: Any) -> list[bytes]:
    start("200 OK", list(TEXT))
    return [b"0.4"]


@pytest.fixture
def free(tmp_path: Path) -> Iterator[Guard]:
    with from_file(tmp_path, body={"switches": [], "generation": 7}) as guard:
        yield guard


def test_an_answer_passes_as_it_is_and_says_so(free: Guard) -> None:
    answer = ask(GuardWSGI(plain, guard=free))
    assert (answer.status, answer.body, answer.told) == ("200 OK", b"0.4", ["ok;gen=7"])


def test_a_blocked_request_is_a_problem_and_head_gets_no_body(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        extract = {"region": lambda environ: environ.get("test.geo")}
        app = GuardWSGI(plain, guard=guard, extract=extract)
        answer = ask(app, geo="eu")
        assert (answer.status, answer.told) == ("503 Service Unavailable", ["blocked;gen=1840"])
        assert dict(answer.headers)["Retry-After"] == "30"
        assert json.loads(answer.body)["code"] == "prediction_blocked"
        head = ask(app, method="HEAD", geo="eu")
        assert (head.status, head.body) == ("503 Service Unavailable", b"")
        assert ask(app, geo="us").body == b"0.4"
        assert ask(app, method="OPTIONS", geo="eu").body == b"0.4"


def test_over_a_limit_is_429(free: Guard) -> None:
    app = GuardWSGI(plain, guard=free, limits=Limits([Rate("1/h")]), passes=["/health"])
    assert ask(app).status == "200 OK"
    assert ask(app).status == "429 Too Many Requests"
    assert ask(app, "/health").told == []


def test_one_in_flight_is_over_when_the_server_closes_the_answer(free: Guard) -> None:
    def streaming(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", list(TEXT))
        yield b"0."
        yield b"4"

    app = GuardWSGI(streaming, guard=free, limits=Limits(max_in_flight=1))
    for _ in range(3):
        assert ask(app).parts == [b"0.", b"4"]


@pytest.mark.parametrize("lazy", [False, True], ids=["list", "generator"])
def test_a_switch_that_comes_meanwhile_stops_the_answer(tmp_path: Path, lazy: bool) -> None:  # noqa: FBT001
    with from_file(tmp_path, body={"switches": [], "generation": 1}) as guard:

        def slow(environ: Any, start: Any) -> Iterator[bytes]:
            put(guard, tmp_path, switches=[BLOCK_ALL], generation=2)
            start("200 OK", list(TEXT))
            yield b"0."
            yield b"4"

        def whole(environ: Any, start: Any) -> list[bytes]:
            return list(slow(environ, start))

        answer = ask(GuardWSGI(slow if lazy else whole, guard=guard))
        assert (answer.status, answer.told) == ("503 Service Unavailable", ["blocked;gen=2"])
        assert b"0.4" not in answer.body
        assert json.loads(answer.body)["status"] == 503


def test_exceptions_of_the_program_pass_and_those_of_a_prediction_are_answered(
    free: Guard,
) -> None:
    def broken(environ: Any, start: Any) -> list[bytes]:
        raise environ["test.error"]

    def broken_later(environ: Any, start: Any) -> Iterator[bytes]:
        raise environ["test.error"]
        yield b""

    for program in (broken, broken_later):
        app = GuardWSGI(program, guard=free)
        with pytest.raises(ZeroDivisionError):
            ask(app, error=ZeroDivisionError())
        answer = ask(app, error=PredictionBlocked(["no_value"]))
        assert (answer.status[:3], json.loads(answer.body)["reasons"]) == ("503", ["no_value"])
    assert not free._parts.context.get()


def test_the_header_tells_the_fallback_within(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        predict = guard.protect(lambda: 0.4, fallback=[Default(0.1)], returns="value")

        def app(environ: Any, start: Any) -> list[bytes]:
            value = predict() if environ["PATH_INFO"] == "/score" else 0.4
            start("200 OK", list(TEXT))
            return [str(value).encode()]

        door = GuardWSGI(app, guard=guard, extract={"region": lambda environ: environ["test.geo"]})
        answer = ask(door, geo="eu")
        assert (answer.body, answer.told) == (b"0.1", ["fallback;step=default;gen=1840"])
        assert ask(door, "/other", geo="eu").status == "503 Service Unavailable"
        assert ask(door, "/other", geo="us").body == b"0.4"


def test_two_guards_tell_both(free: Guard, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with from_file(tmp_path / "other", body={"switches": [], "generation": 9}) as other:
        app = GuardWSGI(GuardWSGI(plain, guard=free), guard=other)
        assert ask(app).told == ["ok;gen=7", "ok;gen=9;model=churn"]


# --- Flask -----------------------------------------------------------------------------------------


def flask_app(guard: Guard, **options: Any) -> Flask:
    app = Flask("somebody-elses-app")
    predict = guard.protect(lambda: 0.4, fallback=[Default(0.1)], returns="value")

    @app.get("/score/<customer>")
    def score(customer: str) -> dict[str, object]:
        value, decision = predict(), visit().decision
        return {"value": value, "how": None if decision is None else decision.step}

    @app.get("/other")
    def other() -> str:
        raise PredictionBlocked(["no_value"])

    @app.get("/health")
    def health() -> Response:
        return Response("well", headers={"X": "1"})

    guard_app(app, guard, passes=["/health"], **options)
    return app


def test_in_flask_the_endpoint_is_the_rule(tmp_path: Path) -> None:
    switch = BLOCK_EU | {"scope": {"endpoint": ["/score/<customer>"]}}
    with from_file(tmp_path, body={"switches": [switch]}) as guard:
        client = flask_app(guard).test_client()
        blocked = client.get("/score/c-1")
        assert blocked.status_code == 503
        assert blocked.content_type == "application/problem+json"
        assert blocked.headers.getlist(HEADER) == ["blocked;gen=1840"]
        assert client.get("/health").text == "well"
        other = client.get("/other")
        assert (other.status_code, other.get_json()["reasons"]) == (503, ["no_value"])
        assert other.headers.getlist(HEADER) == ["blocked;gen=1840"]
        assert client.options("/score/c-1").status_code == 200


def test_in_flask_the_decision_is_within_reach(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        app = flask_app(guard, headers={"region": "X-Geo"}, limits=Limits([Rate("3/h", burst=3)]))
        client = app.test_client()
        answer = client.get("/score/c-1", headers={"X-Geo": "EU"})
        assert answer.get_json() == {"value": 0.1, "how": "default"}
        assert answer.headers.getlist(HEADER) == ["fallback;step=default;gen=1840"]
        clean = client.get("/score/c-1", headers={"X-Geo": "us"})
        assert clean.get_json() == {"value": 0.4, "how": None}
        assert clean.headers.getlist(HEADER) == ["ok;gen=1840"]
        assert client.get("/nowhere").status_code == 503  # no region, and nobody guarded it
        assert client.get("/score/c-1", headers={"X-Geo": "us"}).status_code == 429
        assert not guard._parts.context.get()


def test_without_a_guard_in_front_there_is_no_visit() -> None:
    with Flask("x").app_context(), pytest.raises(LookupError):
        visit()
