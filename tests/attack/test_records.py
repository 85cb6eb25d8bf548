"""Attempts to get into the ledger what is not so, by the door for other systems' records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.access import actions as access
from modelwarden.values.system import system
from tests.api.town import Town, town

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

BASE = {"ref": "r", "event_type": "RISK_DECISION", "component": "RiskAgent", "action": "ALLOW"}
LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as opened:
        opened.call(
            "carol", "POST", "/roles", {"role": "recorder", "permissions": ["audit.append"]}
        )
        for name in ("dave", "grace"):
            body = {"role": "recorder", "reason": "its program records"}
            answer = opened.call("carol", "POST", f"/users/{name}/roles", body)
            assert answer.status_code in {200, 201}, answer.text
        yield opened


def sent(
    place: Town, content: bytes, *, kind: dict[str, str] = JSON, who: str = "dave"
) -> httpx.Response:
    return place.call(who, "POST", "/audit-log", content=content, headers=kind)


def body(**more: Any) -> bytes:  # noqa: ANN401  # a record's fields
    return json.dumps(BASE | more).encode()


@pytest.mark.parametrize(
    "content",
    [
        b'{"ref":"r","ref":"s","event_type":"X","component":"Y","action":"z"}',
        body(details={"n": float("nan")}),
        body(details={"n": 1}).replace(b"1", b"1e999"),
        body(details={"n": 2**53}),
        body(details={"x": "\ud800"}),
        body(details={"x": "\0"}),
        body(details={"x": "y" * 20_001}),
        body(details={"x": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}),
        body(event_type="model.registered"), body(event_type="external.recorded"),
        body(component="modelwarden"), body(component="\u202eRiskAgent"), body(action="x\ny"),
        body(compliance_tags=["a\nb"]), body(compliance_tags=["<b>"]), body(compliance_tags={"a": 1}),
        body(timestamp="2999-01-01T00:00:00Z"), body(timestamp="-0001-01-01T00:00:00Z"),
        body(timestamp="1969-12-31T23:59:59Z"), body(ref=["r"]), body(ref="r" * 129), body(severity=None, extra=1),
        body(actor="root"), body(seq=1), b"[]", b"3", b"null", b'"x"', b"[[]]", b"\xff\xfe", b"{", b"",
        json.dumps([BASE | {"ref": str(n)} for n in range(1_001)]).encode(),
    ],
)  # fmt: skip
def test_a_record_that_has_no_one_meaning_leaves_nothing(place: Town, content: bytes) -> None:
    size = place.size
    answer = sent(place, content)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert place.size == size


def test_one_bad_line_keeps_all_others_out(place: Town) -> None:
    size = place.size
    lines = [body(ref=f"l-{n}") for n in range(5)]
    answer = sent(place, b"\n".join([*lines, b"{"]), kind=LINES)
    assert (answer.status_code, "line 6" in answer.json()["detail"]) == (400, True)
    answer = sent(place, b"\n".join([*lines, body(ref="x", action="")]), kind=LINES)
    assert (answer.status_code, answer.json()["number"]) == (422, 5)
    assert place.size == size


def test_nobody_becomes_another_actor_by_saying_so(place: Town) -> None:
    answer = sent(place, body(ref="spoof", user_id="carol"))
    entry = place.entry(answer)
    dave = place.call("dave", "GET", "/me").json()
    assert entry["actor"]["id"] == dave["id"]
    assert "carol" not in json.dumps(entry)
    assert entry["type"] == "external.recorded"


def test_another_accounts_ref_is_neither_taken_nor_shown(place: Town) -> None:
    first = sent(place, body(ref="shared", severity="HIGH"))
    second = sent(place, body(ref="shared"), who="grace")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json()["records"][0]["repeated"] is False
    assert first.json()["records"][0]["seq"] != second.json()["records"][0]["seq"]


def test_a_replay_with_other_content_is_refused_and_tells_nothing(place: Town) -> None:
    sent(place, body(ref="replay", details={"secret": "hunter2"}))
    answer = sent(place, body(ref="replay", details={"secret": "guess"}))
    assert (answer.status_code, answer.json()["code"]) == (409, "record_conflict")
    assert "hunter2" not in answer.text


def test_a_body_larger_than_it_may_be_is_cut_off(place: Town) -> None:
    answer = sent(place, b" " * (16 * 1024 * 1024 + 1))
    assert answer.status_code == 413


def test_a_record_can_not_pose_as_one_of_ours_in_a_search(place: Town) -> None:
    sent(place, body(ref="pose", event_type="MODEL_DEPLOYMENT", action="deployment.live"))
    found = place.call("erin", "GET", "/audit-log?type=MODEL_DEPLOYMENT").json()["items"]
    assert found == []
    found = place.call("erin", "GET", "/audit-log?subject=event:MODEL_DEPLOYMENT").json()["items"]
    assert [one["entry"]["type"] for one in found] == ["external.recorded"]


def test_whoever_may_append_may_do_nothing_else(place: Town) -> None:
    issued = place.warden.submit(
        system("test"),
        lambda change: access.create_token(change, user="dave", scopes=["audit.append"]),
    ).result()
    headers = {"Authorization": f"Bearer {issued.value.secret}"}
    assert place.http.get("/api/governance/audit-log", headers=headers).status_code == 403
    answer = place.http.post(
        "/api/governance/audit-log", headers=headers | JSON, content=body(ref="narrow")
    )
    assert answer.status_code == 201
