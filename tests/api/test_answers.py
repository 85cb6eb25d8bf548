"""How answers look: one form of time, problems with a code, pages, CSV that no spreadsheet runs, protecting headers."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.api.edge import POLICY, Edge
from modelwarden.api.replies import encode, table
from modelwarden.errors import RollbackSuspected
from modelwarden.values.answers import MetricAnswer
from modelwarden.values.clock import moment
from tests.api.town import routes_of

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from tests.api.town import Town

AT = moment("2026-11-20T11:19:40.000000Z")


def figure(name: str, value: str) -> MetricAnswer:
    return MetricAnswer(name=name, value=value, kind="observed", at=AT, recorded_by="alice")


def test_times_have_one_form() -> None:
    assert b'"at":"2026-11-20T11:19:40.000000Z"' in encode(figure("auc", "0.9"))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    (_, row) = csv.reader(io.StringIO(table([figure(cell, "0.9")]).decode(), newline=""))
    assert row == [f"'{cell}", "0.9", "observed", "2026-11-20T11:19:40.000000Z", "alice"]


def test_what_has_parts_is_json_in_its_cell(town: Town) -> None:
    town.call("alice", "POST", "/models", {"name": "tagged", "tags": ["a", "b"]})
    answer = town.call("alice", "GET", "/models?tag=a", headers={"Accept": "text/csv"})
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["name"], row["tags"], row["owner_confirmed"]) == ("tagged", '["a","b"]', "false")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="models.csv"'
    assert answer.headers["Content-Type"].startswith("text/csv")


def test_a_list_goes_on_by_its_cursor_and_its_link(town: Town) -> None:
    for name in ("page-a", "page-b", "page-c"):
        town.call("alice", "POST", "/models", {"name": name, "tags": ["paged"]})
    first = town.call("alice", "GET", "/models?tag=paged&limit=2")
    rest = town.call(
        "alice", "GET", f"/models?tag=paged&limit=2&cursor={first.json()['next_cursor']}"
    )
    names = [one["name"] for one in (*first.json()["items"], *rest.json()["items"])]
    assert names == ["page-a", "page-b", "page-c"]
    linked = town.http.get(
        first.links["next"]["url"], headers={"Authorization": f"Bearer {town.tokens['alice']}"}
    )
    assert linked.json() == rest.json()
    assert "next" not in rest.links


def test_a_problem_says_what_to_do_next_and_which_entry_records_it(town: Town) -> None:
    answer = town.call("bob", "POST", "/models", {"name": "nope"})
    problem = answer.json()
    assert answer.status_code == problem["status"] == 403
    assert problem["type"] == "urn:modelwarden:error:not_permitted"
    assert problem["permission"] == "model.register"
    assert problem["reasons"] == ["no_binding"]
    assert problem["instance"] == "/api/governance/models"
    assert "developer" in problem["detail"]
    assert problem["entry"] == int(answer.headers["Governance-Entry"])
    entry = town.entry(answer)
    assert (entry["type"], entry["fact"]["permission"]) == ("access.denied", "model.register")


def test_nothing_governed_is_deleted_and_the_answer_names_the_verb(town: Town) -> None:
    for path, verb in (("/models/churn", "retire"), ("/users/alice", "deactivate")):
        answer = town.call("carol", "DELETE", path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert verb in answer.json()["detail"]
        assert answer.headers["Allow"]
    assert "recorded" in town.call("erin", "DELETE", "/audit-log/1").json()["detail"]


def test_what_is_no_route_is_a_problem_too(town: Town) -> None:
    answer = town.call("alice", "GET", "/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


def test_answers_carry_the_protecting_headers(town: Town) -> None:
    for answer in (
        town.call("alice", "GET", "/me"),
        town.call(None, "GET", "/me"),
        town.call(None, "GET", "/live"),
    ):
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Server" not in answer.headers


def test_the_description_names_each_permission_and_our_problems(town: Town) -> None:
    document = town.call(None, "GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    assert len(operations) == sum(len(route.methods or ()) for route in routes_of(town.app))
    assert all(one["x-permission"] for one in operations)
    assert all("default" in one["responses"] for one in operations)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    register = document["paths"]["/api/governance/models/register"]["post"]
    assert register["security"] == [{"token": []}]
    assert "201" in register["responses"]


def test_the_page_of_the_api_lists_every_route_and_loads_nothing_from_outside(town: Town) -> None:
    page = town.http.get("/api/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    for route in routes_of(town.app):
        assert f"<code>{route.path_format}</code>" in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert "//" not in page.text.replace("http://www.w3.org", "")
    assert town.http.get("/api/docs.css").headers["Content-Type"].startswith("text/css")


def test_while_writes_are_stopped_reads_go_on_and_health_says_so(town: Town) -> None:
    writer = town.warden.store.writer
    writer.blocked = RollbackSuspected("the database is behind what was signed")
    try:
        health = town.call(None, "GET", "/health")
        assert (health.status_code, health.json()["status"]) == (503, "down")
        assert town.call(None, "GET", "/ready").status_code == 503
        assert town.call(None, "GET", "/live").status_code == 200
        assert town.call("alice", "GET", "/models").status_code == 200
        refused = town.call("alice", "POST", "/models", {"name": "late"})
        assert (refused.status_code, refused.json()["code"]) == (503, "rollback_suspected")
        shown = town.call("erin", "GET", "/audit-log/verify?first=0&last=3")
        assert (shown.status_code, shown.json()["last"]) == (200, 3)
        denied = town.call("alice", "GET", "/audit-log/verify")
        assert (denied.status_code, denied.json()["code"]) == (503, "rollback_suspected")
        assert "modelwarden_writer_blocked 1" in town.call(None, "GET", "/metrics").text
    finally:
        writer.blocked = None
    assert town.call(None, "GET", "/health").status_code == 200


def test_figures_are_for_this_machine_or_for_who_may_read_them(town: Town) -> None:
    answer = town.call(None, "GET", "/metrics")
    assert "modelwarden_ledger_entries " in answer.text
    assert 'modelwarden_http_responses_total{status="2xx"}' in answer.text
    passed_on = town.call(None, "GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert passed_on.status_code == 401
    assert town.call("erin", "GET", "/metrics").status_code == 403


def test_a_request_that_takes_too_long_is_answered_all_the_same() -> None:
    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(60)

    assert _status(never) == (503, b"too_slow")


def test_what_nobody_foresaw_is_a_problem_that_tells_nothing() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("the secret inside")

    assert _status(broken) == (500, b"internal")


def _status(app: ASGIApp) -> tuple[int, bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "query_string": b"", "headers": [],
        "scheme": "http", "server": ("127.0.0.1", 1), "client": None, "root_path": "",
    }  # fmt: skip
    answers: Counter[str] = Counter()
    asyncio.run(Edge(app, answers=answers, deadline_s=0.01)(scope, receive, send))
    body = sent[1]["body"]
    assert b"secret inside" not in body
    assert sum(answers.values()) == 1
    code = body.split(b'"code":"')[1].split(b'"')[0]
    return sent[0]["status"], code
