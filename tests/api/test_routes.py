"""Every route says who may come in, and means it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from fastapi import APIRouter
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute, door_of
from modelwarden.api.caller import OWN, Public
from modelwarden.permissions import ROLE_PERMISSIONS, BuiltInRole, Permission
from tests.api.town import PEOPLE, routes_of
from tests.safeguards.fleet import ROOT, bearer, guard_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.api.town import Town

PUBLIC: Final = {
    "GET /api/governance/health", "GET /api/governance/live", "GET /api/governance/ready",
    "POST /api/governance/auth/set-up", "POST /api/governance/tokens/report",
    "POST /api/governance/integrations/github/webhook",
    "POST /api/governance/integrations/mlflow/webhook",
    "POST /api/governance/integrations/servicenow/webhook",
    "POST /api/governance/integrations/targets/{target}/acknowledge",
}  # fmt: skip
"""AC-6 lists them."""

HOLDERS: Final = {
    "operator": "dave",
    "analyst": "frank",
    "approver": "bob",
    "admin": "carol",
    "auditor": "erin",
    "developer": "alice",
}
GIVEN: Final = {
    "model": "churn", "version": "1", "user": "victim", "role": "analyst", "permission": "model.read",
    "request": "req_0", "deployment": "dep_0", "policy": "house", "token": "tok_0", "key": "0" * 64,
    "seq": "1", "sha256": "0" * 64, "path": "checkpoint", "erasure": "ers_0", "hold": "hld_0",
    "endpoint": "end_0", "purpose": "decision", "switch": "swi_0", "stop": "lst_0", "drill": "dri_0",
    "trigger": "errors", "firing": "fir_0", "freeze": "frz_0", "run": "run_0",
    "proposal": "prp_0", "dataset": "orders", "name": "churn-latency", "usecase": "planned",
    "waiver": "req_0", "group": "reviewers", "delegation": "dlg_0",
}  # fmt: skip
REASON: Final = {"reason": "because the tests want it so"}
NOTES: Final = {"notes": "because the tests want it so"}
BODIES: Final[dict[str, Any]] = {
    "POST /models": {"name": "matrix"},
    "POST /models/register": {"model": "churn", "version": "2"},
    "PATCH /models/{model}": {"team": "risk"},
    "POST /models/{model}/versions": {"version": "3"},
    "POST /models/{model}/{version}/metrics": {"metrics": {"auc": 0.9}},
    "POST /models/{model}/versions/{version}/metrics": {"metrics": {"auc": 0.9}},
    "POST /models/{model}/versions/{version}/request-approval": {
        "justification": "it is better than the one before"
    },
    "POST /models/{model}/versions/{version}/reject": {"comment": "it is worse than before"},
    "POST /models/{model}/{version}/reject": {"comment": "it is worse than before"},
    "POST /models/{model}/rollback": REASON,
    "POST /models/{model}/versions/{version}/rollback": REASON,
    "POST /deployments/record": {"model": "churn", "version": "1"},
    "POST /deployments/promote": {"model": "churn", "version": "1"},
    "POST /deployments/{deployment}/abort": REASON,
    "POST /deployments/{deployment}/review": {"outcome": "issues", "findings": "the join lost a column in July"},
    "POST /freezes": {"ends_at": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"} | REASON,
    "POST /approvals": {
        "type": "release", "model": "churn", "version": "1", "justification": "it is better than before",
    },
    "POST /approvals/{request}/reject": {"comment": "no"},
    "POST /models/{model}/versions/{version}/evidence": {
        "kind": "metric", "value": {"metrics": {"auc": 0.9}}, "tool": "matrix",
    },
    "POST /models/{model}/versions/{version}/checks": {},
    "POST /policies/lint": {"document": "{}"},
    "POST /policies/dry-run": {"document": "{}"},
    "POST /policies/import": {"document": "compliance_level: strict"},
    "POST /policies/publish": {"document": "{}"},
    "POST /policies/{policy}/assign": {"model": "churn"},
    "POST /users": {"handle": "matrix"},
    "POST /users/create": {"handle": "matrix2"},
    "PATCH /users/{user}": {"metadata": "team: risk"},
    "POST /users/{user}/suspend": REASON,
    "POST /users/{user}/deactivate": REASON,
    "POST /users/{user}/identities": {"issuer": "https://api.github.com", "subject": "42"},
    "POST /users/{user}/link": {"to": "nobody"},
    "POST /users/{user}/roles": {"role": "analyst"},
    "POST /groups": {"group": "matrix"},
    "POST /groups/{group}/members": {"user": "nobody"},
    "POST /delegations": {"user": "nobody"} | REASON,
    "POST /models/{model}/versions/{version}/emergency": {"ticket": "INC-1"} | REASON,
    "POST /service-accounts": {"handle": "robot", "owner": "alice"},
    "POST /roles": {"role": "reader", "permissions": ["model.read"]},
    "PATCH /roles/{role}": {"permissions": ["model.read"]},
    "POST /tokens": {},
    "POST /endpoints": {"name": "matrix", "url": "https://hooks.example.invalid/"},
    "PATCH /endpoints/{endpoint}": {"severity": "HIGH"},
    "POST /endpoints/{endpoint}/replay": {"first": 0},
    "POST /keys": {"pem": "x", "challenge": "chl_0", "signature": "AAAA"},
    "POST /audit-log": {"ref": "r", "event_type": "X", "component": "matrix", "action": "try"},
    "POST /keys/{key}/revoke": {"cause": "lost"},
    "POST /erasures": {"user": "victim", "basis": "objection"} | REASON,
    "POST /texts/unlock": {"identity": [], "authored": []} | REASON,
    "POST /holds": {"user": "victim"} | REASON,
    "PUT /retention": {"texts": 3_000},
    "PUT /sla/slis/{name}": {"resource_type": "model", "resource": "churn"},
    "POST /sla/slots": {
        "schema": 1, "instance": "00000000000000a1", "closing": False, "parts": [{
            "sli": "guard:churn", "minute": "2026-11-20T11:19:00.000000Z", "part": 1, "total": 0, "errors": 0,
            "blocked": 0, "fallbacks": 0, "invalid": 0, "thresholds": [], "bad": [], "sketch": "AQoA", "dropped": 0,
        }],
    },
    "POST /kill-switches": {"scope": {"region": "eu"}} | REASON,
    "POST /snapshot/applied": {
        "instance": "6f3c8a52-3f0e-4d53-9f5a-0c6b5a1e2d77", "host": "web-1", "pid": 1, "model": "churn", "epoch": 1,
        "generation": 1, "source": "stream", "state": "fresh",
    },
    "POST /drift": {
        "model": "churn", "version": "1",
        "flush": {
            "schema": 1, "instance": "0" * 16, "sequence": 1, "minute": "2026-11-20T11:19:00.000000Z",
            "edges": "0" * 64, "counts": [],
        },
    },
    "POST /kill-switches/preview": {"scope": {"region": "eu"}},
    "POST /local-stops/{stop}/adopt": REASON,
    "POST /local-stops/{stop}/drop": NOTES,
    "POST /kill-switches/apply": {"switches": [{"name": "us", "scope": {"region": "us"}} | REASON]},
    "POST /kill-switches/{switch}/request-release": NOTES,
    "POST /kill-switches/{switch}/confirm-release": NOTES,
    "POST /kill-switches/{switch}/refuse-release": NOTES,
    "POST /kill-switches/{switch}/withdraw-release": NOTES,
    "POST /drills/{drill}/confirm": {},
    "POST /drills/{drill}/stop": {},
    "POST /drills": {"fault": "nan", "scope": {"model": "churn"}},
    "POST /triggers": {"name": "matrix", "model": "churn", "signal": "error_rate"},
    "PUT /triggers/{trigger}": {"model": "churn", "signal": "error_rate"},
    "POST /firings/{firing}/severity": {"severity": "SEV3"} | REASON,
    "POST /kill-switches/proposals/{proposal}/accept": {},
    "PUT /guards/{model}/mode": {"fail": "closed"},
    "PUT /freshness/{dataset}": {"cadence_s": 60, "max_age_s": 60},
    "POST /freshness/{dataset}": {},
    "POST /waivers": {"model": "churn", "version": "1", "check": "scan"} | REASON,
    "POST /models/{model}/versions/{version}/attestations": {
        "statement": "validated", "role": "approver", "envelope": "{}",
    },
    "POST /usecases": {"usecase": "matrix"},
    "POST /usecases/create": {"usecase": "matrix2"},
    "PATCH /usecases/{usecase}": {"name": "Nothing"},
    "POST /usecases/{usecase}/submit": {"comment": "it is better than doing nothing"},
    "POST /usecases/{usecase}/reject": {"comment": "no"},
    "POST /server-keys/{purpose}/revoke": {"key": "0" * 16, "since": "2026-11-20T11:19:40Z"},
}  # fmt: skip
QUERIES: Final = {
    "/models/{model}/compare": "?a=1&b=1",
    "/models/{model}/versions/{version}/attestation": "?statement=validated&role=approver",
    "/audit-log/consistency": "?from=1",
    "/snapshot": "?model=churn",
    "/snapshot/stream": "?model=churn",
    "/failure-modes": "?model=churn",
    "/audit-log/report": "?since=2026-01-01&until=2026-01-02",
}
ELSEWHERE: Final = {"PUT /guards/{model}/mode": {"model": "drilled"}}
"""What takes another model than the others do: one that no developer owns."""
FORM_FIRST: Final = {"POST /policies/publish"}
"""Whose body is read before the change, so that a bad one is refused to everybody."""

NOT_THEIRS: Final = {"GET /groups/{group}", "POST /delegations/{delegation}/end"}
"""Admit whoever it is about: what is not there, or another's, is not found."""

PAYLOADS: Final = {"PUT /artifacts/{sha256}": b"bytes"}
LISTED_BY_TWO: Final = {
    "GET /users": Permission.ACCESS_REVIEW,
    "GET /service-accounts": Permission.ACCESS_REVIEW,
}
"""Lists that a second permission opens too."""


def calls(town: Town) -> Iterator[tuple[str, str, Permission | object]]:
    """Yield each call: its name, its method with the path filled in, and the admission."""
    for route in routes_of(town.app):
        for method in sorted(route.methods or ()):
            short = route.path_format.removeprefix("/api/governance")
            yield f"{method} {short}", method, door_of(route.dependant).admission


def sent(town: Town, name: str, who: str, **given: str) -> httpx.Response:
    method, _, path = name.partition(" ")
    where = path.format(**GIVEN | given | ELSEWHERE.get(name, {})) + QUERIES.get(path, "")
    if name in PAYLOADS:
        return town.call(who, method, where, content=PAYLOADS[name])
    return town.call(who, method, where, BODIES.get(name))


@pytest.fixture(scope="module")
def request_id(town: Town) -> str:
    """Add what the calls are about, and return the open request among it."""
    assert town.call("carol", "POST", "/users", {"handle": "victim"}).status_code == 201
    purpose = "predicts which customers leave next month"
    model = {"name": "churn", "owner": "alice", "business_purpose": purpose}
    assert town.call("alice", "POST", "/models", model).status_code == 201
    for version in ("0", "1"):
        body = {"model": "churn", "version": version}
        assert town.call("alice", "POST", "/models/register", body).status_code == 201
        assert town.call("dave", "POST", "/deployments/record", body).status_code == 201
    planned = {
        "usecase": "planned",
        "models": ["churn"],
        "impact_level": "low",
        "affected_systems": ["crm"],
    }
    planned |= {
        "name": "Calls",
        "description": "Calls customers",
        "input_schema": {"type": "object"},
    }
    planned |= {"output_schema": {"type": "number"}}
    assert town.call("alice", "POST", "/usecases", planned).status_code == 201
    assert sent(town, "POST /usecases/{usecase}/submit", "alice").status_code == 200
    name = "POST /models/{model}/versions/{version}/request-approval"
    asked = sent(town, name, "alice")
    assert asked.status_code == 201
    return str(asked.json()["id"])


@pytest.fixture(scope="module")
def switch_id(town: Town) -> str:
    """Stop something, and return the switch."""
    body = {"scope": {"region": "mx"}} | REASON
    return str(town.call("dave", "POST", "/kill-switches", body).json()["id"])


@pytest.fixture(scope="module")
def drill_id(town: Town, request_id: str) -> str:
    """Run a drill on a model that no developer owns, and return it."""
    _ = request_id
    purpose = "predicts which customers leave next month"
    model = {"name": "drilled", "owner": "dave", "business_purpose": purpose}
    assert town.call("alice", "POST", "/models", model).status_code == 201
    body = BODIES["POST /drills"] | {"scope": {"model": "drilled"}}
    made = town.call("dave", "POST", "/drills", body)
    assert made.status_code == 201
    return str(made.json()["id"])


@pytest.fixture(scope="module")
def forward(town: Town) -> dict[str, str]:
    """Let a version go live elsewhere, and nothing go forward in staging; return the ids of both."""
    noted = town.call(
        "dave",
        "POST",
        "/deployments/record",
        {"model": "churn", "version": "1", "environment": "staging"},
    )
    frozen = town.call(
        "dave", "POST", "/freezes", BODIES["POST /freezes"] | {"environment": "staging"}
    )
    return {"deployment": noted.json()["id"], "freeze": frozen.json()["id"]}


@pytest.fixture(scope="module")
def stop_id(town: Town) -> str:
    """Let a guard of a model that nobody owns say that it stops something by itself, and return that."""
    token = guard_token(town.warden, owner="carol", model="fraud")
    said = BODIES["POST /snapshot/applied"] | {
        "model": "fraud",
        "local_stops": [{"scope": {"region": "br"}, "since": "2026-11-20T11:19:40Z"}],
    }
    where = f"{ROOT}/snapshot/applied"
    assert town.http.post(where, json=said, headers=bearer(token)).status_code == 204
    ends = time.monotonic() + 60
    while not (found := town.call("dave", "GET", "/local-stops").json()["items"]):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return str(found[0]["id"])


def test_public_routes_are_those_of_the_list_and_metrics(town: Town) -> None:
    found = {
        f"{method} {route.path_format}"
        for route in routes_of(town.app)
        for method in route.methods or ()
        if isinstance(door_of(route.dependant).admission, Public)
    }
    assert found == PUBLIC


def test_a_route_without_a_door_is_not_built() -> None:
    router = APIRouter(route_class=StrictRoute)

    async def open_to_all() -> Response:
        return Response()

    with pytest.raises(TypeError, match="names no permission"):
        router.add_api_route("/open", open_to_all)


def test_nobody_comes_in_without_a_token(town: Town) -> None:
    let_in = [
        name
        for name, method, admission in calls(town)
        if not isinstance(admission, Public) and name != "GET /metrics"
        if town.call(None, method, name.partition(" ")[2].format(**GIVEN)).status_code != 401
    ]
    assert let_in == []


def test_each_role_is_refused_what_it_lacks_and_nothing_else(
    town: Town,
    request_id: str,
    switch_id: str,
    drill_id: str,
    stop_id: str,
    forward: dict[str, str],
) -> None:
    """First all that has to be refused, which changes nothing; then all that has to be let in."""
    wrong = []
    about = {
        "request": request_id,
        "switch": switch_id,
        "drill": drill_id,
        "stop": stop_id,
    } | forward
    for refused in (True, False):
        for name, _, admission in calls(town):
            if not isinstance(admission, Permission) or name == "GET /metrics":
                continue
            wanted = {admission, LISTED_BY_TWO.get(name, admission)}
            for role, who in HOLDERS.items():
                if bool(wanted & ROLE_PERMISSIONS[BuiltInRole(role)]) is refused:
                    continue
                if refused and name in FORM_FIRST:
                    continue
                answer = sent(town, name, who, **about)
                if is_refusal(answer, method=name.partition(" ")[0]) is not refused:
                    wrong.append((name, role, answer.status_code, answer.text[:200]))
    assert wrong == []


def is_refusal(answer: httpx.Response, *, method: str) -> bool:
    """Say whether it was the missing permission that stood in the way."""
    if method == "HEAD":
        return bool(answer.status_code == 403)
    if answer.headers.get("Content-Type") != "application/problem+json":
        return False
    body = answer.json()
    return body["code"] == "not_permitted" and bool(body.get("permission"))


def test_what_is_ones_own_needs_no_role(town: Town) -> None:
    for name, method, admission in calls(town):
        if admission is OWN:
            path = name.partition(" ")[2].format(**GIVEN | {"user": "nobody"})
            expected = 404 if name in NOT_THEIRS else 200
            assert town.call("nobody", method, path).status_code == expected, name


def test_every_permission_of_the_matrix_was_tried(town: Town) -> None:
    named = {admission for _, _, admission in calls(town) if isinstance(admission, Permission)}
    assert {BuiltInRole(role) for role in HOLDERS} == set(BuiltInRole)
    assert set(HOLDERS.values()) <= set(PEOPLE)
    assert len(named) >= 20
