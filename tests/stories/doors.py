"""The three doors to one server, with the same verbs: REST by an HTTP client, the command line, the remote SDK."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx
import pytest
import typer.testing

import modelwarden
from modelwarden.cli.main import app
from modelwarden.errors import WardenError
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.entry import commit_text
from tests.safeguards.fleet import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modelwarden.client.remote import Remote
    from tests.stories.office import Office

PURPOSE: Final = "predicts which customers leave next month"
WHY: Final = "the third-quarter retraining, evaluated on the hold-out set"
USE: Final[dict[str, Any]] = {
    "name": "Retention calls",
    "description": "Call those who are likely to leave",
    "models": ["churn"],
    "input_schema": {"type": "object"},
    "output_schema": {"type": "number"},
    "impact_level": "medium",
    "affected_systems": ["crm"],
}
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


class Refused(Exception):  # it is what the door answered
    """The server said no: the code and the reasons, whichever door told of it."""

    def __init__(self, code: str, reasons: Sequence[str], words: str) -> None:
        super().__init__(words)
        self.code, self.reasons = code, tuple(reasons)


class Door(Protocol):
    """What a story does; each answer has the fields of the SDK's."""

    def register_model(self, who: str) -> Any: ...  # noqa: ANN401
    def register(self, who: str, label: str, artifact: Path) -> Any: ...  # noqa: ANN401
    def version(self, who: str, label: str) -> Any: ...  # noqa: ANN401
    def retire(self, who: str, label: str) -> Any: ...  # noqa: ANN401
    def ask(self, who: str, label: str) -> Any: ...  # noqa: ANN401
    def approve(self, who: str, request: str) -> Any: ...  # noqa: ANN401
    def start(self, who: str, label: str, environment: str) -> Any: ...  # noqa: ANN401
    def shown(self, who: str, deployment: str) -> Any: ...  # noqa: ANN401
    def review(self, who: str, deployment: str, findings: str) -> Any: ...  # noqa: ANN401
    def use(self, who: str, verb: str) -> Any: ...  # noqa: ANN401
    def facts(self, who: str, kind: str) -> list[dict[str, Any]]: ...
    def verify(self, who: str) -> Any: ...  # noqa: ANN401


class Rest:
    """Plain HTTP: what is signed is signed by whoever calls."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.http = httpx.Client(base_url=office.url, timeout=60)
        office.stack.callback(self.http.close)

    def call(self, who: str, method: str, path: str, **given: Any) -> httpx.Response:  # noqa: ANN401
        headers = {"Authorization": f"Bearer {self.office.tokens[who]}"}
        answer = self.http.request(method, f"{ROOT}{path}", headers=headers, **given)
        if answer.is_error:
            told = answer.json()
            raise Refused(told["code"], told.get("reasons", ()), told["detail"])
        return answer

    def told(self, who: str, method: str, path: str, **given: Any) -> Any:  # noqa: ANN401
        return shaped(self.call(who, method, path, **given).content)

    def register_model(self, who: str) -> Any:  # noqa: ANN401
        body = {"name": "churn", "owner": who, "business_purpose": PURPOSE, "risk_tier": 2}
        return self.told(who, "POST", "/models", json=body)

    def register(self, who: str, label: str, artifact: Path) -> Any:  # noqa: ANN401
        data = artifact.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        kept = self.told(who, "PUT", f"/artifacts/{sha256}", content=data)
        body = {"version": label, "artifact": kept.uri}
        return self.told(who, "POST", "/models/churn/versions", json=body)

    def version(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.told(who, "GET", f"/models/churn/versions/{label}")

    def retire(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.told(who, "POST", f"/models/churn/versions/{label}/retire", json={})

    def ask(self, who: str, label: str) -> Any:  # noqa: ANN401
        body = {"model": "churn", "version": label, "justification": WHY}
        return self.told(who, "POST", "/approvals", json=body)

    def approve(self, who: str, request: str) -> Any:  # noqa: ANN401
        return self.signed(who, f"/approvals/{request}/approve", request)

    def signed(self, who: str, path: str, request: str) -> Any:  # noqa: ANN401
        """Fetch what is to be signed, sign it here, and hand it in with a comment and its salt."""
        salt, comment = os.urandom(32), f"{who} looked at it"
        asked = {"decision": "approve", "comment_digest": commit_text(salt, comment).hex()}
        paper = self.call(who, "GET", f"/approvals/{request}/statement", params=asked).content
        body = {
            "comment": comment,
            "comment_salt": base64.b64encode(salt).decode(),
            "envelope": seal(PAYLOAD_TYPE, paper, self.office.keys[who]).to_line().decode(),
        }
        return self.told(who, "POST", path, json=body)

    def start(self, who: str, label: str, environment: str) -> Any:  # noqa: ANN401
        body = {"environment": environment}
        return self.told(who, "POST", f"/models/churn/versions/{label}/deploy", json=body)

    def shown(self, who: str, deployment: str) -> Any:  # noqa: ANN401
        return self.told(who, "GET", f"/deployments/{deployment}")

    def review(self, who: str, deployment: str, findings: str) -> Any:  # noqa: ANN401
        body = {"outcome": "issues", "findings": findings}
        return self.told(who, "POST", f"/deployments/{deployment}/review", json=body)

    def use(self, who: str, verb: str) -> Any:  # noqa: ANN401
        path = f"/usecases/calls/{verb}"
        if verb == "create":
            return self.told(who, "POST", "/usecases", json={"usecase": "calls"} | USE)
        if verb == "show":
            return self.told(who, "GET", "/usecases/calls")
        if verb == "approve":
            return self.signed(who, path, self.use(who, "show").request)
        body = {"submit": {"comment": WHY}, "deprecate": {"reason": "letters do better"}}
        return self.told(who, "POST", path, json=body.get(verb, {}))

    def facts(self, who: str, kind: str) -> list[dict[str, Any]]:
        found = self.call(who, "GET", "/audit-log", params={"type": kind, "limit": 100}).json()
        return [each["entry"] for each in reversed(found["items"])]

    def verify(self, who: str) -> Any:  # noqa: ANN401
        return self.told(who, "GET", "/audit-log/verify", params={"strict": True, "state": True})


class Line:
    """The command line with a server's address and a token, as it is typed."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def run(self, who: str, *words: str) -> Any:  # noqa: ANN401
        environment = {
            "MODELWARDEN_URL": self.office.url,
            "MODELWARDEN_TOKEN": self.office.tokens[who],
            "MODELWARDEN_AS": None,
            "NO_COLOR": "1",
        }
        ran = typer.testing.CliRunner().invoke(app, [*words, "--json"], env=environment)
        if ran.exit_code:
            told = json.loads(ran.stderr)["error"]
            assert ran.exit_code in {1, 4}, ran.stderr
            raise Refused(told["code"], told.get("reasons", ()), told["detail"])
        return shaped(ran.stdout)

    def register_model(self, who: str) -> Any:  # noqa: ANN401
        words = ("--owner", who, "--purpose", PURPOSE, "--tier", "2")
        return self.run(who, "models", "register", "churn", *words)

    def register(self, who: str, label: str, artifact: Path) -> Any:  # noqa: ANN401
        words = ("register", f"churn@{label}", "--artifact", str(artifact))
        return self.run(who, "versions", *words)

    def version(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.run(who, "versions", "show", f"churn@{label}")

    def retire(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.run(who, "versions", "retire", f"churn@{label}")

    def ask(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.run(who, "approvals", "request", f"churn@{label}", "-j", WHY)

    def approve(self, who: str, request: str) -> Any:  # noqa: ANN401
        words = ("-c", f"{who} looked at it", "--key", self.office.key_file(who))
        return self.run(who, "approvals", "approve", request, *words)

    def start(self, who: str, label: str, environment: str) -> Any:  # noqa: ANN401
        return self.run(who, "deploy", "start", f"churn@{label}", "-e", environment)

    def shown(self, who: str, deployment: str) -> Any:  # noqa: ANN401
        return self.run(who, "deploy", "show", deployment)

    def review(self, who: str, deployment: str, findings: str) -> Any:  # noqa: ANN401
        words = ("--outcome", "issues", "--findings", findings)
        return self.run(who, "deploy", "review", deployment, *words)

    def use(self, who: str, verb: str) -> Any:  # noqa: ANN401
        more = {
            "create": (
                "--name", USE["name"], "--description", USE["description"], "--model", "churn", "--impact", "medium",
                "--system", "crm", "--input-schema", json.dumps(USE["input_schema"]),
                "--output-schema", json.dumps(USE["output_schema"]),
            ),
            "submit": ("--comment", WHY),
            "approve": ("--key", self.office.key_file(who)),
            "deprecate": ("--reason", "letters do better"),
        }  # fmt: skip
        return self.run(who, "usecases", verb, "calls", *more.get(verb, ()))

    def facts(self, who: str, kind: str) -> list[dict[str, Any]]:
        found = self.run(who, "audit", "search", "--type", kind, "--limit", "100")
        return [each["entry"] for each in reversed(found.items)]

    def verify(self, who: str) -> Any:  # noqa: ANN401
        return self.run(who, "audit", "verify", "--strict", "--state")


class Sdk:
    """The remote SDK."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.rooms: dict[str, Remote] = {}

    def as_user(self, who: str) -> Remote:
        if who not in self.rooms:
            token = self.office.tokens[who]
            connected = modelwarden.connect(self.office.url, token=token)
            self.rooms[who] = self.office.stack.enter_context(connected)
        return self.rooms[who]

    def say(self, who: str, room: str, verb: str, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        try:
            return getattr(getattr(self.as_user(who), room), verb)(*given, **named)
        except WardenError as error:
            reasons = getattr(error, "reasons", ())
            raise Refused(error.code, reasons, str(error)) from error

    def register_model(self, who: str) -> Any:  # noqa: ANN401
        given = {"owner": who, "business_purpose": PURPOSE, "risk_tier": 2}
        return self.say(who, "models", "register", "churn", **given)

    def register(self, who: str, label: str, artifact: Path) -> Any:  # noqa: ANN401
        return self.say(who, "versions", "register", "churn", label, artifact=artifact)

    def version(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.say(who, "versions", "show", "churn", label)

    def retire(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.say(who, "versions", "retire", "churn", label)

    def ask(self, who: str, label: str) -> Any:  # noqa: ANN401
        return self.say(who, "approvals", "request", "churn", label, justification=WHY)

    def approve(self, who: str, request: str) -> Any:  # noqa: ANN401
        given = {"comment": f"{who} looked at it", "key": self.office.keys[who]}
        return self.say(who, "approvals", "approve", request, **given)

    def start(self, who: str, label: str, environment: str) -> Any:  # noqa: ANN401
        return self.say(who, "deployments", "start", "churn", label, environment=environment)

    def shown(self, who: str, deployment: str) -> Any:  # noqa: ANN401
        return self.say(who, "deployments", "show", deployment)

    def review(self, who: str, deployment: str, findings: str) -> Any:  # noqa: ANN401
        given = {"outcome": "issues", "findings": findings}
        return self.say(who, "deployments", "review", deployment, **given)

    def use(self, who: str, verb: str) -> Any:  # noqa: ANN401
        more: dict[str, Any] = {
            "create": USE,
            "submit": {"comment": WHY},
            "deprecate": {"reason": "letters do better"},
        }
        signed = {"key": self.office.keys[who]} if verb == "approve" else {}
        return self.say(who, "use_cases", verb, "calls", **more.get(verb, signed))

    def facts(self, who: str, kind: str) -> list[dict[str, Any]]:
        found = self.say(who, "audit", "search", type=kind, limit=100)
        return [dict(each.entry) for each in reversed(found.items)]

    def verify(self, who: str) -> Any:  # noqa: ANN401
        return self.say(who, "audit", "verify", strict=True, state=True)


def refused(act: Callable[..., Any], *given: str) -> Refused:
    """Do what has to be refused, whichever the door; return how it was."""
    with pytest.raises(Refused) as caught:
        act(*given)
    return caught.value


def shaped(text: str | bytes) -> Any:  # noqa: ANN401  # JSON
    """Read an answer; its members are fields, as the SDK's are."""
    found = json.loads(text)
    return SimpleNamespace(**found) if isinstance(found, dict) else found


DOORS: Final = {"rest": Rest, "cli": Line, "sdk": Sdk}
