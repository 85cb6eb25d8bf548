"""The plain pages: they say how the server is, and make the first administrator once."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from modelwarden.access import actions
from modelwarden.console.deployment_page import TOLD
from modelwarden.console.frame import NAV
from modelwarden.console.switch_page import OTHERWISE, SAID
from modelwarden.server import create_server_app
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.console.readers import is_clean
from tests.house.source import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden


@pytest.fixture
def warden(tmp_path: Path) -> Iterator[Warden]:
    with open_warden(f"sqlite:///{tmp_path}/warden.db", embedded=False) as opened:
        yield opened


@pytest.fixture
def console(warden: Warden) -> Iterator[httpx.Client]:
    app = create_server_app(warden.settings, warden=warden)
    with served(app) as url, httpx.Client(base_url=url) as client:
        yield client


def test_the_first_page_says_how_the_server_is(console: httpx.Client) -> None:
    page = console.get("/")
    assert page.status_code == 200
    assert "This server is ready" in page.text
    assert "Nobody is set up yet" in page.text
    assert f"{console.base_url}/api/governance/me".replace("//api", "/api") in page.text
    assert is_clean(page)


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
    assert "<script>" not in page.text
    assert is_clean(page)
    posted = console.post("/set-up", data={"secret": "x", "handle": '"><script>'})
    assert "<script>" not in posted.text
    assert is_clean(posted)
    assert posted.status_code == 403


@pytest.mark.parametrize("content", [b"{}", b"handle=" + b"a" * 5_000])
def test_a_form_has_its_kind_and_size(console: httpx.Client, content: bytes) -> None:
    kind = "application/json" if content == b"{}" else "application/x-www-form-urlencoded"
    page = console.post("/set-up", content=content, headers={"Content-Type": kind})
    assert page.status_code == 422


def test_what_pages_load_is_kept_by_browsers_until_it_changes(console: httpx.Client) -> None:
    page = console.get("/")
    paths = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
    assert {path.partition("?")[0].rpartition(".")[2] for path in paths} == {"css", "js", "svg"}
    for path in paths:
        found = console.get(path)
        assert found.status_code == 200
        assert "immutable" in found.headers["Cache-Control"]
        again = console.get(path, headers={"If-None-Match": found.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert "immutable" not in console.get(path.partition("?")[0]).headers["Cache-Control"]
    for name in ("nothing.css", "..%2Fpages.py", "%2e%2e/pages.py", "console.css%00"):
        assert console.get(f"/static/{name}").status_code in {404, 422}


def test_what_pages_load_is_small_licensed_and_from_here_alone(console: httpx.Client) -> None:
    folder = PACKAGE / "console" / "static"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sum(sizes.values()) <= 250 * 1024
    for vendored in ("inter", "jetbrains-mono", "icons"):
        assert f"{vendored}.LICENSE" in sizes
        assert len(console.get(f"/static/{vendored}.LICENSE").text) > 1_000
    script = console.get("/static/console.js").content
    assert len(script) <= 4 * 1024
    assert b"innerHTML" not in script
    assert b"localStorage" not in script.replace(b"localStorage.theme", b"")
    outside = re.compile(r"https?://(?!www\.w3\.org/2000/svg)|url\((?![a-z-]+\.woff2)")
    for name in ("console.css", "console.js", "theme.js", "icons.svg", "mark.svg"):
        assert outside.search(console.get(f"/static/{name}").text) is None, name


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    sprite = (PACKAGE / "console" / "static" / "icons.svg").read_text()
    known = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    named = set()
    for path in (PACKAGE / "console").rglob("*.html"):
        named |= set(re.findall(r'icon\("([^"]+)"', path.read_text()))
    named |= {mark for _, items in NAV for _, mark, _ in items}
    named |= {mark for _, mark, _ in (*SAID.values(), *TOLD.values(), OTHERWISE)}
    assert named - known == set()


def test_a_page_that_is_not_there_is_told_so(console: httpx.Client) -> None:
    assert console.get("/nowhere").status_code == 404
    assert console.post("/static/console.css").status_code == 405
