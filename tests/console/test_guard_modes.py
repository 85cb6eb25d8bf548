"""How guards behave, on their page: without news, beside a rollout; and who may say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.console.releasing import BAD, Release, releasing
from tests.console.test_browser import come_in, too_small, violations_of
from tests.deployments.fleet import Worker
from tests.safeguards.fleet import ROOT, bearer
from tests.services import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

TOPIC = "production/churn"


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with releasing(tmp_path) as found:
        Worker(found.org, 1, "1.0.0", "1.1.0").report()
        Worker(found.org, 2, "1.0.0").report()
        yield found


def mode(release: Release) -> Any:  # noqa: ANN401 - any JSON
    path = f"{release.place.address}{ROOT}/guards/churn/mode"
    return httpx.get(path, headers=bearer(release.place.tokens["dave"])).json()


def test_guards_are_shown_with_the_rollout_and_told_to_close(release: Release) -> None:
    dave, alice = release.place.reader("dave"), release.place.reader("alice")
    page = dave.send("/guards").text
    for words in (
        "1.1.0 at 5 %", "canary beside 1.0.0", "1 of 2 workers here", "Nobody: as everywhere", "goes on by the last",
    ):  # fmt: skip
        assert words in page, words
    refused = release.place.reader("bob").send("/guards", "mode", topic=TOPIC, fail="closed")
    assert refused.status_code == 403
    assert "switch.activate" in refused.text
    closed = dave.send("/guards", "mode", topic=TOPIC, fail="closed")
    assert "fail closed from their next snapshot on" in closed.text, closed.text
    assert (mode(release)["fail"], mode(release)["set_by"]) == ("closed", "dave")
    assert "falls back, or blocks" in alice.send("/guards").text
    assert alice.send("/guards", "mode", topic=TOPIC, fail="static").status_code == 403
    assert dave.send("/guards", "mode", topic=TOPIC, fail="static").status_code == 200
    assert mode(release)["fail"] == "static"


def test_what_a_form_says_wrong_changes_nothing(release: Release) -> None:
    dave, frank = release.place.reader("dave"), release.place.reader("frank")
    for wrong in (
        {"topic": TOPIC, "fail": "ajar"}, {"topic": "moon/churn", "fail": "closed"}, {"topic": ""},
        {"topic": TOPIC, "breakers": "metrics_only"},
    ):  # fmt: skip
        assert dave.send("/guards", "mode", **wrong).status_code == 422, wrong
    hostile = dave.send("/guards", "mode", topic=f"production/{BAD}", fail="closed")
    assert hostile.status_code == 404
    assert BAD not in hostile.text
    assert dave.send("/guards", "nonsense").status_code == 422
    assert frank.send("/guards", "mode", topic=TOPIC, fail="closed").status_code == 404
    assert "churn" not in frank.send("/guards").text
    assert mode(release)["set_by"] is None


@pytest.mark.services
@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_the_page_is_for_all_eyes_and_hands(
    browser: Browser, release: Release, *, dark: bool, narrow: bool
) -> None:
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        come_in(page, release.place, "dave", "/guards")
        page.locator("summary", has_text="Change").click()
        assert violations_of(page) == []
        if narrow:
            assert too_small(page) == []
        page.get_by_label("Without news").select_option("closed")
        page.get_by_label("Token, change").fill(release.place.tokens["dave"])
        page.get_by_role("button", name="Change").click()
        page.get_by_text("fail closed from their next snapshot on").wait_for()
