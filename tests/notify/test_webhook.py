"""A message is what the sender signed, or it is refused; a second implementation of Standard Webhooks agrees."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

import modelwarden
from modelwarden.errors import WebhookInvalid
from modelwarden.notify.webhook import new_secret, sign, signed_headers, verify_webhook

NOW = datetime.now(UTC).replace(microsecond=0)
BODY = b'{"seq":7,"type":"model.registered"}'
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()


def signed(*secrets: str, now: datetime = NOW) -> dict[str, str]:
    return signed_headers(secrets or (SECRET,), "7", BODY, now=now)


def test_the_published_example_has_the_published_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # of Standard Webhooks itself
    body = b'{"test": 2432232314}'
    found = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_we_sign_another_implementation_accepts() -> None:
    now = datetime.now(UTC)  # that one looks at the clock
    ours, both = signed(now=now), signed(SECRET, OTHER, now=now)
    assert standardwebhooks.Webhook(SECRET).verify(BODY, ours) == json.loads(BODY)
    assert standardwebhooks.Webhook(OTHER).verify(BODY, both) == json.loads(BODY)


@given(st.binary(min_size=24, max_size=64), st.dictionaries(st.text(), st.integers()))
def test_what_another_implementation_signs_we_accept(key: bytes, content: dict[str, int]) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    body = json.dumps(content)
    signature = standardwebhooks.Webhook(secret).sign(msg_id="m1", timestamp=NOW, data=body)
    headers = {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(int(NOW.timestamp())),
        "Webhook-Signature": signature,
    }
    assert verify_webhook(headers, body.encode(), secret, now=NOW) == content


def test_the_receivers_half_is_a_public_name() -> None:
    assert modelwarden.verify_webhook is verify_webhook


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_changed_byte_is_refused(place: int, change: int) -> None:
    altered = bytearray(BODY)
    altered[place] ^= change
    with pytest.raises(WebhookInvalid):
        verify_webhook(signed(), bytes(altered), SECRET, now=NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "8"),
        ("webhook-id", "7.1"),
        pytest.param("webhook-timestamp", str(int(NOW.timestamp()) + 1), id="a second later"),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "٣"),
        ("webhook-timestamp", "9" * 40),
        ("webhook-signature", "v1,"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,é"),
        pytest.param("webhook-signature", " ".join(["v1,AAAA"] * 10_000), id="many"),
    ],
)
def test_one_changed_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(WebhookInvalid):
        verify_webhook(signed() | {name: value}, BODY, SECRET, now=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = {key: value for key, value in signed().items() if key != name}
    with pytest.raises(WebhookInvalid, match=name):
        verify_webhook(headers, BODY, SECRET, now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_message_out_of_its_time_is_refused(seconds: int) -> None:
    with pytest.raises(WebhookInvalid, match="five minutes"):
        verify_webhook(signed(), BODY, SECRET, now=NOW + timedelta(seconds=seconds))
    verify_webhook(signed(), BODY, SECRET, now=NOW + timedelta(seconds=seconds // 2))


def test_while_a_secret_changes_either_will_do() -> None:
    both = signed(OTHER, SECRET)
    assert verify_webhook(both, BODY, SECRET, now=NOW) == json.loads(BODY)
    assert verify_webhook(both, BODY, OTHER, now=NOW) == json.loads(BODY)
    assert verify_webhook(signed(OTHER), BODY, [SECRET, OTHER], now=NOW) == json.loads(BODY)
    with pytest.raises(WebhookInvalid):
        verify_webhook(signed(OTHER), BODY, SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whsec_é"])
def test_an_empty_or_malformed_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(WebhookInvalid):
        verify_webhook(signed(), BODY, secret, now=NOW)


@pytest.mark.parametrize("body", [b"[1]", b"not json", b"\xff"])
def test_what_is_signed_but_no_object_is_refused(body: bytes) -> None:
    headers = signed_headers([SECRET], "7", body, now=NOW)
    with pytest.raises(WebhookInvalid):
        verify_webhook(headers, body, SECRET, now=NOW)


def test_secrets_are_random_and_of_the_standard_form() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
