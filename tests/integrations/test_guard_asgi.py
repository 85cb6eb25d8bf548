"""A guard in front of ASGI programs: bare ones, Starlette, FastAPI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route

from modelwarden.errors import PredictionBlocked
from modelwarden.guard.decision import Decision, Status
from modelwarden.guard.fallback import Default, LastKnownGood
from modelwarden.guard.limits import Limits, Rate
from modelwarden.guard.visit import Visit
from modelwarden.integrations.guard_asgi import GuardASGI
from modelwarden.integrations.guard_fastapi import answer_refusals, guarded
from modelwarden.integrations.guard_replies import header
from tests.guard.hosts import BLOCK_ALL, BLOCK_EU, FALL_EU, from_file, put
from tests.house.test_imports import run
from tests.integrations.guarded_apps import Caller, ask, plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from modelwarden.guard.guard import Guard

SCORE_OFF: Final = BLOCK_EU | {"id": "swi_score", "scope": {"endpoint": ["/v1/score/{customer}"]}}


def region(scope: Any) -> object:
    return scope.get("region")


@pytest.fixture
def free(tmp_path: Path) -> Iterator[Guard]:
    with from_file(tmp_path, body={"switches": [], "generation": 7}) as guard:
        yield guard


def test_importing_needs_the_standard_library_alone() -> None:
    names = ("guard_asgi", "guard_wsgi")
    done = run("".join(f"import modelwarden.integrations.{name}\n" for name in names), "-I")
    assert done.returncode == 0, done.stderr


def test_an_answer_passes_as_it_is_and_says_so(free: Guard) -> None:
    answer = ask(GuardASGI(plain, guard=free))
    assert (answer.status, answer.body, answer.told) == (200, b"0.4", ["ok;gen=7"])
    assert [one.get("body") for one in answer.sent[1:]] == [b"0.", b"4"]
    assert answer.header("content-type") == "text/plain"


def test_headers_that_can_be_read_once_arrive_whole(free: Guard) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = iter([(b"content-type", b"text/plain"), (b"x-model", b"1.4.0")])
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"0.4"})

    door = GuardASGI(app, guard=free)
    for _ in range(2):
        answer = ask(door)
        assert (answer.header("content-type"), answer.header("x-model")) == ("text/plain", "1.4.0")
        assert answer.told == ["ok;gen=7"]


def test_what_the_program_sends_again_does_not_gather_headers(free: Guard) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"x-model", b"1.4.0")]}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b"0.4"})

    door = GuardASGI(app, guard=free)
    assert [ask(door).told for _ in range(3)] == [["ok;gen=7"]] * 3
    assert start["headers"] == [(b"x-model", b"1.4.0")]


def test_a_blocked_request_is_a_problem_that_says_when_to_come_again(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        app = GuardASGI(plain, guard=guard, extract={"region": region})
        answer = ask(app, region="eu")
        assert (answer.status, answer.header("retry-after")) == (503, "30")
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("content-length") == str(len(answer.body))
        assert answer.told == ["blocked;gen=1840"]
        found = json.loads(answer.body)
        assert (found["code"], found["reasons"]) == ("prediction_blocked", ["switched_off"])
        assert "swi_" not in answer.body.decode()
        assert ask(app, region="us").status == 200


def test_over_a_limit_is_429(free: Guard) -> None:
    app = GuardASGI(plain, guard=free, limits=Limits([Rate("1/h")]))
    assert ask(app).status == 200
    answer = ask(app)
    assert answer.status == 429
    assert int(answer.header("retry-after") or 0) > 0
    assert json.loads(answer.body)["code"] == "prediction_limited"
    assert answer.told == ["limited;gen=7"]


def test_the_header_tells_the_fallback_within(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "generation": 1840}) as guard:
        results = [0.7, float("nan")]

        @guard.protect(key="customer", high=1.0, fallback=[LastKnownGood()], returns="value")
        def predict(customer: str) -> float:
            return results.pop(0)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert predict(scope["customer"]) == 0.7
            await plain(scope, receive, send)

        door = GuardASGI(app, guard=guard)
        assert ask(door, customer="c-1").told == ["ok;gen=1840"]
        told = ask(door, customer="c-1").told
        assert told == ["fallback;step=last_known_good;gen=1840"]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("table", "step=table"),
        ("by hand", 'step="by hand"'),
        ('a"b\\', 'step="a\\"b\\\\"'),
        ("für\r\nX: y", 'step=%"f%c3%bcr%0d%0aX: y"'),
        ("9" * 500, f'step="{"9" * 64}"'),
    ],
    ids=["token", "string", "escaped", "injected", "long"],
)
def test_a_steps_name_is_told_as_a_structured_field(step: str, told: str) -> None:
    found = header(Decision(0.5, Status.DEFAULT, step=step, generation=7))
    assert found == f"fallback;{told};gen=7"
    assert found.isascii()


def test_exceptions_of_the_program_pass_and_those_of_a_prediction_are_answered(
    free: Guard,
) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise scope["error"]

    app = GuardASGI(broken, guard=free)
    error = ZeroDivisionError("mine")
    with pytest.raises(ZeroDivisionError) as caught:
        ask(app, error=error)
    assert caught.value is error
    answer = ask(app, error=PredictionBlocked(["raised:ValueError", "no_value"]))
    assert answer.status == 503
    assert json.loads(answer.body)["reasons"] == ["raised", "no_value"]


def test_an_error_after_the_answer_began_passes_too(free: Guard) -> None:
    async def late(scope: Any, receive: Any, send: Any) -> None:
        await plain(scope, receive, send)
        raise PredictionBlocked(["no_value"])

    with pytest.raises(PredictionBlocked):
        ask(GuardASGI(late, guard=free))


def test_a_switch_that_comes_meanwhile_stops_the_answer(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "generation": 1}) as guard:

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            put(guard, tmp_path, switches=[BLOCK_ALL], generation=2)
            await plain(scope, receive, send)

        answer = ask(GuardASGI(slow, guard=guard))
        assert (answer.status, answer.told) == (503, ["blocked;gen=2"])
        assert b"0.4" not in answer.body
        assert len(answer.sent) == 2


def test_a_fallback_switch_stops_what_nobody_guards(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        predict = guard.protect(lambda: 0.4, fallback=[Default(0.1)])

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/score":
                predict()
            await plain(scope, receive, send)

        door = GuardASGI(app, guard=guard, extract={"region": region}, passes=["/health"])
        assert ask(door, region="eu").told == ["fallback;step=default;gen=1840"]
        assert ask(door, "/other", region="eu").status == 503
        assert ask(door, "/health", region="eu").told == []


def test_lifespan_and_what_is_unknown_pass(free: Guard) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])
        await send({"type": "lifespan.startup.complete"})

    door = GuardASGI(app, guard=free)
    assert ask(door, type="lifespan").sent == [{"type": "lifespan.startup.complete"}]
    ask(door, type="something.new")
    assert seen == ["lifespan", "something.new"]


def scored(request: Request) -> JSONResponse:
    return JSONResponse(request.path_params)


def in_starlette(guard: Guard) -> Any:
    inner = [Route("/score/{customer}", scored), Route("/other", scored)]
    return Starlette(
        routes=[Mount("/v1", routes=inner), Route("/health", scored)],
        middleware=[Middleware(GuardASGI, guard=guard)],
    )


def in_fastapi(guard: Guard) -> Any:
    app, router, second = FastAPI(), APIRouter(prefix="/v1"), APIRouter()

    @second.get("/score/{customer}")
    async def score(customer: str) -> str:
        return customer

    @router.get("/other")
    async def other() -> str:
        return "x"

    @app.get("/health")
    async def health() -> str:
        return "x"

    router.include_router(second)
    app.include_router(router)
    app.add_middleware(GuardASGI, guard=guard)
    return app


def in_fastapi_mounted(guard: Guard) -> Any:
    app, inner = FastAPI(), FastAPI()

    @inner.get("/score/{customer}")
    async def score(customer: str) -> str:
        return customer

    @inner.get("/other")
    async def other() -> str:
        return "x"

    @app.get("/health")
    async def health() -> str:
        return "x"

    app.mount("/v1", inner)
    app.add_middleware(GuardASGI, guard=guard)
    return app


def behind_the_router(guard: Guard) -> Any:
    near = [Middleware(GuardASGI, guard=guard)]
    inner = [
        Route("/score/{customer}", scored, middleware=near),
        Route("/other", scored, middleware=near),
    ]
    return Starlette(routes=[Mount("/v1", routes=inner), Route("/health", scored)])


def as_a_dependency(guard: Guard) -> Any:
    app, router = FastAPI(), APIRouter(prefix="/v1", dependencies=[guarded(guard)])

    @router.get("/score/{customer}")
    async def score(customer: str) -> str:
        return customer

    @router.get("/other")
    def other() -> str:
        return "x"

    @app.get("/health")
    async def health() -> str:
        return "x"

    app.include_router(router)
    answer_refusals(app)
    return app


@pytest.mark.parametrize(
    "build",
    [in_starlette, in_fastapi, in_fastapi_mounted, behind_the_router, as_a_dependency],
)
def test_the_endpoint_is_the_template_of_the_route(tmp_path: Path, build: Any) -> None:
    with from_file(tmp_path, body={"switches": [SCORE_OFF]}) as guard:
        client = Caller(build(guard))
        blocked = client.get("/v1/score/c-1")
        assert blocked.status_code == 503
        assert blocked.headers["content-type"] == "application/problem+json"
        assert blocked.headers["modelwarden-decision"].startswith("blocked")
        assert client.get("/v1/other").status_code == 200
        assert client.get("/health").status_code == 200


def test_a_mapping_names_endpoints_by_exact_path_and_all_else_is_missing(tmp_path: Path) -> None:
    switch = BLOCK_EU | {"scope": {"endpoint": ["score"]}}
    with from_file(tmp_path, body={"switches": [switch]}) as guard:
        app = GuardASGI(plain, guard=guard, endpoints={"/score": "score", "/other": "other"})
        assert ask(app).status == 503
        assert ask(app, "/other").status == 200
        assert ask(app, "/score/").status == 503  # nobody knows what that is
        named = GuardASGI(plain, guard=guard.bind(endpoint="batch"), endpoints={})
        assert ask(named, "/anything").status == 200


def step_of(visit: Visit) -> str | None:
    return None if visit.decision is None else visit.decision.step


def test_a_dependency_puts_the_decision_within_reach(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        predict = guard.protect(lambda *, region=None: 0.4, fallback=[Default(0.1)])
        seen = guarded(guard, extract={"region": lambda scope: scope["path_params"]["region"]})
        app = FastAPI()

        @app.get("/async/{region}")
        async def asynchronous(visit: Visit = seen) -> object:
            value = predict().value
            return {"value": value, "how": step_of(visit)}

        @app.get("/sync/{region}")
        def synchronous(visit: Visit = seen) -> object:
            return {"value": predict().value, "how": step_of(visit)}

        @app.get("/unguarded/{region}", dependencies=[seen])
        def unguarded() -> str:
            return "0.4"

        answer_refusals(app)
        client = Caller(GuardASGI(app, guard=guard, leaves=["region"]))
        for kind in ("async", "sync"):
            answer = client.get(f"/{kind}/eu")
            assert answer.json() == {"value": 0.1, "how": "default"}
            assert answer.headers["modelwarden-decision"] == "fallback;step=default;gen=1840"
        assert client.get("/unguarded/eu").status_code == 503
        assert client.get("/unguarded/us").json() == "0.4"


def test_two_guards_tell_both(free: Guard, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with from_file(tmp_path / "other", body={"switches": [BLOCK_EU], "generation": 9}) as other:
        app = GuardASGI(GuardASGI(plain, guard=free), guard=other, extract={"region": region})
        assert ask(app, region="us").told == ["ok;gen=7", "ok;gen=9;model=churn"]
        assert ask(app, region="eu").told == ["blocked;gen=9"]
        swapped = GuardASGI(GuardASGI(plain, guard=other, extract={"region": region}), guard=free)
        assert ask(swapped, region="eu").told == ["blocked;gen=9", "ok;gen=7;model=churn"]


def test_a_stream_is_not_gathered(free: Guard) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"a", b"b", b"c"):
            yield part

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(parts())

    app = Starlette(
        routes=[Route("/score", stream)], middleware=[Middleware(GuardASGI, guard=free)]
    )
    bodies = [one["body"] for one in ask(app).sent[1:]]
    assert bodies == [b"a", b"b", b"c", b""]
