"""Routes of endpoints: the secret once and never under a key, figures by id, names that carry nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.api.town import Town

URL = "https://hooks.example.invalid/services/secret-part"


def test_a_secret_is_answered_once_and_never_under_an_idempotency_key(town: Town) -> None:
    body = {"name": "keyed", "url": URL}
    key = {"Idempotency-Key": "one"}
    refused = town.call("carol", "POST", "/endpoints", body, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_refused")
    made = town.call("carol", "POST", "/endpoints", body)
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert made.headers["cache-control"] == "no-store"
    again = town.call("carol", "POST", "/endpoints/keyed/rotate-secret", headers=key)
    assert (again.status_code, again.json()["code"]) == (400, "idempotency_refused")
    shown = town.call("carol", "GET", "/endpoints/keyed")
    assert shown.json()["secret"] is None
    listed = town.call("carol", "GET", "/endpoints").text
    for text in (shown.text, listed):
        assert made.json()["secret"] not in text
        assert "secret-part" not in text


def test_a_change_is_compared_with_the_revision_that_was_read(town: Town) -> None:
    made = town.call("carol", "POST", "/endpoints", {"name": "revised", "url": URL})
    etag = made.headers["etag"]
    change = {"severity": "HIGH"}
    first = town.call("carol", "PATCH", "/endpoints/revised", change, headers={"If-Match": etag})
    assert (first.status_code, first.json()["severity"]) == (200, "HIGH")
    stale = town.call(
        "carol", "PATCH", "/endpoints/revised", {"severity": "INFO"}, headers={"If-Match": etag}
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "revision_conflict")


def test_an_address_in_the_house_is_refused_by_its_code(town: Town) -> None:
    body = {"name": "inside", "url": "https://169.254.169.254/latest/secret-part"}
    refused = town.call("carol", "POST", "/endpoints", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "endpoint_address_refused")
    assert "secret-part" not in refused.text


def test_figures_name_endpoints_by_their_ids_alone(town: Town) -> None:
    made = town.call("carol", "POST", "/endpoints", {"name": "figured", "url": URL}).json()
    text = town.call(None, "GET", "/metrics").text
    assert f'modelwarden_endpoint_down{{endpoint="{made["id"]}"}} 0' in text
    assert f'modelwarden_endpoint_waiting_entries{{endpoint="{made["id"]}"}}' in text
    assert "figured" not in text
    health = town.call(None, "GET", "/health").json()
    (part,) = [each for each in health["components"] if each["name"] == "endpoints"]
    assert part["status"] == "ok"
    assert made["id"] not in str(health)
