"""Deployments on plain pages: they show what the API shows, and their forms do what it does."""

from __future__ import annotations

import csv
import html
import io
import re
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import Engine, event

from modelwarden.deployments import actions
from modelwarden.facts.deployments import DeploymentAborted
from modelwarden.facts.kinds import Code
from tests.console.releasing import BAD, Release, releasing
from tests.console.test_browser import come_in, too_small, violations_of
from tests.safeguards.fleet import ROOT, bearer
from tests.services import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

GIVEN = {"model": "churn", "version": "1.1.0", "environment": "production"}


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with releasing(tmp_path) as found:
        yield found


def show(release: Release, path: str) -> Any:  # noqa: ANN401 - any JSON
    headers = bearer(release.place.tokens["dave"])
    return httpx.get(f"{release.place.address}{ROOT}/{path}", headers=headers).json()


def test_what_is_live_and_on_its_way_is_shown_with_who_agreed(release: Release) -> None:
    page = release.place.reader("alice").send("/deployments").text
    digest = sha256((release.org.folder / "1.0.0.bin").read_bytes()).hexdigest()
    for words in ("churn 1.0.0", "bob, carol", digest, "95 %", "5 %", "step 1 of 3, canary"):
        assert words in page, words
    assert "0:59:59 left at 5 %" in page or "1:00:00 left at 5 %" in page
    page = release.place.reader("alice").send(f"/deployments/{release.rollout}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for words in ("50 % of traffic", "baking", "Each step holds for its time", "took a step"):
        assert words in page, words


def test_the_overview_and_its_neighbours_lead_there(release: Release) -> None:
    alice, frank = release.place.reader("alice"), release.place.reader("frank")
    assert f"/deployments/{release.rollout}" in alice.send("/").text
    assert release.rollout not in frank.send("/").text
    request = show(release, f"deployments/{release.rollout}")["request"]
    assert "/models/churn/versions/1.1.0" in alice.send(f"/approvals/{request}").text
    page = alice.send("/models/churn/versions/1.1.0").text
    assert f"/deployments/{release.rollout}" in page
    assert f"/approvals/{request}" in page


def test_a_long_list_is_read_in_parts_that_cost_the_same(release: Release) -> None:
    made = release.org.see("alice", actions.deployment, release.rollout)

    def fill(change: Any) -> None:  # noqa: ANN401 - a change
        for number in range(120):
            over = actions.DeploymentState.ABORTED
            one = change.save(replace(made, id=f"dep_0{number:025}", state=over, revision=0))
            change.record(
                DeploymentAborted(
                    deployment=one.id, model=one.model, version=one.version, environment=Code("production"),
                    traffic=5, cause=Code("by_a_person"), reason=None,
                )
            )  # fmt: skip

    release.org.system(fill)
    dave, path, seen, costs = release.place.reader("dave"), "/deployments?show=all", [], []
    while path:
        cost = []
        for _ in range(3):  # the server's own work goes on beside a page
            with counted() as sent:
                page = dave.send(path).text
            cost.append(len(sent))
        table = page.partition("<tbody>")[2]
        seen += re.findall(r'class="name" href="/deployments/(dep_[0-9A-Z]+)"', table)
        costs.append(min(cost))
        more = re.search(r'class="pager".*?href="([^"]+)"', page)
        path = html.unescape(more[1]) if more else ""
    assert len(seen) == len(set(seen)) == 122
    assert 0 < max(costs) <= min(costs[:4]) + 10, "the first has what is live besides"


@contextmanager
def counted() -> Iterator[list[str]]:
    """Keep each statement that databases are sent meanwhile."""
    sent: list[str] = []

    def keep(_: object, __: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    yield sent
    event.remove(Engine, "before_cursor_execute", keep)


def test_a_step_is_held_refused_taken_and_broken_off(release: Release) -> None:
    dave, alice = release.place.reader("dave"), release.place.reader("alice")
    path = f"/deployments/{release.rollout}"
    early = dave.send(path, "advance")
    assert early.status_code == 409
    assert "Nobody: it goes on when it is over" in early.text
    assert "baking" in early.text
    refused = alice.send(path, "advance")
    assert refused.status_code == 403
    assert "It comes with the role operator" in refused.text
    assert "The attempt was recorded as entry" in refused.text
    release.org.clock.advance(hours=1, minutes=1)
    taken = dave.send(path, "advance")
    assert "Took its next step" in taken.text, taken.text
    assert show(release, f"deployments/{release.rollout}")["traffic"] == 50
    assert "50 %" in dave.send("/deployments").text
    assert alice.send(path, "abort", reason="slower").status_code == 403
    assert dave.send(path, "abort", reason="").status_code == 422
    over = dave.send(path, "abort", reason=f"slower {BAD}")
    assert "Broken off; what was live has all the traffic again" in over.text
    assert "100 %" in dave.send("/deployments").text
    assert dave.send(path, "advance").status_code == 409
    assert dave.send(path, "nonsense").status_code == 422


def test_a_version_goes_live_and_an_earlier_one_comes_back(release: Release) -> None:
    dave, path = release.place.reader("dave"), f"/deployments/{release.rollout}"
    for _ in range(3):
        release.org.clock.advance(hours=1, minutes=1)
        page = dave.send(path, "advance")
    assert show(release, "models/churn/live")["version"] == "1.1.0", page.text
    assert release.place.reader("alice").send(path, "back", reason="worse").status_code == 403
    gone = dave.send(path, "back", reason="worse", to="9.9.9")
    assert "no earlier version" in gone.text
    assert "Whoever may stop the model does so with a switch" in gone.text
    back = dave.send(path, "back", reason=f"worse {BAD}")
    assert "1.0.0 is live again" in back.text, back.text
    assert show(release, "models/churn/live")["version"] == "1.0.0"
    again = dave.send(path, "back", reason="worse still")
    assert "is not live in production any more" in again.text
    (made,) = re.findall(r"dep_[0-9A-Z]+", str(show(release, "models/churn/live")["deployment"]))
    assert "&lt;script&gt;" in dave.send(f"/deployments/{made}").text
    rows = csv.DictReader(io.StringIO(dave.send("/deployments?show=all", format="csv").text))
    assert {row["state"] for row in rows} == {"live", "rolled_back", "superseded"}


def test_the_gates_refusal_names_each_rule_and_who_could_act(release: Release) -> None:
    dave = release.place.reader("dave")
    busy = dave.send("/deployments", "start", **GIVEN)
    assert busy.status_code == 409
    assert release.rollout in busy.text
    assert "An operator breaks off the one that is on its way" in busy.text
    dave.send(f"/deployments/{release.rollout}", "abort", reason="slower")
    release.org.register("1.2.0")
    (release.org.folder / "1.2.0.bin").write_bytes(b"other bytes")
    asked = GIVEN | {"version": "1.2.0"}
    refused = dave.send("/deployments", "start", **asked)
    assert refused.status_code == 409
    for words in (
        "People have to agree first", "the seats of the request say who may answer",
        "The bytes are those that were registered", "not_approved, artifact_mismatch",
    ):  # fmt: skip
        assert words in refused.text, words
    wrong = dave.send("/deployments", "start", **(asked | {"strategy": "wild", "notes": BAD}))
    assert wrong.status_code == 422
    assert "&lt;script&gt;" in wrong.text
    assert dave.send("/deployments", "start", **(asked | {"environment": ""})).status_code == 422
    walk = asked | {"environment": "staging production", "strategy": "direct"}
    assert "a walk goes as the policy" in dave.send("/deployments", "start", **walk).text
    assert dave.send("/deployments", "nonsense").status_code == 422


def test_a_walk_goes_through_staging_and_stops_at_what_it_waits_for(release: Release) -> None:
    dave = release.place.reader("dave")
    dave.send(f"/deployments/{release.rollout}", "abort", reason="start anew")
    walk = GIVEN | {"version": "1.0.0", "environment": "staging production"}
    page = dave.send("/deployments", "start", **walk)
    assert page.status_code == 200, page.text
    assert show(release, "models/churn/live?environment=staging")["version"] == "1.0.0"
    release.org.clock.advance(seconds=1)
    direct = dave.send("/deployments", "start", **GIVEN, reference="rel-7")
    assert "1.1.0 is on its way to production: 5 % of traffic" in direct.text, direct.text
    assert "rel-7" in dave.send("/deployments?show=in_progress", format="csv").text


def test_who_may_not_read_it_learns_nothing(release: Release) -> None:
    frank = release.place.reader("frank")
    assert "churn" not in frank.send("/deployments?show=all").text
    for path in (f"/deployments/{release.rollout}", "/deployments/dep_none", "/deployments/<b>"):
        for do in ("look", "advance", "abort", "back"):
            page = frank.send(path, do, reason="because")
            assert page.status_code == 404, (path, do)
            assert "1.1.0" not in page.text
            assert "<b>b" not in page.text
    for path in ("?show=asleep", "?environment=moon", "?cursor=%FF", f"?model={BAD}"):
        page = release.place.reader("dave").send(f"/deployments{path}")
        assert page.status_code in {404, 422}, path
    assert frank.send("/deployments", "start", **GIVEN).status_code == 404


def test_a_freeze_holds_up_a_start_until_it_is_lifted(release: Release) -> None:
    dave, alice = release.place.reader("dave"), release.place.reader("alice")
    asked = {"until": "2026-12-27 08:00", "environment": "production", "reason": f"close {BAD}"}
    assert alice.send("/freezes", "freeze", **asked).status_code == 403
    assert dave.send("/freezes", "freeze", **(asked | {"until": "soon"})).status_code == 422
    assert dave.send("/freezes", "freeze", **(asked | {"until": ""})).status_code == 422
    assert "In force" in dave.send("/freezes", "freeze", **asked).text
    (freeze,) = show(release, "freezes")["items"]
    assert (freeze["ends_at"], freeze["reason"]) == (
        "2026-12-27T08:00:00.000000Z",
        asked["reason"],
    )
    dave.send(f"/deployments/{release.rollout}", "abort", reason="start anew")
    held = dave.send("/deployments", "start", **GIVEN)
    assert "An operator or administrator lifts it" in held.text
    assert "Lifted" in dave.send("/freezes", "lift", freeze=freeze["id"]).text
    assert dave.send("/deployments", "start", **GIVEN).status_code == 200
    assert dave.send("/freezes", "nonsense").status_code == 422


@pytest.mark.services
@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_the_pages_are_for_all_eyes_and_hands(
    browser: Browser, release: Release, *, dark: bool, narrow: bool
) -> None:
    dave = release.place.reader("dave")
    dave.send("/freezes", "freeze", until="2026-12-27 08:00", environment="production", reason="x" * 300)  # fmt: skip
    with browsers.opened(browser, dark=dark, narrow=narrow) as page:
        for path in ("/deployments", f"/deployments/{release.rollout}", "/freezes"):
            come_in(page, release.place, "dave", path)
            assert violations_of(page) == [], path
            for summary in page.locator("main details.act:not(.export) > summary").all():
                summary.click()
            assert violations_of(page) == [], path
            if narrow:
                assert too_small(page) == [], path
        come_in(page, release.place, "dave", f"/deployments/{release.rollout}")
        page.locator("summary", has_text="Take the next step").click()
        page.get_by_label("Token, take the next step").fill(release.place.tokens["dave"])
        page.get_by_role("button", name="Take the next step").click()
        page.get_by_role("alert").get_by_text("Nobody: it goes on when it is over").wait_for()
        assert violations_of(page) == []
