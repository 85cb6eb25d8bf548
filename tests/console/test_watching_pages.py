"""Triggers, drills, ways to fail and drift on plain pages: they show what the API shows, and forms do what it does."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from modelwarden.console.words import percent
from tests.console.busy import LONG
from tests.console.test_stopping_pages import told
from tests.safeguards.fleet import ROOT, bearer

if TYPE_CHECKING:
    from tests.console.busy import Busy
    from tests.console.readers import Place

TRIGGER = {
    "name": "late", "model": "churn", "signal": "stale_inputs", "environment": "production", "fire-proposal": "0.2",
    "clear-proposal": "0.1",
}  # fmt: skip
ROW = r'<tr><td class="full"><a class="name" href="/triggers/([^"]+)".*?</tr>'
DRILL = {"fault": "error", "share": "1", "ttl": "5m", "environment": "staging", "typed": "churn"}


@pytest.fixture(scope="module")
def place(busy: tuple[Busy, Place]) -> Place:
    return busy[1]


def show(place: Place, path: str) -> Any:  # noqa: ANN401 - any JSON
    answer = httpx.get(f"{place.address}{ROOT}/{path}", headers=bearer(place.tokens["dave"]))
    return answer.json()


def test_triggers_stand_with_their_windows_state_and_budget(place: Place) -> None:
    page = place.reader("dave").send("/triggers").text
    found = re.finditer(ROW, page, re.DOTALL)
    rows = {row[1]: row[0] for row in found}
    names = {each["name"] for each in show(place, "triggers")["items"]}
    assert set(rows) == names
    assert "Tries out only" in rows["clipping"]
    assert "Version 2 waits" in rows["errors"]
    assert "Firing" in rows["errors"]
    assert "Waits for agreement" in rows["tighter"]
    assert "Unknown" in rows["long"]
    assert "3 of 3" in rows["stop-errors"]
    assert rows["errors"].count("<polyline") == 1
    assert "<polyline" not in rows["long"]
    assert "churn" not in told(place.reader("dave").send(f"/triggers?model={LONG}").text)


def test_one_trigger_shows_each_window_and_what_it_fired(place: Place) -> None:
    page = place.reader("dave").send("/triggers/errors").text
    values = re.findall(r'<td class="right num( faint)?">([^<]+)</td><td class="right num">', page)
    known = [value for faint, value in values if not faint]
    newest = show(place, "triggers/errors/firings")["items"][0]["evidence"]
    assert known[:2] == [percent(float(each["value"])) for each in reversed(newest)]
    assert (len(values), len(known)) == (24, 13)
    assert page.count('class="run"') == 2 * 2  # a gap between two runs, in two pictures
    for each in show(place, "triggers/errors/firings")["items"]:
        assert each["id"] in page
    assert "This step is left to people" in page


def test_two_people_agree_to_a_trigger(place: Place) -> None:
    path = "/triggers/errors"
    own = place.reader("dave").send(path, "approve")
    assert (own.status_code, "self_agreement" in own.text) == (403, True)
    assert "The attempt was recorded" in own.text
    lent = place.reader("erin").send(path, "approve")
    assert lent.status_code == 200
    assert "<b>Agreed</b>Recorded as entry" in lent.text
    found = show(place, "triggers/errors")
    assert (found["version"], found["state"], found["approved_by"]) == (2, "in_force", "erin")
    assert place.reader("gina").send(path, "approve").status_code == 409


def test_a_person_says_how_bad_a_firing_is(place: Place) -> None:
    path = "/triggers/errors"
    firing = str(show(place, "triggers/errors/firings")["items"][0]["id"])
    for wrong in ({"severity": "SEV9"}, {"reason": " "}):
        given = {"severity": "SEV3", "reason": "a few batch jobs"} | wrong
        assert (
            place.reader("dave").send(path, "override", firing=firing, **given).status_code == 422
        )
    given = {"firing": firing, "severity": "SEV3", "reason": "a few <b>batch</b> jobs"}
    assert place.reader("frank").send(path, "override", **given).status_code == 404
    done = place.reader("dave").send(path, "override", **given)
    assert "<b>Said to be SEV3</b>Recorded as entry" in done.text
    assert "said by dave: a few &lt;b&gt;batch&lt;/b&gt; jobs" in done.text
    assert show(place, "triggers/errors/firings")["items"][0]["severity"] == "SEV3"


def test_a_trigger_is_paused_and_retired_by_two(place: Place) -> None:
    path, dave = "/triggers/long", place.reader("dave")
    asked = dave.send(path, "pause")
    assert "it acts until a second person agrees" in asked.text
    assert "Tries out only" in told(asked.text)
    assert place.reader("erin").send(path, "approve").status_code == 200
    assert show(place, "triggers/long")["dry_run"] is True
    assert dave.send(path, "retire", typed="lnog").status_code == 422
    assert "<b>Retired</b>" in dave.send(path, "retire", typed="long").text
    assert dave.send(path, "explode").status_code == 422


def test_a_trigger_is_written_by_a_form_that_keeps_what_was_typed(place: Place) -> None:
    dave = place.reader("dave")
    page = "/set-trigger"
    for field, value in (
        ("window", "ten"), ("budget", "-1"), ("max_share", "2.555"), ("max_share", "."), ("fire-proposal", "nan"),
        ("fire-proposal", "1e400"), ("name", "Not a name"), ("signal", "moon"),
        ("fire-proposal", "0.05"), ("n_min", "9" * 40), ("environment", "moon"),
    ):  # fmt: skip
        wrong = dave.send(page, "set", **(TRIGGER | {field: value}))
        assert wrong.status_code == 422, field
        assert f'value="{html.escape(value)}"' in wrong.text or field in {"signal", "environment"}
        assert 'role="alert"' in wrong.text
    made = dave.send(page, "set", **TRIGGER, max_share="2.5", window="10", consecutive="3")
    assert "<b>In force</b>Recorded as entry" in made.text
    found = show(place, "triggers/late")
    assert (found["max_share"], found["window_s"], found["consecutive"]) == (250, 600, 3)
    assert found["ladder"] == [{"step": "proposal", "threshold": "0.2", "clear": "0.1"}]
    again = dave.send(f"{page}?name=late").text
    assert 'name="fire-proposal" value="0.2"' in again
    assert 'name="max_share" value="2.5"' in again
    loose = dave.send(f"{page}?name=late", "set", **(TRIGGER | {"fire-proposal": "0.9"}))
    assert "it waits until a second person agrees" in loose.text
    assert place.reader("frank").send(page, "set", **TRIGGER).status_code in {403, 404}


def test_a_trigger_that_is_not_there_looks_like_one_that_is_not_yours(place: Place) -> None:
    frank = place.reader("frank")
    hidden, absent = frank.send("/triggers/errors"), frank.send("/triggers/nothing")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.text.replace("errors", "") == absent.text.replace("nothing", "")


def test_what_came_of_drills_is_told_with_what_is_overdue_and_planned(
    busy: tuple[Busy, Place],
) -> None:
    made, place = busy
    page = told(place.reader("dave").send("/drills").text)
    assert "No answer was struck, not detected in time, not activated in time" in page
    assert re.search(r"Overdue No drill for 90 days, or never one .* Never drilled", page)
    assert re.search(rf"Planned .* {LONG} Latency of 200ms 1\s% 1h 7 days 26 Nov 2026 14:30", page)
    one = place.reader("dave").send(f"/drills/{made.drill}").text
    report = show(place, f"drills/{made.drill}")["report"]
    assert 42_000 <= report["detect_ms"] < 42_100
    assert f'<b class="">{report["detect_ms"] / 1000:.1f} s</b>' in one
    assert "Did not fire: non finite" in one
    assert "412" in one
    planned = told(place.reader("frank").send("/drills").text)
    assert "Planned" not in planned


def test_a_drill_in_production_takes_a_second_person(place: Place) -> None:
    erin, dave = place.reader("erin"), place.reader("dave")
    (drill,) = [e for e in show(place, "drills")["items"] if e["state"] == "requested"]
    mine = erin.send("/drills").text
    assert "You asked; somebody else confirms" in mine
    own = erin.send("/drills", "confirm", drill=drill["id"])
    assert (own.status_code, "same_person" in own.text) == (403, True)
    begun = dave.send(f"/drills/{drill['id']}", "confirm")
    assert "Confirmed, it is running" in begun.text
    assert show(place, f"drills/{drill['id']}")["state"] == "running"
    ended = dave.send("/drills", "stop", drill=drill["id"])
    assert "Ended; its report follows" in ended.text
    assert dave.send("/drills", "stop", drill=drill["id"]).status_code == 409


def test_a_drill_is_begun_by_a_form_that_says_what_production_takes(place: Place) -> None:
    dave, path = place.reader("dave"), "/drills/run?model=churn"
    form = dave.send(f"{path}&fault=latency:200ms&environment=production").text
    assert "A second person confirms within an hour" in form
    assert 'value="production" checked' in form
    assert '<option value="latency" selected>' in form
    assert 'name="size" value="200ms"' in form
    for field, value in (
        ("typed", "chrun"), ("share", "all"), ("share", "nan"), ("share", "1e999999"), ("ttl", "long"),
        ("fault", "moon"),
    ):  # fmt: skip
        assert dave.send(path, "run", **(DRILL | {field: value})).status_code == 422, field
    wide = dave.send(path, "run", **(DRILL | {"environment": "production", "share": "6"}))
    assert (wide.status_code, "0.0001 to 0.05 in production" in wide.text) == (422, True)
    assert place.reader("olivia").send(path, "run", **DRILL).status_code == 403
    begun = dave.send(path, "run", **DRILL, detect_within="2m", region="eu")
    assert "<b>Running</b>Recorded as entry" in begun.text
    (found,) = [e for e in show(place, "drills?model=churn")["items"] if e["state"] == "running"]
    assert (found["scope"], found["share"], found["detect_within_s"]) == (
        {"model": ["churn"], "region": ["eu"]},
        "0.01",
        120,
    )
    assert dave.send(path, "run", **DRILL).status_code == 409
    dave.send("/drills", "stop", drill=found["id"])


def test_ways_to_fail_are_as_the_api_tells_and_lead_to_the_drill_that_proves_them(
    place: Place,
) -> None:
    page = place.reader("dave").send("/failure-modes/churn").text
    modes = show(place, "failure-modes?model=churn")["items"]
    states = [each["state"] for each in modes]
    assert page.count("Uncovered</span>") == states.count("uncovered")
    assert page.count("Covered</span>") == states.count("covered")
    assert "/drills/run?model=churn&amp;fault=nan&amp;environment=production" in page
    assert "fault=corrupt" not in page
    assert "/set-trigger?model=churn&amp;signal=disagreement" in page
    every = told(place.reader("dave").send("/failure-modes").text)
    fraud = [each["state"] for each in show(place, "failure-modes?model=fraud")["items"]]
    assert f"fraud {fraud.count('covered')} of {len(modes)}" in every
    assert place.reader("dave").send("/failure-modes/nothing").status_code == 404
    assert place.reader("dave").send("/failure-modes?environment=moon").status_code == 422


def test_drift_is_drawn_as_the_api_tells_it(place: Place) -> None:
    page = place.reader("dave").send("/drift/churn?by=region&value=eu").text
    found = show(place, "drift?model=churn&version=2&by=region")
    (group,) = [each for each in found["groups"] if each["value"] == "eu"]
    for feature in group["features"]:
        assert f"PSI* {feature['psi']:.3f}" in page
    assert group["psi_by_window"][-1] == group["features"][0]["psi"]
    assert page.count("unknown</td>") >= 2 * group["psi_by_window"].count(None)
    assert "Far off" in page
    few = told(place.reader("dave").send("/drift/churn?by=region&value=br").text)
    assert "Too few rows region br" in few


def test_drift_says_what_is_missing_and_refuses_what_is_wrong(place: Place) -> None:
    dave = place.reader("dave")
    assert "No version has a drift reference" in dave.send("/drift/fraud").text
    assert "Nothing counted by segment" in dave.send("/drift/churn?by=segment").text
    for query in ("window=1s", "window=25h", "environment=moon"):
        assert dave.send(f"/drift/churn?{query}").status_code == 422, query
    for path in ("/drift/nothing", "/drift/churn?version=9", "/drift/churn?version=1.4.0"):
        assert dave.send(path).status_code == 404, path
    assert place.reader("frank").send("/drift/churn").status_code == 404
