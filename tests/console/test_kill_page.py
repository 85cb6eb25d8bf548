"""The pages that stop and let go on, by plain HTTP and without script: two people, refusals, and what stands there."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import httpx

from tests.console.readers import WHY, is_clean, switch_of
from tests.guard.hosts import soon

if TYPE_CHECKING:
    from tests.console.readers import Place


def test_the_page_asks_for_a_token_first(place: Place) -> None:
    page = httpx.get(f"{place.address}/kill-switches")
    assert page.status_code == 200
    assert is_clean(page)
    assert 'type="password"' in page.text
    assert "churn" not in page.text
    for token in ("", "mwp_not-a-token", "x" * 5_000):
        refused = httpx.post(f"{place.address}/kill-switches", data={"token": token, "do": "look"})
        assert refused.status_code == 401
        assert "this token is not valid" in refused.text
        assert "churn" not in refused.text
    large = httpx.post(f"{place.address}/kill-switches", data={"token": "x" * 50_000})
    assert large.status_code == 422


def test_two_people_stop_a_model_and_let_it_go_on(place: Place) -> None:
    olivia, dave, erin = (place.reader(name) for name in ("olivia", "dave", "erin"))
    page = olivia.stop(region="EU", fallback="last_known_good")
    assert page.status_code == 200
    assert "<b>In force</b>Recorded as entry" in page.text
    assert ">churn, region eu</a></h2>" in page.text
    assert html.escape(WHY) in page.text
    assert WHY not in page.text
    assert "Callers get the last known good value" in page.text
    assert "1 switch<" in page.text
    switch = switch_of(page)
    again = dave.stop(region="eu", fallback="last_known_good")
    assert (switch_of(again), "It stood already" in again.text) == (switch, True)
    asked = erin.step("request", switch, notes="the feed is right again", verification="by hand")
    assert "Release asked for" in asked.text
    assert "erin asked to release</b>" in asked.text
    assert "Made sure: by hand" in asked.text
    own = erin.step("confirm", switch, notes="looks well")
    assert own.status_code == 403
    assert "self_release" in own.text
    assert re.search(r'recorded as entry <a class="link mono" href="/entries/\d+">', own.text)
    assert "looks well</textarea>" in own.text
    assert "Kept stopped" in dave.step("refuse", switch, notes="not yet").text
    erin.step("request", switch, notes="now")
    assert "Request withdrawn" in erin.step("withdraw", switch).text
    erin.step("request", switch, notes="now")
    done = dave.step("confirm", switch, notes="looks well")
    assert "<b>Released</b>" in done.text
    assert "Nothing is stopped" in done.text


def test_a_stop_is_typed_and_reasoned_and_a_mistake_keeps_what_was_typed(place: Place) -> None:
    dave = place.reader("dave")
    wrong = dave.stop(typed="chrun", region="br", severity="SEV3")
    assert wrong.status_code == 422
    assert "churn, typed once more" in wrong.text
    assert 'href="#stop-typed"' in wrong.text
    assert 'value="br"' in wrong.text
    assert '<option value="SEV3" selected>' in wrong.text
    assert f"{html.escape(WHY)}</textarea>" in wrong.text
    unsaid = dave.stop(reason=" ")
    assert (unsaid.status_code, 'href="#stop-reason"' in unsaid.text) == (422, True)
    assert dave.stop(severity="SEV9").status_code == 422
    assert dave.stop(environment="moon").status_code == 422
    assert dave.step("explode", "swi_0").status_code == 422
    assert dave.stop("nothing-of-this-name").status_code in {404, 422}
    assert "Nothing is stopped" in dave.send().text


def test_a_stop_can_be_typed_in_one_go_and_shows_what_it_hits_when_asked(place: Place) -> None:
    place.guard(host="web-3")
    first = httpx.get(f"{place.address}/kill-switches/stop?model=churn")
    assert first.status_code == 200
    assert is_clean(first)
    assert "workers heard of" not in first.text
    dave = place.reader("dave")
    shown = dave.send("/kill-switches/stop?model=churn", "preview", reason="not sure", typed="")
    assert re.search(r"<b>[1-9]\d*</b><span[^>]*>workers heard of", shown.text)
    assert "not sure</textarea>" in shown.text
    assert "Nothing is stopped" in dave.send().text
    all_of_it = dave.send("/kill-switches/stop", "preview")
    assert "<b>2</b><span" in all_of_it.text


def test_everything_is_stopped_by_its_own_word_alone(place: Place) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    assert dave.stop("", typed="production").status_code == 422
    done = dave.stop("")
    assert "everything in production" in done.text
    switch = switch_of(done)
    banner = dave.send("/guards").text
    assert "everything in production is stopped." in banner
    assert 'class="stop"' not in done.text
    erin.release(switch, dave)
    assert 'class="stop"' not in dave.send("/guards").text


def test_workers_confirm_on_the_page_and_who_does_not_is_named(place: Place) -> None:
    dave, erin = place.reader("dave"), place.reader("erin")
    first, second = place.guard(host="web-7", pid=41), place.guard(host="web-8", pid=42)
    switch = switch_of(dave.stop())
    assert 'data-poll="2"' in dave.send().text
    soon(lambda: "web-7 pid 41" in dave.send().text)
    place.guard(host="web-7", pid=41, instance=first)
    soon(lambda: "web-7 pid 41" not in dave.send().text)
    assert "web-8 pid 42" in dave.send().text
    place.guard(host="web-8", pid=42, instance=second)
    counted = dave.stop(seen="99").text
    assert re.search(r"It concerns \d+ workers; the form showed 99\.", counted)
    one = dave.send(f"/kill-switches/{switch}").text
    assert "web-7" in one
    assert "Confirmed</span>" in one
    erin.release(switch, dave)


def test_who_may_not_is_told_and_sees_nothing_that_is_not_theirs(place: Place) -> None:
    frank, dave, erin = (place.reader(name) for name in ("frank", "dave", "erin"))
    switch = switch_of(dave.stop())
    looked = frank.send()
    assert looked.status_code == 200
    assert "No model that you may read is registered" in looked.text
    assert "Nothing is stopped" in looked.text
    for path in ("/guards", "/guards/coverage", "/kill-switches/history"):
        shown = frank.send(path)
        assert shown.status_code == 200
        assert ">churn<" not in shown.text
        assert 'class="stop"' not in shown.text
    unknown = frank.send(f"/kill-switches/{switch}")
    assert (unknown.status_code, unknown.text.replace(switch, "")) == (
        404,
        frank.send("/kill-switches/swi_0").text.replace("swi_0", ""),
    )
    assert frank.send("/entries/3").status_code == 403
    assert "Not yours to read" in looked.text
    assert frank.stop().status_code in {403, 404, 422}
    erin.release(switch, dave)
