"""Emergency changes on a plain page: it shows what the API shows, and its forms do what it does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.keys import SigningKey
from modelwarden.server import create_server_app
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.api.town import served
from tests.console.readers import PURPOSE, Place
from tests.console.test_browser import come_in, too_small, violations_of
from tests.services import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from modelwarden.warden.warden import Warden

WHY = "the third-quarter retraining is better on every figure that we measure"
GIVEN = {"model": "churn", "version": "2.0.0", "ticket": "INC-4711", "reason": f"<b>{WHY}</b>"}
PEOPLE = {
    "root": "admin", "olivia": "developer", "bob": "approver", "carol": "approver", "dave": "operator",
}  # fmt: skip


def settled(warden: Warden, folder: Path) -> dict[str, str]:
    """Let 1.0.0 be live and dave be authorised; return everybody's token."""
    keys, acting = {}, warden.acting_as
    for name, role in PEOPLE.items():
        warden.add_user(name, roles=[role])
    for name in ("bob", "carol"):
        keys[name] = SigningKey.generate()
        acting("root").keys.confirm(acting(name).keys.enrol(keys[name]).id)
    acting("olivia").models.register("churn", owner="olivia", business_purpose=PURPOSE)
    for label in ("1.0.0", "2.0.0"):
        path = folder / f"{label}.bin"
        path.write_bytes(os.urandom(64))
        acting("olivia").versions.register("churn", label, artifact=path)

    def agree(request: str) -> None:
        for name, key in keys.items():
            acting(name).approvals.approve(request, key=key)

    agree(acting("olivia").approvals.request("churn", "1.0.0", justification=WHY).id)
    acting("dave").deployments.start("churn", "1.0.0")
    may = ["deploy.emergency"]
    for action, payload in (
        ("role.define", {"role": "firefighter", "permissions": may, "includes": []}),
        ("role.grant", {"user": "dave", "role": "firefighter", "scope": {}}),
    ):
        asked = acting("root").approvals.request_access(
            action=action, payload=payload, justification=WHY
        )
        agree(asked.id)
        if action == "role.define":
            acting("root").roles.define("firefighter", permissions=may)
        else:
            acting("root").roles.grant("dave", role="firefighter")
    return {name: acting(name).tokens.create(user=name).secret or "" for name in PEOPLE}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("emergency")
    url = tables.fresh(folder)
    with open_warden(url) as warden:
        tokens = settled(warden, folder)
    with open_warden(
        url, embedded=False, write_rate=0, read_rate=0, artifact_roots=(folder,)
    ) as warden:
        app = create_server_app(warden.settings, warden=warden)
        with served(app) as address:
            yield Place(address, tokens, "")


def test_an_emergency_is_made_and_looked_back_at(place: Place) -> None:
    dave, bob = place.reader("dave"), place.reader("bob")
    assert "No emergency change" in bob.send("/emergencies").text
    refused = place.reader("olivia").send("/emergencies", "make", **GIVEN)
    assert refused.status_code == 403
    wrong = dave.send("/emergencies", "make", **(GIVEN | {"ticket": "two words"}))
    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.text
    made = dave.send("/emergencies", "make", **GIVEN)
    assert made.status_code == 200, made.text
    assert "Made: 2.0.0 takes all traffic of churn" in made.text
    assert "Waits for approval" in made.text
    assert "&lt;b&gt;the third-quarter" in made.text
    assert "INC-4711" in made.text
    with_id = made.text.split('name="deployment" value="')[1].split('"')[0]
    look = {"deployment": with_id, "outcome": "as_expected", "findings": WHY}
    own = dave.send("/emergencies", "review", **look)
    assert "self_review" in own.text
    page = bob.send("/emergencies", "review", **look)
    assert "Looked back at" in page.text
    assert "As expected" in page.text
    assert dave.send("/emergencies", "nonsense").status_code == 422


@pytest.mark.services
@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_the_page_is_for_all_eyes_and_hands(
    browser: Browser, place: Place, *, dark: bool, narrow: bool
) -> None:
    place.reader("dave").send("/emergencies", "make", **GIVEN)
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        come_in(page, place, "bob", "/emergencies")
        assert violations_of(page) == []
        for summary in page.locator("details.act > summary").all():
            summary.click()
        assert violations_of(page) == []
        if narrow:
            assert too_small(page) == []
