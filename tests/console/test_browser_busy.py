"""Proposals, triggers, drills and drift in a real browser: decided with script and without, and for all eyes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.console.test_browser import come_in, too_small, violations_of
from tests.services import browser as browsers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.console.busy import Busy
    from tests.console.readers import Place

pytestmark = pytest.mark.services
PROPOSALS = "/kill-switches/proposals"


@pytest.fixture(scope="module")
def place(busy: tuple[Busy, Place]) -> Place:
    return busy[1]


@pytest.mark.parametrize(
    ("dark", "narrow"),
    [
        pytest.param(True, True, id="dark-hand"),
        pytest.param(True, False, id="dark-desk", marks=pytest.mark.matrix),
        pytest.param(False, True, id="light-hand", marks=pytest.mark.matrix),
        pytest.param(False, False, id="light-desk", marks=pytest.mark.matrix),
    ],
)
def test_every_page_of_a_busy_day_is_for_all_eyes_and_hands(
    browser: Browser, busy: tuple[Busy, Place], *, dark: bool, narrow: bool
) -> None:
    made, place = busy
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        come_in(page, place, "dave", "/")
        for path in (
            "/", PROPOSALS, "/kill-switches", "/local-stops", "/triggers", "/triggers/errors",
            "/triggers/input-drift-of-the-candidate", "/set-trigger?name=errors", "/triggers?model=nothing", "/drills",
            f"/drills/{made.drill}", "/drills/run?model=churn", "/drills?model=nothing", "/failure-modes",
            "/failure-modes/churn", "/drift/churn?by=region", "/drift/fraud", "/triggers/nothing",
        ):  # fmt: skip
            go(page, path)
            page.evaluate(
                "document.querySelectorAll('details').forEach((one) => (one.open = true))"
            )
            if narrow:
                page.evaluate("document.querySelector('.menu').open = false")
            assert violations_of(page) == [], path
            if narrow:
                assert too_small(page) == [], path


def go(page: Page, path: str) -> None:
    """Follow a link to a page, as somebody who is known."""
    page.evaluate(
        """(path) => {
          const link = document.createElement("a");
          link.href = path;
          document.body.append(link);
          link.click();
        }""",
        path,
    )
    expect(page).to_have_url(re.compile(re.escape(path) + "$"))


def test_a_form_that_was_refused_is_for_all_eyes(browser: Browser, place: Place) -> None:
    with browsers.opened(browser, narrow=True) as page:
        come_in(page, place, "dave", "/drills/run?model=churn")
        page.get_by_label("Share of the calls").fill("all")
        page.get_by_label("Type churn to confirm").fill("churn")
        page.get_by_label("Token, to run a drill").fill(place.tokens["dave"])
        page.get_by_role("button", name="Run the drill").click()
        expect(page.get_by_role("alert")).to_be_focused()
        assert violations_of(page) == []
        page.get_by_role("link", name=re.compile("share: expected")).click()
        expect(page.get_by_label("Share of the calls")).to_be_focused()
        expect(page.get_by_label("Share of the calls")).to_have_value("all")


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_one_press_puts_a_proposal_in_force_while_others_look(
    browser: Browser, place: Place, *, script: bool
) -> None:
    with browsers.opened(browser) as erin, browsers.opened(browser, script=script) as dave:
        come_in(erin, place, "erin", PROPOSALS)
        clock = erin.locator(".clock").first
        expect(clock).not_to_have_text(clock.inner_text())  # it counts down
        cards = erin.locator("article.live")
        waiting = cards.count()
        come_in(dave, place, "dave", PROPOSALS)
        card = dave.locator("article.live").last
        card.get_by_label("Token").fill(place.tokens["dave"])
        card.get_by_role("button", name=re.compile("^Put in force")).click()
        expect(dave.locator("#said")).to_contain_text("Recorded as entry")
        expect(dave.locator("article.live")).to_have_count(waiting - 1)
        expect(cards).to_have_count(waiting - 1)


def test_a_second_person_agrees_by_keyboard_alone(browser: Browser, place: Place) -> None:
    with browsers.opened(browser) as page:
        come_in(page, place, "erin", "/triggers/errors")
        page.locator("summary", has_text="Agree").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type(place.tokens["erin"])
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_contain_text("Agreed")
        expect(page.get_by_text("waits for a second person")).to_have_count(0)
