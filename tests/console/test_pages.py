"""The plain pages: they say how the server is, and make the first administrator once."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from modelwarden.access import actions
from modelwarden.api.edge import POLICY
from modelwarden.server import create_server_app
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.api.town import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

INLINE = re.compile(r"<script|\son[a-z]+=|style=|<style|javascript:", re.IGNORECASE)
OUTSIDE = re.compile(r'(?:src|href|action)="(?!/|data:,|#)')


@pytest.fixture
def warden(tmp_path: Path) -> Iterator[Warden]:
    with open_warden(f"sqlite:///{tmp_path}/warden.db", embedded=False) as opened:
        yield opened


@pytest.fixture
def console(warden: Warden) -> Iterator[httpx.Client]:
    app = create_server_app(warden.settings, warden=warden)
    with served(app) as url, httpx.Client(base_url=url) as client:
        yield client


def is_clean(page: httpx.Response) -> bool:
    """Say whether a page needs nothing that its policy forbids."""
    text = page.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    return (
        page.headers["Content-Security-Policy"] == POLICY
        and page.headers["Cache-Control"] == "no-store"
        and not INLINE.search(text)
        and not OUTSIDE.search(text)
    )


def test_the_first_page_says_how_the_server_is(console: httpx.Client) -> None:
    page = console.get("/")
    assert page.status_code == 200
    assert "This server is ready" in page.text
    assert "Nobody is set up yet" in page.text
    assert f"{console.base_url}/api/governance/me".replace("//api", "/api") in page.text
    assert is_clean(page)
    style = console.get("/static/console.css")
    assert style.headers["Content-Type"].startswith("text/css")
    assert "http" not in style.text


def test_the_link_makes_the_first_administrator_and_shows_the_token_once(
    console: httpx.Client, warden: Warden
) -> None:
    secret = warden.telemetry(system("set_up"), actions.new_link)
    form = console.get("/set-up", params={"secret": secret})
    assert secret in form.text
    assert is_clean(form)
    wrong = console.post("/set-up", data={"secret": secret, "handle": "Not A Handle"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    assert html.escape("Not A Handle") in wrong.text
    page = console.post("/set-up", data={"secret": secret, "handle": "ada"})
    assert page.status_code == 201
    assert is_clean(page)
    found = re.search(r"mwp_[0-9A-Za-z]{38}", page.text)
    assert found is not None
    me = console.get("/api/governance/me", headers={"Authorization": f"Bearer {found[0]}"})
    assert (me.json()["handle"], me.json()["roles"]) == ("ada", ["admin"])
    again = console.post("/set-up", data={"secret": secret, "handle": "eve"})
    assert again.status_code == 403
    assert "Nobody is set up yet" not in console.get("/").text


def test_what_comes_in_is_escaped(console: httpx.Client) -> None:
    page = console.get("/set-up", params={"secret": '"><script>alert(1)</script>'})
    assert "<script" not in page.text
    posted = console.post("/set-up", data={"secret": "x", "handle": '"><script>'})
    assert "<script" not in posted.text
    assert posted.status_code == 403


@pytest.mark.parametrize("content", [b"{}", b"handle=" + b"a" * 5_000])
def test_a_form_has_its_kind_and_size(console: httpx.Client, content: bytes) -> None:
    kind = "application/json" if content == b"{}" else "application/x-www-form-urlencoded"
    page = console.post("/set-up", content=content, headers={"Content-Type": kind})
    assert page.status_code == 422


def test_a_page_that_is_not_there_is_told_so(console: httpx.Client) -> None:
    assert console.get("/nowhere").status_code == 404
    assert console.post("/").status_code == 405
