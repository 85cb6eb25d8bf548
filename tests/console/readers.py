"""Somebody who reads pages and sends their forms, by plain HTTP, and what each page has to keep to."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
INLINE: Final = re.compile(
    r"<script(?! src=\"/static/[a-z.]+\?v=[0-9a-f]{12}\"( defer)?></script>)"
    r"|\son[a-z]+=|\sstyle=|<style|javascript:",
    re.IGNORECASE,
)
OUTSIDE: Final = re.compile(r'(?:src|href|action)="(?!/|#)')


def is_clean(page: httpx.Response) -> bool:
    """Say whether a page needs nothing that its policy forbids, and whether nobody keeps or frames it."""
    return (
        page.headers["Content-Security-Policy"] == POLICY
        and "frame-ancestors 'none'" in POLICY
        and page.headers["Cache-Control"] == "no-store"
        and page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        and not INLINE.search(page.text)
        and not OUTSIDE.search(page.text)
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
