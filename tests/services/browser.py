"""A real browser for pages: Debian's Chromium, driven by playwright, which downloads none of its own."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

ARGUMENTS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
RULES: Final = ("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice")
DESK, HAND = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def running() -> Iterator[Browser]:
    """Start the browser; without one a test skips, but fails where CI has to have installed it."""
    path = shutil.which("chromium")
    if path is None:
        reason = "no chromium here: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, *, script: bool = True, dark: bool = False, narrow: bool = False
) -> Iterator[Page]:
    """Open a page of somebody with a browser of their own; any error that the browser tells of fails the test."""
    context: BrowserContext = browser.new_context(
        viewport=HAND if narrow else DESK,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    told: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: said.type in {"error", "warning"} and told.append(said.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(f"dialog: {dialog.message}"))
    yield page
    context.close()
    assert [words for words in told if "status of 4" not in words] == []  # a refusal is an answer


def violations(page: Page) -> list[str]:
    """Return what a screen reader, a keyboard or weak eyes would stumble over, as axe-core finds it."""
    options = {"runOnly": {"type": "tag", "values": list(RULES)}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]
