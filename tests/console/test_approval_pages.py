"""Approvals on plain pages: the question, its seats and answers, its checks, and what stands elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.responses import Response

from modelwarden.access import actions as access
from modelwarden.approvals import actions as approvals
from modelwarden.deployments.github.source import issuer_of, lock_of
from modelwarden.reactions.github import KeepPulls
from modelwarden.server import create_server_app
from tests.api.town import served
from tests.approvals.org import WHY, Org
from tests.console.readers import Place
from tests.console.test_browser import come_in, too_small, violations_of
from tests.deployments.fleet import govern
from tests.deployments.github.conftest import NUMBERS, REQUIRED, STRANGER, join
from tests.safeguards.fleet import ROOT, bearer
from tests.services import browser as browsers
from tests.services.github_state import ALL, APP, INSTALLATION, REPOSITORY
from tests.services.github_stub import GitHubStub, github

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

BAD = "<script>alert(1)</script>"


@dataclass
class Desk:
    """A company whose releases are reviewed at GitHub, and its pages."""

    org: Org
    stub: GitHubStub
    place: Place

    def asked(self) -> str:
        """Ask, with a pull request that holds what it has to; return the request."""
        ask = partial(approvals.request, justification=f"{WHY} {BAD}")
        request = str(self.org.do("alice", ask, "churn", "1.0.0").id)
        lock = self.org.see("alice", lock_of, request)
        self.stub.open(request, lock, by=NUMBERS["alice"])
        return request

    def api(self, name: str, path: str) -> httpx.Response:
        headers = bearer(self.place.tokens[name])
        return httpx.get(f"{self.place.address}{ROOT}/approvals/{path}", headers=headers)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    key = tmp_path / "app.pem"
    with github() as stub:
        key.write_text(stub.pem, encoding="utf-8")
        key.chmod(0o600)
        org = Org(
            tmp_path,
            github_url=stub.base,
            github_repository=REPOSITORY,
            github_app=APP,
            github_installation=INSTALLATION,
            github_key=f"file:{key}",
        )
        stub.now, stub.may = org.clock.now(), ALL
        join(org)
        for name in ("alice", "bob", "carol"):
            mapped(org, name, issuer_of(stub.base))
        govern(org, asks=REQUIRED)
        org.warden.add_user("frank")
        tokens = {
            name: org.warden.acting_as(name).tokens.create().secret or ""
            for name in ("alice", "bob", "erin")
        }
        tokens["frank"] = org.warden.acting_as("root").tokens.create(user="frank").secret or ""
        app = create_server_app(org.warden.settings, warden=org.warden)
        with served(app) as address:
            yield Desk(org, stub, Place(address, tokens, ""))
        org.warden.close()
    assert stub.faults == []


def mapped(org: Org, name: str, issuer: str) -> None:
    """Say whose an account at GitHub is, as two approvers permit."""
    subject = str(NUMBERS[name])
    payload = {"user": org.who(name).actor, "issuer": issuer, "subject": subject}
    ask = partial(approvals.request_access, payload=payload, justification=WHY)
    request = org.do("ruth", ask, "identity.map")
    for other in [each for each in ("bob", "carol", "erin") if each != name][:2]:
        org.approve(other, request.id)
    org.do("ruth", partial(access.map_identity, issuer=issuer, subject=subject), name)


def test_a_question_is_shown_with_its_seats_answers_and_the_line_to_sign_with(desk: Desk) -> None:
    request = desk.asked()
    alice, bob = desk.place.reader("alice"), desk.place.reader("bob")
    page = alice.send(f"/approvals/{request}")
    assert page.status_code == 200, page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    digest = sha256((desk.org.folder / "1.0.0.bin").read_bytes()).hexdigest()
    for words in (
        "churn 1.0.0", f"sha256 {digest}", "0 of 2, any order", "Seat 1:",
        f"modelwarden approvals approve {request} --key FILE", "A word from GitHub", "An own key",
    ):  # fmt: skip
        assert words in page.text, words
    assert request in bob.send("/approvals?show=mine").text
    assert request not in alice.send("/approvals?show=mine").text
    desk.org.approve("bob", request, comment=f"fine {BAD}")
    page = alice.send(f"/approvals/{request}").text
    assert "1 of 2, any order" in page
    assert "fine &lt;script&gt;" in page
    assert "Signed with an own key" in page
    assert request not in bob.send("/approvals?show=mine").text
    listed = alice.send("/approvals?type=release").text
    assert "1 of 2" in listed
    desk.org.reject("carol", request, comment="no")
    page = alice.send(f"/approvals/{request}").text
    assert "Rejected" in page
    assert "--key FILE" not in page
    assert "It is over; ask anew" in page
    assert request not in alice.send("/approvals").text
    assert request in alice.send("/approvals?show=rejected").text
    assert request in alice.send("/approvals?show=all", format="csv").text
    assert alice.send("/approvals?show=asleep").status_code == 422
    assert alice.send("/approvals?cursor=%FF").status_code == 422
    assert alice.send(f"/approvals/{request}", "approve").status_code == 422


def test_whose_review_counts_and_why_not_is_read_when_it_is_asked_for(desk: Desk) -> None:
    request = desk.asked()
    (pull,) = desk.stub.pulls
    alice = desk.place.reader("alice")
    calls = len(desk.stub.calls)
    assert "Read GitHub now" in alice.send(f"/approvals/{request}").text
    assert len(desk.stub.calls) == calls, "a page that is looked at calls nobody"
    page = alice.send(f"/approvals/{request}", "outside").text
    assert "GitHub: missing" in page
    desk.stub.review(pull, NUMBERS["alice"])
    desk.stub.review(pull, STRANGER)
    desk.stub.review(pull, NUMBERS["bob"], "COMMENTED", words=f"Look {BAD}")
    desk.stub.review(pull, NUMBERS["carol"])
    page = alice.send(f"/approvals/{request}", "outside").text
    assert "GitHub: passed" in page
    (told,) = desk.api("alice", f"{request}/outside").json()["items"]
    voices = {(each["user"], each["counts"], each["why"]) for each in told["voices"]}
    assert voices == {
        ("alice", False, "they wrote, opened or pushed it"),
        (None, False, "the identity map does not know the account"),
        ("bob", False, "a comment settles nothing"),
        ("carol", True, "approves the head"),
    }
    for _, _, why in voices:
        assert why in page, why
    assert desk.org.warden.acting_as("alice").approvals.outside(request)[0].state == "passed"
    desk.stub.review(pull, NUMBERS["carol"], "CHANGES_REQUESTED")
    page = alice.send(f"/approvals/{request}", "outside").text
    assert "GitHub: changes requested" in page
    assert "the account said something else later" in page
    desk.stub.refusal = Response(status_code=500)
    assert "GitHub: unreadable" in alice.send(f"/approvals/{request}", "outside").text


def test_what_was_written_at_github_is_shown_until_it_is_erased(desk: Desk) -> None:
    request = desk.asked()
    (pull,) = desk.stub.pulls
    desk.stub.review(pull, NUMBERS["carol"], words=f"Ship it {BAD}")
    found: Any = desk.org.warden.github
    KeepPulls(desk.org.warden, found.own_site, found.own_source, every_s=0, soonest_s=0).idle()
    page = desk.place.reader("alice").send(f"/approvals/{request}").text
    assert "Ship it &lt;script&gt;" in page
    assert "#1" in page
    (said,) = desk.api("alice", f"{request}/comments").json()["items"]
    assert (said["user"], said["system"]) == ("carol", "github")
    (kept,) = desk.org.warden.acting_as("alice").approvals.comments(request)
    assert kept.comment == f"Ship it {BAD}"


def test_who_may_not_read_it_learns_nothing(desk: Desk) -> None:
    request = desk.asked()
    frank = desk.place.reader("frank")
    assert request not in frank.send("/approvals?show=all").text
    calls = len(desk.stub.calls)
    for path in (request, "req_none", "<b>"):
        pages = [frank.send(f"/approvals/{path}", do) for do in ("look", "outside")]
        assert {each.status_code for each in pages} == {404}
    for path in (request, f"{request}/comments", f"{request}/outside"):
        assert desk.api("frank", path).status_code in {403, 404}
    assert len(desk.stub.calls) == calls


@pytest.mark.services
@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_the_pages_are_for_all_eyes_and_hands(
    browser: Browser, desk: Desk, *, dark: bool, narrow: bool
) -> None:
    request = desk.asked()
    (pull,) = desk.stub.pulls
    desk.stub.review(pull, NUMBERS["carol"], words="y" * 300)
    desk.stub.review(pull, STRANGER)
    desk.org.approve("bob", request, comment="x" * 300)
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        for path in ("/approvals", f"/approvals/{request}"):
            come_in(page, desk.place, "alice", path)
            assert violations_of(page) == [], path
            if narrow:
                assert too_small(page) == [], path
        page.locator("summary", has_text="Read GitHub now").click()
        page.get_by_label("Token, to read elsewhere").fill(desk.place.tokens["alice"])
        page.get_by_role("button", name="Read it now").click()
        page.get_by_text("approves the head").wait_for()
        assert violations_of(page) == []
        if narrow:
            assert too_small(page) == []
