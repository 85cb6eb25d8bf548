"""The page of kill switches, by plain HTTP: two people stop a model and let it go on; refusals say so."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from modelwarden.server import create_server_app
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.console.test_pages import is_clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PURPOSE = "predicts which customers leave next month"
WHY = "PSI 0.61 <b>in the last hour</b>"
PEOPLE = {"olivia": ["developer"], "dave": ["operator"], "erin": ["operator"], "frank": []}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    folder: Path = tmp_path_factory.mktemp("kill")
    url = f"sqlite:///{folder}/warden.db"
    tokens = {}
    with open_warden(url) as warden:
        warden.add_user("root", roles=["admin"])
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
            issuer = warden.acting_as("root" if not roles else name)
            tokens[name] = issuer.tokens.create(user=name).secret or ""
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose=PURPOSE
        )
    with open_warden(url, embedded=False, write_rate=0, read_rate=0) as warden:
        app = create_server_app(warden.settings, warden=warden)
        with served(app) as address:
            yield address, tokens


class Reader:
    """Somebody who sends the forms of the page."""

    def __init__(self, place: tuple[str, dict[str, str]], name: str) -> None:
        self.address, tokens = place
        self.token = tokens[name]

    def send(self, do: str = "look", **fields: str) -> httpx.Response:
        page = httpx.post(
            f"{self.address}/kill-switches", data={"token": self.token, "do": do, **fields}
        )
        assert is_clean(page)
        assert self.token not in page.text
        assert "set-cookie" not in page.headers
        return page

    def stop(self, **fields: str) -> httpx.Response:
        given = {"model": "churn", "typed": "churn", "reason": WHY, "severity": "SEV2"}
        return self.send("stop", **given | fields)


def switch_of(page: httpx.Response) -> str:
    found = re.search(r'role="status">.*?(swi_[0-9A-Z]+)', page.text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_page_asks_for_a_token_first(place: tuple[str, dict[str, str]]) -> None:
    page = httpx.get(f"{place[0]}/kill-switches")
    assert page.status_code == 200
    assert is_clean(page)
    assert 'type="password"' in page.text
    assert "churn" not in page.text
    for token in ("", "mwp_not-a-token", "x" * 5_000):
        refused = httpx.post(f"{place[0]}/kill-switches", data={"token": token, "do": "look"})
        assert refused.status_code == 401
        assert "this token is not valid" in refused.text
        assert "churn" not in refused.text
    large = httpx.post(f"{place[0]}/kill-switches", data={"token": "x" * 50_000})
    assert large.status_code == 422


def test_two_people_stop_a_model_and_let_it_go_on(place: tuple[str, dict[str, str]]) -> None:
    olivia, dave, erin = (Reader(place, name) for name in ("olivia", "dave", "erin"))
    page = olivia.stop(region="EU", fallback="last_known_good")
    assert page.status_code == 200
    assert "In force." in page.text
    assert "<h2" in page.text
    assert "churn, region eu</h2>" in page.text
    assert html.escape(WHY) in page.text
    assert WHY not in page.text
    assert "the last known good value" in page.text
    assert "1 switch may touch it" in page.text
    switch = switch_of(page)
    again = dave.stop(region="eu", fallback="last_known_good")
    assert (switch_of(again), "It stood already." in again.text) == (switch, True)
    asked = erin.send("request", switch=switch, notes="the feed is right again")
    assert "Release asked for" in asked.text
    assert "erin asked to release</b> the feed is right again" in asked.text
    own = erin.send("confirm", switch=switch, notes="looks well")
    assert own.status_code == 403
    assert "self_release" in own.text
    assert re.search(r"It was recorded: entry \d", own.text)
    assert "looks well</textarea>" in own.text
    kept = dave.send("refuse", switch=switch, notes="not yet")
    assert "In force." in kept.text
    erin.send("request", switch=switch, notes="now")
    assert "In force." in erin.send("withdraw", switch=switch).text
    erin.send("request", switch=switch, notes="now")
    done = dave.send("confirm", switch=switch, notes="looks well")
    assert "Released." in done.text
    assert "Nothing is stopped" in done.text
    assert "dave released it" in done.text


def test_a_stop_is_typed_and_reasoned_and_a_mistake_keeps_what_was_typed(
    place: tuple[str, dict[str, str]],
) -> None:
    dave = Reader(place, "dave")
    wrong = dave.stop(typed="chrun", region="br")
    assert wrong.status_code == 422
    assert "type the name of the model once more" in wrong.text
    assert 'value="br"' in wrong.text
    assert f"{html.escape(WHY)}</textarea>" in wrong.text
    assert dave.stop(reason=" ").status_code == 422
    assert dave.stop(severity="SEV9").status_code == 422
    assert dave.send("explode").status_code == 422


def test_who_may_not_is_told_and_sees_nothing_that_is_not_theirs(
    place: tuple[str, dict[str, str]],
) -> None:
    frank = Reader(place, "frank")
    looked = frank.send()
    assert looked.status_code == 200
    assert "No model that you may read is registered." in looked.text
    assert frank.stop().status_code in {403, 422}
    assert "unknown_target" in frank.stop().text or "not_permitted" in frank.stop().text
