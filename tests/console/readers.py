"""Somebody who reads pages and sends their forms, by plain HTTP, and what each page has to keep to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx

from modelwarden.api.edge import POLICY
from tests.guard.hosts import soon
from tests.safeguards.fleet import ROOT, bearer, fetched, head_of, report

if TYPE_CHECKING:
    from collections.abc import Mapping

PURPOSE: Final = "predicts which customers leave next month"
WHY: Final = "PSI 0.61 <b>in the last hour</b>"
PEOPLE: Final = {
    "olivia": ["developer"], "dave": ["operator"], "erin": ["operator"], "carol": ["auditor"], "frank": [],
}  # fmt: skip
ALLOWED: Final = re.compile(r"/static/[a-z.]+\?v=[0-9a-f]{12}")
AWAY: Final = frozenset({"href", "src", "action", "formaction", "poster", "data"})


class Markup(HTMLParser):
    """What a page makes a browser do that its policy forbids: found in its markup, never in its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        bad = tag in {"style", "iframe", "object", "embed", "base"} or (
            tag == "script" and not ALLOWED.fullmatch(given.get("src", ""))
        )
        for name, value in given.items():
            bad = bad or name.startswith("on") or name == "style"
            bad = bad or (name in AWAY and not value.startswith(("/", "#")))
            bad = bad or value.startswith("//")
        if bad:
            self.found.append(self.get_starttag_text() or tag)
        self._script = tag if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.found.append(data)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - as the parser calls it
        self._script = ""


def is_clean(page: httpx.Response) -> bool:
    """Say whether a page needs nothing that its policy forbids, and whether nobody keeps or frames it."""
    return (
        page.headers["Content-Security-Policy"] == POLICY
        and "frame-ancestors 'none'" in POLICY
        and page.headers["Cache-Control"] == "no-store"
        and page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        and (
            Markup(page.text).found == []
            if page.headers["Content-Type"].startswith("text/html")
            else page.headers["Content-Disposition"].startswith("attachment")
        )
    )


@dataclass(frozen=True)
class Place:
    """A server with people and guards of a model, by their tokens."""

    address: str
    tokens: Mapping[str, str]
    guards: str

    def reader(self, name: str) -> Reader:
        return Reader(self, name)

    def guard(self, *, host: str = "web-1", **fields: Any) -> str:  # noqa: ANN401 - any JSON
        """Let a guard of churn fetch and report, and return its instance once pages know of it."""
        name = fields.setdefault("instance", str(uuid4()))
        with httpx.Client(base_url=self.address) as http:
            head = head_of(fetched(http, self.guards).content)
            answer = http.post(
                f"{ROOT}/snapshot/applied",
                json=report(head, host=host, **fields),
                headers=bearer(self.guards, **{"Modelwarden-Instance": name}),
            )
            assert answer.status_code == 204, answer.text
            path = f"{ROOT}/guards?limit=500"
            headers = bearer(self.tokens["dave"])
            soon(lambda: name in http.get(path, headers=headers).text)
        return str(name)

    def verify(self, name: str) -> httpx.Response:
        """Let somebody verify the ledger, which records it."""
        headers = bearer(self.tokens[name])
        return httpx.get(f"{self.address}{ROOT}/audit-log/verify", headers=headers)


class Reader:
    """One person with a token."""

    def __init__(self, place: Place, name: str) -> None:
        self.address, self.token = place.address, place.tokens[name]

    def send(self, path: str = "/kill-switches", do: str = "look", **fields: str) -> httpx.Response:
        page = httpx.post(f"{self.address}{path}", data={"token": self.token, "do": do, **fields})
        assert is_clean(page)
        assert self.token not in page.text
        assert self.token not in str(page.headers)
        assert "set-cookie" not in page.headers
        return page

    def stop(self, model: str = "churn", **fields: str) -> httpx.Response:
        given = {"typed": model or "everything", "reason": WHY, "severity": "SEV2"} | fields
        return self.send(
            f"/kill-switches/stop?model={model}" if model else "/kill-switches/stop",
            "stop",
            **given,
        )

    def step(self, do: str, switch: str, **fields: str) -> httpx.Response:
        return self.send("/kill-switches", do, switch=switch, **fields)

    def release(self, switch: str, other: Reader) -> None:
        """Let a switch go, with somebody else's help."""
        assert self.step("request", switch, notes="right again").status_code == 200
        assert other.step("confirm", switch, notes="seen").status_code == 200


def switch_of(page: httpx.Response) -> str:
    """Return the switch that a step was about."""
    found = re.search(r'role="status" id="said".*?(swi_[0-9A-Z]+)', page.text, re.DOTALL)
    assert found is not None
    return found[1]
