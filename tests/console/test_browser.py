"""The console in a real browser: stopping and releasing by two people, with script and without, and for all eyes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.console.readers import switch_of
from tests.services import browser as browsers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.console.readers import Place

pytestmark = pytest.mark.services
expect.set_options(timeout=30_000)  # two cores may be shared by many
REASON = "<img src=x onerror=alert(1)> false declines since 10:48"
SMALLEST = 36
NEWS = re.compile(r"\d+ of \d+ workers confirmed")


def come_in(page: Page, place: Place, name: str, path: str = "/kill-switches") -> None:
    """Open a page, and show who reads it."""
    page.goto(place.address + path)
    page.locator("main [name=token]").fill(place.tokens[name])
    page.locator("main [name=token]").press("Enter")
    expect(page.get_by_text(f"You are {name}")).to_be_attached()


def fill_stop(page: Page, token: str) -> None:
    page.get_by_label("Callers get").select_option("last_known_good")
    page.get_by_label("Reason").fill(REASON)
    page.get_by_label("Type churn to confirm").fill("churn")
    page.get_by_label("Token, to stop churn").fill(token)


def move(page: Page, label: str, notes: str, token: str) -> None:
    """Take a step of the first switch on the page."""
    card = page.locator(".live").first
    card.locator("summary", has_text=label).click()
    form = card.locator("details[open] form")
    form.locator("[name=notes]").fill(notes)
    form.locator("[name=token]").fill(token)
    form.get_by_role("button", name=label).click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_two_people_stop_and_release(browser: Browser, place: Place, *, script: bool) -> None:
    with (
        browsers.opened(browser, script=script) as dave,
        browsers.opened(browser, script=script) as erin,
    ):
        come_in(dave, place, "dave")
        dave.get_by_role("link", name="Stop churn").click()
        if script:
            expect(dave.locator("dialog[open] .blast")).to_contain_text("workers heard of")
            expect(dave.get_by_role("button", name="Stop churn")).to_be_disabled()
        fill_stop(dave, place.tokens["dave"])
        dave.get_by_role("button", name="Stop churn").click()
        expect(dave.get_by_role("status").first).to_contain_text("Recorded as entry")
        expect(dave.locator(".live")).to_contain_text(REASON)
        move(dave, "Ask to release", "the feed is right again", place.tokens["dave"])
        move(dave, "Confirm release", "by myself", place.tokens["dave"])
        expect(dave.get_by_role("alert")).to_contain_text("self_release")
        come_in(erin, place, "erin")
        move(erin, "Confirm release", "seen", place.tokens["erin"])
        expect(erin.get_by_text("Nothing is stopped")).to_be_visible()


def test_workers_confirm_while_somebody_looks(browser: Browser, place: Place) -> None:
    name = place.guard(host="web-7", pid=311)
    switch = switch_of(place.reader("dave").stop())
    with browsers.opened(browser) as page:
        come_in(page, place, "dave")
        expect(page.locator(".missing")).to_contain_text("web-7 pid 311")
        place.guard(host="web-7", pid=311, instance=name)
        expect(page.locator(".missing")).to_have_count(0)
        expect(page.locator("#toast")).to_contain_text(NEWS)
        assert page.evaluate("document.activeElement.tagName") == "MAIN"
        page.get_by_role("link", name="History").first.click()
        expect(page.get_by_role("heading", name="Kill switch history")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Kill switches", exact=True)).to_be_visible()
        place.reader("erin").release(switch, place.reader("dave"))
        expect(page.get_by_text("Nothing is stopped")).to_be_visible()


def test_a_token_stays_nowhere_in_the_browser(browser: Browser, place: Place) -> None:
    token = place.tokens["dave"]
    with browsers.opened(browser) as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(f"{request.url} {request.headers}"))
        come_in(page, place, "dave")
        page.get_by_role("link", name="Guards").first.click()
        expect(page.get_by_role("heading", name="Guards", level=1)).to_be_visible()
        kept = page.evaluate(
            "[document.documentElement.outerHTML, location.href, document.cookie, document.referrer,"
            " JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(history.state)].join()"
        )
        typed = page.evaluate(
            "[...document.querySelectorAll('input')].map((one) => one.value).join()"
        )
        assert token not in kept + typed + "".join(sent)
        page.reload()
        expect(page.get_by_label("Token, to read")).to_be_visible()


def test_a_stop_is_typed_by_keyboard_alone_and_left_by_escape(
    browser: Browser, place: Place
) -> None:
    with browsers.opened(browser) as page:
        come_in(page, place, "dave")
        page.keyboard.press("Control+k")
        page.keyboard.type("chu")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"text=chu"))
        expect(page.locator("main table").get_by_text("fraud")).to_have_count(0)
        page.get_by_role("link", name="Stop churn").focus()
        page.keyboard.press("Enter")
        expect(page.locator("dialog[open] #stop-reason")).to_be_focused()
        page.keyboard.type("by keyboard")
        page.keyboard.press("Tab")
        page.keyboard.type("churm")
        page.keyboard.press("Tab")
        page.keyboard.type(place.tokens["dave"])
        expect(page.get_by_role("button", name="Stop churn")).to_be_disabled()
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
        expect(page.get_by_role("link", name="Stop churn")).to_be_focused()


def paths(switch: str) -> tuple[str, ...]:
    return (
        "/", "/set-up", "/kill-switches", "/kill-switches/stop?model=churn", "/kill-switches/history",
        f"/kill-switches/{switch}", "/guards", "/guards/coverage", "/entries/5", "/kill-switches/swi_0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dark", "narrow"),
    [
        pytest.param(False, False, id="light-desk"),
        pytest.param(True, True, id="dark-hand"),
        pytest.param(True, False, id="dark-desk", marks=pytest.mark.matrix),
        pytest.param(False, True, id="light-hand", marks=pytest.mark.matrix),
    ],
)
def test_every_page_is_for_all_eyes_and_hands(
    browser: Browser, place: Place, *, dark: bool, narrow: bool
) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    place.guard(host="web-with-a-long-name.eu-central-1.example", pid=4_194_304)
    switch = switch_of(dave.stop(reason="a" * 300))
    erin.step("request", switch, notes="right again")
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        for path in paths(switch):
            page.goto(place.address + path)
            assert violations_of(page) == [], path
            if page.locator("main [name=token]").count():
                page.locator("main [name=token]").fill(place.tokens["dave"])
                preview = page.get_by_role("button", name=re.compile("^Show"))
                preview.click()
                expect(page.get_by_text("You are dave")).to_be_attached()
                assert violations_of(page) == [], path
            if narrow:
                assert too_small(page) == [], path
        page.goto(place.address + "/kill-switches")
        come_in(page, place, "dave")
        page.get_by_role("link", name="Stop churn").click()
        expect(page.locator("dialog[open]")).to_be_visible()
        assert violations_of(page) == []
    dave.step("confirm", switch, notes="seen")


def violations_of(page: Page) -> list[str]:
    """Return what axe-core finds, and whether the page is wider than the screen."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*browsers.violations(page), *([f"{wide} px too wide"] if wide > 0 else [])]


def too_small(page: Page) -> list[str]:
    """Return buttons and fields that a finger misses."""
    found: list[str] = page.evaluate(
        """(least) => [...document.querySelectorAll(
            "button, .b, .sw, summary, input:not([type=hidden]):not(#jump):not(.tick input)," +
            ".tick, select, .nav a, .seg a, a.name")]
          .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < least)
          .map((one) => one.outerHTML.slice(0, 120))""",
        SMALLEST,
    )
    return found
