"""The story of a switch, its history, guards, coverage, entries and the seal; and their tables as CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.console.readers import switch_of
from tests.safeguards.fleet import ROOT, bearer

if TYPE_CHECKING:
    from tests.console.readers import Place


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_story_of_a_switch_names_each_step_and_its_entry(place: Place) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    place.guard()
    switch = switch_of(dave.stop())
    path = f"/kill-switches/{switch}"
    erin.send(path, "request", notes="right again")
    erin.send(path, "confirm", notes="by myself")
    dave.send(path, "refuse", notes="wait for the night run")
    erin.send(path, "request", notes="the night run is through")
    done = dave.send(path, "confirm", notes="seen")
    assert "<b>Released</b>" in done.text
    told = re.sub(r"<[^>]+>", " ", dave.send(path).text)
    told = re.sub(r"\s+", " ", told)
    for words in (
        "dave stopped it", "erin asked to release it", "right again", "erin was refused self_release",
        "dave kept it stopped", "wait for the night run", "dave released it", "seen",
    ):  # fmt: skip
        assert words in told, words
    entries = [int(seq) for seq in re.findall(r'href="/entries/(\d+)"', dave.send(path).text)]
    assert len(set(entries)) >= 6
    entry = dave.send(f"/entries/{max(entries)}")
    assert "switch.released" in entry.text
    assert switch in entry.text


def test_the_history_is_filtered_paged_and_exported_with_the_same_filters(place: Place) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    for model in ("churn", "fraud"):
        erin.release(switch_of(dave.stop(model)), dave)
    switch = switch_of(dave.stop("fraud", environment="staging"))
    page = dave.send("/kill-switches/history?model=fraud&environment=staging&nonsense=1")
    assert page.text.count(">fraud</a>") == 1
    assert page.headers["Content-Location"] == (
        "/kill-switches/history?model=fraud&environment=staging"
    )
    live = dave.send("/kill-switches/history?show=live").text
    assert ("Released" in live, ">fraud</a>" in live) == (False, True)
    found = rows(dave.send("/kill-switches/history?model=fraud", format="csv"))
    assert {row["scope"] for row in found} == {'{"model":["fraud"]}'}
    assert len(found) == 2
    assert dave.send("/kill-switches/history?environment=moon").status_code == 422
    assert dave.send("/kill-switches/history?cursor=%C3%A9").status_code == 422
    erin.release(switch, dave)


def test_what_is_in_force_is_paged_and_the_banner_names_the_worst(place: Place) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    made = [
        switch_of(dave.stop(region=f"r{number}", severity="SEV1" if number == 3 else "SEV4"))
        for number in range(12)
    ]
    shown, path = [], "/kill-switches"
    while path:
        page = dave.send(path).text
        shown += re.findall(r'<h2 id="h-(swi_[0-9A-Z]+)">', page)
        following = re.search(r'Pages"><a class="b s" href="(/kill-switches\?live=[^"&]+)"', page)
        path = "" if following is None else following[1]
    assert shown == made[::-1]
    banner = re.search(r'<div class="stop".*?</div>', dave.send("/guards").text, re.DOTALL)
    assert banner is not None
    assert "<b>churn, region r3 is stopped.</b>" in banner[0]
    assert "11 more switches are in force" in banner[0]
    assert 'data-poll="2"' not in dave.send("/kill-switches/history").text
    for switch in made[:3] + made[4:]:
        erin.release(switch, erin)


def test_guards_are_listed_by_model_with_what_they_hold(place: Place) -> None:
    dave = place.reader("dave")
    digest = "ab" * 32
    place.guard(host="web-9", pid=9, versions=[{"label": "1.4.0", "sha256": digest}])
    place.guard(host="web-10", pid=10, state="stale", rejected="signature", versions=[])
    page = dave.send("/guards?model=churn").text
    assert "churn in production, newest generation" in page
    assert "web-9" in page
    assert f'title="{digest}">1.4.0' in page
    assert "refused one: signature" in page
    found = rows(dave.send("/guards?environment=production", format="csv"))
    assert {"web-9", "web-10"} <= {row["host"] for row in found}
    assert "No guard is heard of" in dave.send("/guards?environment=staging").text
    assert dave.send("/guards?environment=moon").status_code == 422


def test_coverage_names_models_that_nobody_guards(place: Place) -> None:
    dave = place.reader("dave")
    place.guard()
    page = dave.send("/guards/coverage").text
    assert re.search(r">fraud</a></td>\s*<td data-l=\"Guards\">.*?No guard", page)
    assert "1 has no guard in production" in page
    assert ">churn</a>" not in dave.send("/guards/coverage?text=f").text
    found = {row["model"]: row for row in rows(dave.send("/guards/coverage", format="csv"))}
    assert (found["fraud"]["guards"], found["fraud"]["newest"]) == ("0", "")
    assert int(found["churn"]["guards"]) >= 1


def test_the_seal_tells_of_the_last_verification(place: Place) -> None:
    dave = place.reader("dave")
    verified = place.verify("carol")
    assert verified.json()["ok"] is True
    page = dave.send("/guards").text
    assert "Ledger verified" in page
    assert re.search(r"root [0-9a-f]{4}…[0-9a-f]{4}", page)


@pytest.mark.parametrize("seq", ["999999", "-1", "0x1", "1" * 40, "٣"])
def test_an_entry_that_is_not_there_is_told_so(place: Place, seq: str) -> None:
    assert place.reader("dave").send(f"/entries/{seq}").status_code == 404


def test_what_the_pages_write_is_what_the_api_shows(place: Place) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    switch = switch_of(dave.stop(severity="SEV3", fallback="chain", consumer="offers"))
    path = f"{place.address}{ROOT}/kill-switches/{switch}"
    found = httpx.get(path, headers=bearer(place.tokens["dave"])).json()
    assert found["scope"] == {"model": ["churn"], "consumer": ["offers"]}
    assert (found["severity"], found["fallback"], found["activated_by"]) == (
        "SEV3",
        ["chain"],
        "dave",
    )
    erin.release(switch, dave)
