"""Waivers on a plain page: asked for, signed and ended by its forms, shown with their check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.server import create_server_app
from tests.api.town import served
from tests.approvals.org import Org
from tests.approvals.test_checks import SCAN, outcomes, publish, ran, scanned
from tests.approvals.test_waivers import LEAVE, WHY
from tests.console.readers import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNS: Final = ("approval.decide", "approval.read", "model.read", "switch.read")


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    company = Org(tmp_path)
    publish(company, SCAN, rest=LEAVE)
    scanned(company, high=1)
    yield company
    company.warden.close()


@pytest.fixture
def desk(org: Org) -> Iterator[Place]:
    scopes = {"alice": None, "dave": None, "bob": SIGNS, "carol": SIGNS}
    tokens = {
        name: org.warden.acting_as(name).tokens.create(scopes=named).secret or ""
        for name, named in scopes.items()
    }
    app = create_server_app(org.warden.settings, warden=org.warden)
    with served(app) as address:
        yield Place(address, tokens, "")


def test_a_waiver_is_asked_for_signed_and_ended_on_its_page(org: Org, desk: Place) -> None:
    alice, bob, carol = desk.reader("alice"), desk.reader("bob"), desk.reader("carol")
    asked = {
        "version": "churn@1.0.0",
        "check": "scan",
        "environment": "production",
        "owner": "dave",
    }
    page = alice.send("/waivers", "ask", reason=f"<b>{WHY}</b>", **asked)
    assert page.status_code == 200, page.text
    assert "Waits to be signed" in page.text
    assert "mine@1/scan" in page.text
    assert "&lt;b&gt;" in page.text
    (waiver,) = org.warden.acting_as("bob").waivers.list().items
    assert "Open, for role:approver" in page.text
    assert alice.send("/waivers", "approve", waiver=waiver.id).status_code == 403
    bob.send("/waivers", "approve", waiver=waiver.id, comment="for now")
    signed = carol.send("/waivers", "approve", waiver=waiver.id)
    assert "In force" in signed.text, signed.text
    assert "Signed by bob" in signed.text
    assert outcomes(ran(org)) == {"scan": "waived"}
    assert waiver.id not in alice.send("/waivers?state=void").text
    assert waiver.id in alice.send("/waivers?model=churn&version=1.0.0", format="csv").text
    ended = desk.reader("dave").send("/waivers", "end", waiver=waiver.id)
    assert "Over" in ended.text
    assert "ended" in ended.text


def test_what_a_form_says_wrong_is_refused(desk: Place) -> None:
    alice = desk.reader("alice")
    good = {"version": "churn@1.0.0", "check": "scan", "environment": "production", "reason": WHY}
    for wrong in (
        {"version": "churn"},
        {"check": "none"},
        {"until": "soon"},
        {"until": "2020-01-01"},
        {"environment": "moon"},
        {"reason": "short"},
    ):
        assert alice.send("/waivers", "ask", **(good | wrong)).status_code == 422, wrong
    assert alice.send("/waivers", "nonsense").status_code == 422
    assert alice.send("/waivers", "end", waiver="req_none").status_code == 404
    assert "No waiver here" in alice.send("/waivers").text
