"""The identity map on a plain page: who sees whose accounts, and a change that others approve first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.approvals.org import WHY, Org
from tests.console.releasing import BAD, shown
from tests.console.test_browser import come_in, too_small, violations_of
from tests.safeguards.fleet import ROOT, bearer
from tests.services import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.console.readers import Place

PATH = "/identities"
OURS = {"user": "dave", "issuer": "https://github.com", "subject": "774411"}


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    company = Org(tmp_path, write_rate=0, read_rate=0)
    yield company
    company.warden.close()


@pytest.fixture
def place(org: Org) -> Iterator[Place]:
    with shown(org) as made:
        yield made


def mapped(place: Place) -> Any:  # noqa: ANN401 - any JSON
    path = f"{place.address}{ROOT}/users/dave/identities"
    return httpx.get(path, headers=bearer(place.tokens["root"])).json()["items"]


def asked(org: Org) -> str:
    """Return the newest question."""
    return str(org.warden.acting_as("root").approvals.list().items[0].id)


def test_a_change_is_asked_for_approved_and_carried_out_once(org: Org, place: Place) -> None:
    root, dave = place.reader("root"), place.reader("dave")
    early = root.send(PATH, "map", **OURS)
    assert early.status_code == 403
    assert "identity.map is sensitive" in early.text
    page = root.send(PATH, "ask", **OURS, justification=f"{WHY} {BAD}")
    assert "Asked; once it is approved" in page.text, page.text
    assert "774411 at https://github.com shall be dave" in page.text
    assert "Waits for approval" in page.text
    request = asked(org)
    for name in ("bob", "carol"):
        org.approve(name, request)
    assert "Carry it out" in root.send(PATH).text
    assert "Carry it out" not in place.reader("bob").send(PATH).text
    other = root.send(PATH, "map", **(OURS | {"subject": "774412"}))
    assert "not exactly what was approved" in other.text
    assert place.reader("bob").send(PATH, "map", **OURS).status_code == 403
    assert mapped(place) == []
    done = root.send(PATH, "map", **OURS)
    assert "It is dave&#39;s now" in done.text, done.text
    assert [each["subject"] for each in mapped(place)] == ["774411"]
    assert "Carry it out" not in done.text
    assert "774411" in dave.send(PATH).text
    again = root.send(PATH, "map", **(OURS | {"user": "alice"}))
    assert again.status_code == 409
    assert "774411" in root.send(PATH, format="csv").text


def test_who_may_not_see_others_sees_their_own_alone(org: Org, place: Place) -> None:
    root, frank = place.reader("root"), place.reader("frank")
    root.send(PATH, "ask", **OURS, justification=WHY)
    page = frank.send(PATH).text
    assert "frank" in page
    for words in ("alice", "dave", "774411"):
        assert words not in page, words
    assert "dave" not in frank.send(PATH, format="csv").text
    hidden = frank.send(f"{PATH}?user=dave")
    assert hidden.status_code == frank.send(f"{PATH}?user=nobody").status_code == 404
    assert frank.send(PATH, "ask", **OURS, justification=WHY).status_code == 403
    assert frank.send(PATH, "map", **OURS).status_code == 403
    assert "dave" in root.send(f"{PATH}?user=dave").text
    odd = root.send(PATH, "ask", **(OURS | {"subject": BAD}), justification=WHY)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; at https://github.com" in odd.text
    assert org.warden.acting_as("root").approvals.list().items[0].requester == "root"


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "github"}, {"issuer": f"https://{BAD}"}, {"subject": "two words"},
        {"user": "nobody"}, {"user": ""}, {"justification": "short"},
    ],
)  # fmt: skip
def test_what_could_never_be_carried_out_is_not_asked(place: Place, wrong: dict[str, str]) -> None:
    page = place.reader("root").send(PATH, "ask", **(OURS | {"justification": WHY} | wrong))
    assert page.status_code == 422, wrong
    assert BAD not in page.text
    assert "Waits for approval" not in page.text


@pytest.mark.services
@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_the_page_is_for_all_eyes_and_hands(
    browser: Browser, org: Org, place: Place, *, dark: bool, narrow: bool
) -> None:
    place.reader("root").send(PATH, "ask", **OURS, justification=WHY)
    for name in ("bob", "carol"):
        org.approve(name, asked(org))
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        come_in(page, place, "root", PATH)
        assert violations_of(page) == []
        for summary in page.locator("main details.act:not(.export) > summary").all():
            summary.click()
        assert violations_of(page) == []
        if narrow:
            assert too_small(page) == []
        page.get_by_label("Token, carry it out").fill(place.tokens["root"])
        page.get_by_role("button", name="Carry it out").click()
        page.get_by_text("It is dave's now").wait_for()
        assert violations_of(page) == []
