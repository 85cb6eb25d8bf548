"""Policies on plain pages: tried on past releases, and translated from a file; hostile words stay words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modelwarden.ledger.keys import SigningKey
from modelwarden.server import create_server_app
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.api.town import served
from tests.console.readers import PURPOSE, Place
from tests.console.test_browser import come_in
from tests.services import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from playwright.sync_api import Browser

TRIED = """schema: modelwarden.policy/v1
name: trial
approvals: {humans: 1}
checks: [{id: scan, type: findings, params: {source: security, max: {high: 0}}}]
"""
FILE = """governance:
  compliance_level: moderate
  required_approvers: 2
  auto_approval_conditions: {performance_improvement: 0.05}
  description: "<script>alert(1)</script>"
"""
OUT = "governance.auto_approval_conditions"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("policies")
    url = tables.fresh(folder)
    file = folder / "model.bin"
    file.write_bytes(b"model")
    with open_warden(url) as warden:
        for name, role in (("ada", "admin"), ("alice", "developer"), ("olga", "operator")):
            warden.add_user(name, roles=[role])
        warden.add_user("bob", roles=["approver"])
        ada, alice, bob = (warden.acting_as(name) for name in ("ada", "alice", "bob"))
        ada.policies.assign("builtin/basic")
        alice.models.register("churn", owner="alice", business_purpose=PURPOSE)
        alice.versions.register("churn", "1.0.0", artifact=file)
        asked = alice.approvals.request("churn", "1.0.0", justification="better than the old rule")
        key = SigningKey.generate()
        ada.keys.confirm(bob.keys.enrol(key).id)
        bob.approvals.approve(asked.id, key=key)
        warden.acting_as("olga").deployments.start("churn", "1.0.0")
        tokens = {
            name: warden.acting_as(name).tokens.create(user=name).secret or ""
            for name in ("ada", "alice")
        }
    with open_warden(url, embedded=False, write_rate=0, read_rate=0) as warden:
        app = create_server_app(warden.settings, warden=warden)
        with served(app) as address:
            yield Place(address, tokens, "")


def words(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_a_draft_is_tried_on_the_past_and_drawn(place: Place) -> None:
    ada = place.reader("ada")
    page = ada.send("/policies/dry-run", "preview", document=TRIED, days="30")
    assert page.status_code == 200, page.text
    told = words(page)
    assert "churn@1.0.0" in told
    assert "checks_unknown: trial/scan is unknown" in told
    assert "Would have been stopped 1" in told
    assert page.text.count('<circle class="bad"') == 2  # the wide picture and the narrow one
    none = ada.send("/policies/dry-run", "preview", document=TRIED, environment="staging")
    assert "Nothing would change" in none.text


def test_what_can_not_be_tried_is_named_and_the_words_stay(place: Place) -> None:
    ada = place.reader("ada")
    wrong = ada.send("/policies/dry-run", "preview", document="name: <b>x</b>")
    assert "policy_invalid" in wrong.text
    assert "name: &lt;b&gt;x&lt;/b&gt;" in wrong.text
    for typed in (
        {"days": "0"},
        {"days": "367"},
        {"days": "9999"},
        {"days": "-1"},
        {"cursor": "ü"},
    ):
        page = ada.send("/policies/dry-run", "preview", document=TRIED, **typed)
        assert "Not tried" in page.text, typed


def test_a_file_is_shown_as_the_policy_that_it_means(place: Place) -> None:
    ada = place.reader("ada")
    refused = ada.send("/policies/import", "preview", document=FILE)
    assert f"line 4, {OUT}" in words(refused)
    page = ada.send("/policies/import", "preview", document=FILE, name="ours", leave_out=OUT)
    assert "--- builtin/moderate@2" in page.text
    assert "+++ ours (draft)" in page.text
    assert "<script>alert" not in page.text
    assert f"eft out: {OUT}" in page.text


def test_who_may_not_draft_sees_why_and_nothing_is_written_by_a_look(place: Place) -> None:
    for path in ("/policies/import", "/policies/dry-run"):
        page = place.reader("alice").send(path, "preview", document=TRIED)
        assert "policy.draft" in page.text
        assert place.reader("ada").send(path, "publish", document=TRIED).status_code == 422


@pytest.mark.services
@pytest.mark.parametrize("narrow", [True, False], ids=["hand", "desk"])
def test_both_pages_are_for_all_eyes(browser: Browser, place: Place, *, narrow: bool) -> None:
    with browsers.opened(browser, narrow=narrow, dark=narrow) as page:
        for path, document, button, shown in (
            ("/policies/dry-run", TRIED, "Try it", "Would have been stopped"),
            (
                "/policies/import",
                FILE.replace("  auto", "  # auto"),
                "Translate",
                "builtin/moderate@2",
            ),
        ):
            come_in(page, place, "ada", path)
            assert browsers.violations(page) == []
            page.locator("main [name=document]").fill(document)
            page.locator("main [name=token]").fill(place.tokens["ada"])
            page.get_by_role("button", name=button).click()
            expect(page.get_by_text(shown).first).to_be_visible()
            assert browsers.violations(page) == []
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, path
