"""Models and versions on plain pages: what the gate says, what is missing, and the forms that supply it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.approvals.org import WHY, Org
from tests.approvals.test_checks import FLOOR, SCAN, publish, scanned
from tests.approvals.test_signed_files import bundle, kept
from tests.approvals.test_waivers import LEAVE, waived
from tests.console.releasing import BAD, shown
from tests.console.test_browser import come_in, too_small, violations_of
from tests.safeguards.fleet import ROOT, bearer
from tests.services import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.console.readers import Place

ONE = "/models/churn/versions/1.0.0"
LONG = "9.9.9+build.2026-11-28_nightly.of-the-third-quarter"


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    company = Org(tmp_path, write_rate=0, read_rate=0)
    publish(company, f"{SCAN}, {FLOOR}", rest=LEAVE)
    scanned(company, high=1)
    company.register(LONG, description=f"retrained {BAD}")
    yield company
    company.warden.close()


@pytest.fixture
def place(org: Org) -> Iterator[Place]:
    with shown(org) as made:
        yield made


def gate(place: Place) -> Any:  # noqa: ANN401 - any JSON
    path = f"{place.address}{ROOT}{ONE}/gate"
    return httpx.get(path, headers=bearer(place.tokens["dave"])).json()


def test_a_version_shows_what_the_gate_lacks_until_it_is_live(org: Org, place: Place) -> None:
    alice, dave = place.reader("alice"), place.reader("dave")
    page = alice.send(ONE).text
    for reason in gate(place)["reasons"]:
        assert reason["code"] in page, reason
    for words in (
        "Blocking checks pass", "two people who sign a waiver", "/waivers?model=churn&amp;version=1.0.0",
        "Nobody has asked for production", "as registered; the bytes are read",
    ):  # fmt: skip
        assert words in page, words
    assert "churn@1.0.0" in alice.send("/waivers?model=churn&version=1.0.0").text
    blocked = alice.send(ONE, "ask", justification=WHY)
    assert blocked.status_code == 409
    assert "checks_blocking" in blocked.text
    assert "two people who sign a waiver" in blocked.text.partition('role="alert"')[2][:900]
    run = alice.send(ONE, "check")
    assert "Checked: blocked" in run.text
    assert "max_age" not in run.text
    waived(org)
    asked = alice.send(ONE, "ask", justification=f"{WHY} {BAD}")
    assert "Asked" in asked.text, asked.text
    assert "Waived" in asked.text
    assert "scan, in force" in asked.text
    assert "2 people may still answer" in asked.text
    request = gate(place)["request"]
    org.approve("bob", request)
    assert "One person may still answer" in alice.send(ONE).text
    org.approve("carol", request)
    page = alice.send(ONE).text
    assert "2 of 2" in page
    assert "not_permitted" in page
    assert "Somebody with the role operator" in page
    refused = alice.send(ONE, "start", environment="production")
    assert refused.status_code == 403
    assert "It comes with the role operator" in refused.text
    weighed = dave.send(ONE, "outside").text
    assert "the bytes were read for this" in weighed
    assert "Nothing bars it" in weighed
    gone = dave.send(ONE, "start", environment="production")
    assert "Live in production" in gone.text, gone.text
    assert "carol" in gone.text
    assert "Live in production" in dave.send("/models/churn").text
    assert "1.0.0" in dave.send("/models").text


def test_other_bytes_are_seen_when_they_are_read(org: Org, place: Place) -> None:
    waived(org)
    org.approved()
    dave = place.reader("dave")
    assert "artifact_mismatch" not in dave.send(ONE).text
    (org.folder / "1.0.0.bin").write_bytes(b"other")
    assert "artifact_mismatch" in dave.send(ONE, "outside").text
    refused = dave.send(ONE, "start", environment="production")
    assert "A developer registers these bytes" in refused.text


def test_whose_signature_and_evidence_there_is(org: Org, place: Place) -> None:
    alice = place.reader("alice")
    assert "Nobody signed its files" in alice.send(ONE).text
    key = org.enrol("alice")
    kept(org, bundle(org.folder / "1.0.0.bin", key))
    page = alice.send(ONE).text
    assert "Nobody signed its files" not in page
    assert "Signature" in page
    assert "counts critical 0, counts high 1" in page


def test_labels_and_words_are_told_as_they_are(place: Place) -> None:
    alice = place.reader("alice")
    page = alice.send(f"/models/churn/versions/{LONG}".replace("+", "%2B"))
    assert page.status_code == 200, page.text
    assert LONG in page.text
    assert "retrained &lt;script&gt;" in page.text
    listed = alice.send("/models/churn").text
    assert LONG.replace("+", "%2B") in listed
    for path in ("<b>", "1.0.0'--", "9" * 300):
        found = alice.send(f"/models/churn/versions/{path}")
        assert found.status_code == 404, path
        assert "<b>b" not in found.text
    assert alice.send(f"{ONE}?environment=moon").status_code == 422
    assert alice.send("/models?status=asleep").status_code == 422
    assert alice.send("/models/churn?cursor=%FF").status_code == 422
    retired = place.reader("dave").send(f"/models/churn/versions/{LONG}".replace("+", "%2B"), "retire")  # fmt: skip
    assert "Retired" in retired.text
    assert alice.send(ONE, "retire").status_code == 403
    assert alice.send(ONE, "nonsense").status_code == 422
    assert alice.send(ONE, "ask", justification=f"{WHY}\0").status_code == 422


def test_who_may_not_read_it_learns_nothing(place: Place) -> None:
    frank = place.reader("frank")
    assert "churn" not in frank.send("/models").text
    for path in (ONE, "/models/churn", "/models/none", "/models/none/versions/1"):
        for do in ("look", "outside", "start", "check"):
            page = frank.send(path, do, environment="production")
            assert page.status_code == 404, (path, do)
            assert "alice" not in page.text
    narrow = place.reader("bob").send(ONE)
    assert narrow.status_code == 200


@pytest.mark.services
@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_the_pages_are_for_all_eyes_and_hands(
    browser: Browser, org: Org, place: Place, *, dark: bool, narrow: bool
) -> None:
    waived(org)
    org.approve("bob", org.request().id, comment="x" * 300)
    place.reader("alice").send(ONE, "check")
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        for path in ("/models", "/models/churn", ONE, f"/models/churn/versions/{LONG}"):
            come_in(page, place, "dave", path.replace("+", "%2B"))
            assert violations_of(page) == [], path
            for summary in page.locator("main details.act:not(.export) > summary").all():
                summary.click()
            assert violations_of(page) == [], path
            if narrow:
                assert too_small(page) == [], path
        come_in(page, place, "dave", ONE)
        page.locator("summary", has_text="Read the bytes").click()
        page.get_by_label("Token, to ask the gate").fill(place.tokens["dave"])
        page.get_by_role("button", name="Ask the gate").click()
        page.get_by_text("the bytes were read for this").wait_for()
        assert violations_of(page) == []
