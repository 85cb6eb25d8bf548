"""Proposed switches and local stops, decided by people on plain pages; and the overview of what waits."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx

from tests.console.readers import is_clean
from tests.safeguards.fleet import ROOT, bearer

if TYPE_CHECKING:
    from tests.console.busy import Busy
    from tests.console.readers import Place

PROPOSALS = "/kill-switches/proposals"
STOPS = "/local-stops"


def api(place: Place, path: str) -> list[dict[str, object]]:
    answer = httpx.get(f"{place.address}{ROOT}/{path}", headers=bearer(place.tokens["dave"]))
    found: list[dict[str, object]] = answer.json()["items"]
    return found


def told(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_overview_asks_who_reads_and_then_names_all_that_waits(
    busy: tuple[Busy, Place],
) -> None:
    _, place = busy
    first = httpx.get(place.address)
    assert is_clean(first)
    assert "Proposed switch " not in told(first.text)
    page = told(place.reader("dave").send("/").text)
    for words in (
        "things wait for a person", "Proposed switch churn", "Lapses in 58 min", "Local stop churn, region eu",
        "dave asks for version 2", "Drill Error on customer-lifetime", "Drift of 0.4 on fraud", "Never drilled",
    ):  # fmt: skip
        assert words in page, words
    assert "Nothing waits for a person" in told(place.reader("frank").send("/").text)
    refused = httpx.post(place.address, data={"token": "mwp_x", "do": "look"})
    assert (refused.status_code, "churn" in refused.text) == (401, False)


def test_a_proposal_says_what_was_seen_and_why_it_waits(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    page = place.reader("dave").send(PROPOSALS).text
    assert "The largest PSI* of a feature is 0.963, above 0.5" in page
    assert "this step is left to people" in page
    assert re.search(r'data-seconds="-\d+">0:58:\d\d<', page)
    assert "Proposed: stop churn, region eu" in place.reader("dave").send("/kill-switches").text
    badge = re.search(r'class="n warn">(\d+)', page)
    assert badge is not None
    assert int(badge[1]) == len(api(place, "kill-switches/proposals"))


def test_one_press_puts_a_proposal_in_force_once(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    (proposal,) = [
        each for each in api(place, "kill-switches/proposals") if "region" in str(each["scope"])
    ]
    name = str(proposal["id"])
    frank = place.reader("frank").send(PROPOSALS, "accept", proposal=name)
    assert frank.status_code == 403
    assert "region eu" not in frank.text
    why = "<b>seen</b> on the dashboard"
    done = place.reader("dave").send(PROPOSALS, "accept", proposal=name, reason=why)
    assert "<b>In force</b>Recorded as entry" in done.text
    again = place.reader("erin").send(PROPOSALS, "accept", proposal=name)
    assert (again.status_code, "proposal_over" in again.text) == (409, True)
    (switch,) = api(place, "kill-switches?active=true")
    assert (switch["scope"], switch["activated_by"], switch["reason"]) == (
        {"model": ["churn"], "region": ["eu"]},
        "dave",
        why,
    )
    assert why not in place.reader("dave").send("/kill-switches").text
    assert place.reader("dave").send(PROPOSALS, "explode", proposal=name).status_code == 422
    assert place.reader("dave").send(PROPOSALS, "accept", proposal="x").status_code == 404


def test_two_who_press_at_once_make_one_switch(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    (stop,) = [e for e in api(place, "local-stops?standing=true") if "trial" in str(e["scope"])]
    given = {"stop": str(stop["id"]), "notes": "it is right", "typed": "churn"}
    with ThreadPoolExecutor(4) as pool:
        pressed = [
            pool.submit(place.reader(name).send, STOPS, "adopt", **given)
            for name in ("dave", "erin", "gina", "dave")
        ]
        codes = sorted(each.result().status_code for each in pressed)
    assert codes == [200, 409, 409, 409]


def test_another_site_sends_no_form(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    fields = {"token": place.tokens["dave"], "do": "accept", "proposal": "prp_0"}
    for site in ("cross-site", "same-site"):
        sent = httpx.post(place.address + PROPOSALS, data=fields, headers={"Sec-Fetch-Site": site})
        assert (sent.status_code, "came from another site" in sent.text) == (422, True)


def test_a_local_stop_is_adopted_by_its_name_and_once(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    stops = {each["kind"]: each for each in api(place, "local-stops?standing=true")}
    name = str(stops["carried"]["id"])
    dave = place.reader("dave")
    wrong = dave.send(STOPS, "adopt", stop=name, notes="it is right", typed="chrun")
    assert (wrong.status_code, "churn, typed once more" in wrong.text) == (422, True)
    assert "it is right</textarea>" in wrong.text
    milder = dave.send(STOPS, "adopt", stop=name, notes="it stays", typed="churn", severity="SEV4")
    assert "Adopted, in force for every guard" in milder.text
    (found,) = [each for each in api(place, "local-stops") if each["id"] == name]
    switch = httpx.get(
        f"{place.address}{ROOT}/kill-switches/{found['adopted_as']}", headers=bearer(dave.token)
    ).json()
    assert (switch["severity"], switch["reason"]) == ("SEV1", "it stays")
    late = place.reader("erin").send(STOPS, "drop", stop=name, notes="late")
    assert late.status_code == 409


def test_a_local_stop_is_dropped_with_a_reason_by_who_may(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    (stop,) = [e for e in api(place, "local-stops?standing=true") if e["kind"] == "file"]
    name = str(stop["id"])
    assert place.reader("frank").send(STOPS, "drop", stop=name, notes="x").status_code == 404
    assert place.reader("olivia").send(STOPS, "drop", stop=name, notes="mine").status_code == 403
    assert place.reader("dave").send(STOPS, "drop", stop=name, notes=" ").status_code == 422
    done = place.reader("dave").send(STOPS, "drop", stop=name, notes="the feed is right again")
    assert "blocks on its host until it is removed" in done.text
    assert "the feed is right again" in done.text


def test_who_may_not_read_finds_empty_pages(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    for path in (PROPOSALS, STOPS, "/triggers", "/drills", "/failure-modes"):
        page = place.reader("frank").send(path)
        assert (page.status_code, "churn" in page.text) == (200, False), path


def test_tables_leave_as_csv(busy: tuple[Busy, Place]) -> None:
    _, place = busy
    for path, column in (
        (PROPOSALS, "lapses_at"), (STOPS, "adopted_as"), ("/triggers", "ladder"), ("/drills", "fault"),
        ("/failure-modes/churn", "detectors"),
    ):  # fmt: skip
        answer = place.reader("dave").send(path, format="csv")
        assert answer.headers["Content-Type"].startswith("text/csv"), path
        assert column in answer.text.splitlines()[0]


def test_a_proposal_lapses_while_somebody_looks(busy: tuple[Busy, Place]) -> None:
    made, place = busy
    (proposal,) = api(place, "kill-switches/proposals")
    made.desk.clock.advance(hours=1)
    dave = place.reader("dave")
    assert "Nothing is proposed" in dave.send(PROPOSALS).text
    late = dave.send(PROPOSALS, "accept", proposal=str(proposal["id"]))
    assert (late.status_code, "proposal_over" in late.text) == (409, True)
    assert "Lapsed" in late.text
