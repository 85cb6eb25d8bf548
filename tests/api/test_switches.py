"""What is particular to the routes of kill switches: statuses, names of fields, entries, repeats, the reserve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.api.town import town as founded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.town import Town

WHY = "PSI 0.61 in the last hour"
PURPOSE = "predicts which customers leave next month"
PATH = "/kill-switches"


@pytest.fixture(scope="module", autouse=True)
def _model(town: Town) -> None:
    body = {"name": "churn", "business_purpose": PURPOSE}
    assert town.call("alice", "POST", "/models", body).status_code == 201


def body(**fields: object) -> dict[str, object]:
    return {"scope": {"model": "churn"}, "reason": WHY} | fields


def test_a_stop_is_created_and_the_same_again_is_found(town: Town) -> None:
    made = town.call("dave", "POST", PATH, body(**{"except": {"region": "us"}}))
    assert made.status_code == 201
    assert town.entry(made)["type"] == "switch.activated"
    assert made.json()["except"] == made.json()["exception"] == {"region": ["us"]}
    again = town.call("carol", "POST", PATH, body(**{"except": {"region": "US"}}))
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    assert again.headers["Governance-Entry"] == made.headers["Governance-Entry"]
    shown = town.call("erin", "GET", f"{PATH}/{made.json()['id']}")
    assert shown.headers["ETag"] == '"1"'
    counted = {"applied": None}  # nobody counts at first, and soon somebody does
    assert shown.json() | counted == made.json() | counted


def test_a_repeat_under_its_key_is_answered_from_the_first(town: Town) -> None:
    key = {"Idempotency-Key": "stop-1"}
    wanted = body(severity="SEV3", scope={"region": "mx"})
    first = town.call("dave", "POST", PATH, wanted, headers=key)
    switch = first.json()["id"]
    where = f"{PATH}/{switch}"
    assert town.call("dave", "POST", f"{where}/request-release", {"notes": "ok"}).status_code == 200
    assert town.call("dave", "POST", f"{where}/confirm-release", {"notes": "ok"}).status_code == 200
    again = town.call("dave", "POST", PATH, wanted, headers=key)
    assert again.headers["Idempotent-Replay"] == "true"
    assert (again.json()["id"], again.json()["state"]) == (switch, "released")


def test_who_acts_is_whom_the_token_stands_for(town: Town) -> None:
    claimed = town.call("dave", "POST", PATH, body(activated_by="carol"))
    assert (claimed.status_code, claimed.json()["code"]) == (403, "actor_mismatch")
    own = town.call("dave", "POST", PATH, body(activated_by="dave", severity="SEV4"))
    assert own.status_code in {200, 201}
    release = f"{PATH}/{own.json()['id']}/request-release"
    lent = town.call("dave", "POST", release, {"notes": "ok", "deactivated_by": "carol"})
    assert lent.json()["code"] == "actor_mismatch"


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"scope": {}}, 422, "scope_empty"),
        ({"scope": {"model": "chrun"}}, 422, "unknown_target"),
        ({"scope": {"colour": "red"}}, 422, "unknown_dimension"),
        ({"reason": " "}, 422, "reason_required"),
        ({"fallback": "none"}, 422, "fallback_unknown"),
        ({"everything": "true", "scope": {}}, 422, "request_invalid"),
        ({"state": "released"}, 422, "request_invalid"),
        ({"scope": {"region": None}}, 422, "value_invalid"),
    ],
)
def test_each_refusal_has_its_code(
    town: Town, wrong: dict[str, object], status: int, code: str
) -> None:
    answer = town.call("dave", "POST", PATH, body(**wrong))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_refused_moves_say_what_is_the_matter(town: Town) -> None:
    made = town.call("dave", "POST", PATH, body(scope={"region": "br"})).json()["id"]
    notes = {"notes": "the feed is right"}
    early = town.call("dave", "POST", f"{PATH}/{made}/confirm-release", notes)
    assert (early.status_code, early.json()["code"]) == (409, "release_not_requested")
    town.call("dave", "POST", f"{PATH}/{made}/request-release", notes)
    own = town.call("dave", "POST", f"{PATH}/{made}/confirm-release", notes)
    assert (own.status_code, own.json()["code"]) == (403, "self_release")
    twice = town.call("dave", "POST", f"{PATH}/{made}/request-release", notes)
    assert (twice.status_code, twice.json()["code"]) == (409, "switch_not_active")
    absent = town.call("dave", "POST", f"{PATH}/swi_none/request-release", notes)
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")
    assert town.call("dave", "DELETE", f"{PATH}/{made}").status_code == 405


def test_a_check_takes_every_dimension_once(town: Town) -> None:
    town.call("dave", "POST", PATH, body(scope={"model": "churn", "region": "jp"}))
    found = town.call("frank", "GET", f"{PATH}/check?model=churn&region=JP").json()
    assert found["action"] == "block"
    assert found["context"] == {"model": "churn", "region": "jp"}
    twice = town.call("frank", "GET", f"{PATH}/check?model=churn&model=fraud")
    assert twice.json()["code"] == "request_invalid"
    other = town.call("frank", "GET", f"{PATH}/check?colour=red")
    assert other.json()["code"] == "unknown_dimension"


def test_a_list_is_a_table_too(town: Town) -> None:
    text = town.call("erin", "GET", f"{PATH}?active=true", headers={"Accept": "text/csv"}).text
    assert text.splitlines()[0].startswith("id,state,name,source,environment,scope")
    assert "released" not in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(["model", "version", "region", "segment", "model_type"]) | st.text(
    max_size=6
)
CONDITIONS = JSON | st.fixed_dictionaries({}, optional={"not_in": JSON, "prefix": JSON})


@settings(max_examples=80)
@example(scope={"region": ["b", "A", "b"]}, carved={"segment": {"not_in": ["y", "x"]}})
@given(
    scope=st.dictionaries(NAMES, CONDITIONS, max_size=3),
    carved=st.none() | st.dictionaries(NAMES, CONDITIONS, max_size=2),
)
def test_no_scope_whatever_breaks_the_door(
    town: Town, scope: dict[str, object], carved: dict[str, object] | None
) -> None:
    answer = town.call("dave", "POST", PATH, body(scope=scope, **{"except": carved}))
    assert answer.status_code in {200, 201, 400, 422}, answer.text
    if answer.status_code < 300:
        made = answer.json()
        again = town.call(
            "dave", "POST", PATH, body(scope=made["scope"], **{"except": made["except"]})
        )
        assert (again.status_code, again.json()["id"]) == (200, made["id"])


@pytest.fixture
def strict_town(tmp_path: Path) -> Iterator[Town]:
    with founded(tmp_path, write_rate=1, switch_dimensions=("tenant",)) as town:
        yield town


def test_stopping_has_a_reserve_and_configured_dimensions_count(strict_town: Town) -> None:
    call = strict_town.call
    many = [call("carol", "POST", "/users", {"handle": f"u{n}"}).status_code for n in range(4)]
    assert 429 in many
    stopped = call("carol", "POST", PATH, {"scope": {"tenant": "Acme"}, "reason": WHY})
    assert (stopped.status_code, stopped.json()["scope"]) == (201, {"tenant": ["Acme"]})
    assert call("erin", "GET", f"{PATH}/check?tenant=Acme").json()["action"] == "block"
    assert call("erin", "GET", f"{PATH}/check?tenant=Other").json()["action"] == "none"


def test_a_confirmation_that_is_sent_again_is_answered_from_the_first(town: Town) -> None:
    made = town.call("dave", "POST", PATH, body(scope={"region": "ch"}, severity="SEV3")).json()
    where, key = f"{PATH}/{made['id']}", {"Idempotency-Key": "confirm-1"}
    notes = {"notes": "looks well"}
    town.call("dave", "POST", f"{where}/request-release", notes)
    first = town.call("dave", "POST", f"{where}/confirm-release", notes, headers=key)
    size = town.size
    again = town.call("dave", "POST", f"{where}/confirm-release", notes, headers=key)
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert again.headers["Governance-Entry"] == first.headers["Governance-Entry"]
    assert town.size == size
    fresh = town.call("dave", "POST", f"{where}/confirm-release", notes)
    assert fresh.json()["code"] == "switch_not_active"
    stale = {"If-Match": '"1"'}
    moved = town.call("dave", "POST", f"{where}/request-release", notes, headers=stale)
    assert moved.json()["code"] == "revision_conflict"
