"""Cheating through pages: words that want to be markup, forms from elsewhere, tokens that leak, addresses that lie."""

from __future__ import annotations

import html
import logging
import sqlite3
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from modelwarden.server import create_server_app
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.console.conftest import place
from tests.console.readers import is_clean, switch_of
from tests.safeguards.fleet import ROOT, bearer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.console.readers import Place

MARKUP: Final = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "{{ 7 * 1915237 }}{% raw %}",
    "</textarea><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "\u202e\u0000x\ud7ff",
)
__all__ = ["place"]  # the fixture: a server as it runs
PAGES: Final = ("/kill-switches", "/kill-switches/history", "/guards", "/guards/coverage")


@pytest.mark.parametrize("words", MARKUP, ids=range(len(MARKUP)))
def test_words_of_people_never_become_markup(place: Place, words: str) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    answer = httpx.post(
        f"{place.address}{ROOT}/kill-switches",
        json={"scope": {"model": "churn", "segment": [f"{words}1", "x"]}, "reason": words},
        headers=bearer(place.tokens["dave"]),
    )
    if answer.is_client_error:  # text that is refused at the door is shown nowhere
        assert dave.stop(reason=words, segment=words).status_code == 422
        return
    switch = answer.json()["id"]
    dave.step("request", switch, notes=words, verification=words)
    for path in (*PAGES, f"/kill-switches/{switch}"):
        page = dave.send(path)  # `send` holds each page against its policy
        assert page.status_code == 200
        for markup in (words, "13406659"):
            assert markup not in page.text or markup == html.escape(markup)
    erin.step("confirm", switch, notes=words)


@pytest.mark.parametrize("host", MARKUP[:4], ids=range(4))
def test_names_that_guards_give_themselves_never_become_markup(place: Place, host: str) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    place.guard(host=host, versions=[{"label": host}], state="fresh", rejected=host)
    switch = switch_of(dave.stop())
    for path in (*PAGES, f"/kill-switches/{switch}"):
        page = dave.send(path).text
        assert host not in page or host == html.escape(host)
        assert "13406659" not in page
    erin.release(switch, dave)


@pytest.mark.parametrize("host", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1"])
def test_no_cell_of_an_exported_table_is_run(place: Place, host: str) -> None:
    dave = place.reader("dave")
    name = place.guard(host=host) if host.isprintable() else place.guard(host="=1+1")
    text = dave.send("/guards", format="csv").text
    (line,) = [line for line in text.splitlines() if name in line]
    assert not any(cell.startswith(("=", "@", "+", "-", "\t")) for cell in line.split(","))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_that_another_site_sends_does_nothing(place: Place, site: str) -> None:
    data = {"token": place.tokens["dave"], "do": "stop", "typed": "churn", "reason": "x"}
    path = f"{place.address}/kill-switches/stop?model=churn"
    page = httpx.post(path, data=data, headers={"Sec-Fetch-Site": site})
    assert page.status_code == 422
    assert "another site" in page.text
    assert place.tokens["dave"] not in page.text
    assert "Nothing is stopped" in place.reader("dave").send().text


def test_a_bearer_or_cookie_that_comes_along_makes_no_step(place: Place) -> None:
    data = {"do": "stop", "typed": "churn", "reason": "x"}
    path = f"{place.address}/kill-switches/stop?model=churn"
    for headers in (bearer(place.tokens["dave"]), {"Cookie": f"mw={place.tokens['dave']}"}):
        assert httpx.post(path, data=data, headers=headers).status_code == 401
    in_address = f"{path}&token={place.tokens['dave']}&do=stop&typed=churn&reason=x"
    assert httpx.post(in_address, data={"do": "stop"}).status_code == 401
    shown = httpx.get(in_address)
    assert shown.status_code == 200
    assert place.tokens["dave"] not in shown.text
    assert "Nothing is stopped" in place.reader("dave").send().text


def test_a_guards_token_opens_pages_but_stops_nothing(place: Place) -> None:
    for path in PAGES:
        page = httpx.post(f"{place.address}{path}", data={"token": place.guards})
        assert is_clean(page)
        assert place.guards not in page.text
    data = {"token": place.guards, "do": "stop", "typed": "churn", "reason": "x"}
    page = httpx.post(f"{place.address}/kill-switches/stop?model=churn", data=data)
    assert page.status_code in {403, 404}
    assert "Nothing is stopped" in place.reader("dave").send().text


@pytest.mark.parametrize(
    "path",
    [
        "/kill-switches?live=%00", "/kill-switches?models=%ff", "/kill-switches?text=" + "x" * 3_000,
        "/kill-switches?environment=%3Cscript%3E", "/kill-switches/stop?model=%0d%0aSet-Cookie:%20a=b",
        "/kill-switches/..%2f..%2fetc", "/kill-switches/%0d%0aX:1", "/entries/%00", "/guards?cursor=%0a",
        "/kill-switches/stop?model=" + "%f0%9f%94%a5" * 60, "/guards?model=%c3%28",
    ],
)  # fmt: skip
def test_addresses_that_lie_are_answered_and_echoed_as_text(place: Place, path: str) -> None:
    data = {"token": place.tokens["dave"]}
    for page in (httpx.get(place.address + path), httpx.post(place.address + path, data=data)):
        assert page.status_code in {200, 404, 422}
        assert "set-cookie" not in page.headers
        assert "x" not in {*page.headers} - {"x-content-type-options"}
        assert "<script>" not in page.text


@pytest.mark.parametrize(
    "content",
    [
        b"token=%ff%fe&do=look", b"&" * 500, b"token=a&token=b", b"do=stop&do=look&token=",
        b"=&==&;", b"token=" + b"\xf0\x28" * 100,
    ],
)  # fmt: skip
def test_forms_that_no_page_sends_are_refused(place: Place, content: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in (*PAGES, "/kill-switches/stop?model=churn"):
        page = httpx.post(place.address + path, content=content, headers=kind)
        assert page.status_code in {401, 422}
        assert is_clean(page)


def test_an_entry_that_was_altered_takes_no_page_down(tmp_path: Path) -> None:
    with open_warden(f"sqlite:///{tmp_path}/warden.db", write_rate=0, read_rate=0) as warden:
        warden.add_user("root", roles=["admin"])
        warden.add_user("dave", roles=["operator"])
        token = warden.acting_as("dave").tokens.create().secret or ""
        dave = warden.acting_as("dave").switches
        switch = dave.activate({"region": "eu"}, reason="x", allow_unknown=True)
        warden.acting_as("root").audit.verify()
        (told,) = warden.audit.search(type="ledger.verified", limit=1).items
        about = warden.audit.search(type="switch.activated", limit=1).items[0].seq
        warden.sign()
        with sqlite3.connect(tmp_path / "warden.db") as rows:
            rows.execute("DROP TRIGGER ledger_entries_no_update")
            for seq, body in ((told.seq, b"\xff{"), (about, b"[]")):
                rows.execute("UPDATE ledger_entries SET body = ? WHERE seq = ?", (body, seq))
        app = create_server_app(warden.settings, warden=warden)
        with served(app) as address:
            for path in (*PAGES, f"/kill-switches/{switch.id}", f"/entries/{about}"):
                page = httpx.post(address + path, data={"token": token})
                assert page.status_code == 200, path
                assert is_clean(page)
                assert "Ledger verified" not in page.text


def test_a_token_is_in_no_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dave = place.reader("dave")
    dave.send()
    dave.stop(typed="wrong")
    dave.send("/entries/0")
    httpx.post(f"{place.address}/kill-switches", data={"token": f"{dave.token}x", "do": "look"})
    assert dave.token not in caplog.text
