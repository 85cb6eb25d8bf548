"""The outer form that our server writes is cut, any other of the same meaning is read; both give the same (SG-16)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import SnapshotRejected
from modelwarden.guard.snapshot import Floor
from modelwarden.guard.wire import decoding, opened
from modelwarden.safeguards.snapshots.body import Topic, signed
from modelwarden.values.canonical import encode_any
from tests.guard.wire import KEY, body

AT: Final = datetime(2026, 11, 20, 11, 19, 40, tzinfo=UTC)
SNAPSHOT: Final = signed(
    Topic("production", "churn"), Floor(1, 1840), encode_any(body()), key=KEY, now=AT
)
OUTER: Final = json.loads(SNAPSHOT.whole)


def outcome(wire: bytes) -> object:
    try:
        envelope, encoded = opened(wire)
        data = None
        if encoded is not None:
            steps = decoding(encoded)
            while True:
                try:
                    next(steps)
                except StopIteration as stop:
                    data = stop.value
                    break
    except SnapshotRejected as error:
        return str(error.reason)
    return envelope, data


def test_what_the_server_writes_is_opened() -> None:
    envelope, data = opened(SNAPSHOT.whole)
    assert (envelope.keyid, data) == (SNAPSHOT.keyid, OUTER["body"])
    assert opened(SNAPSHOT.head_only) == (envelope, None)


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(OUTER),
        json.dumps(OUTER, indent=2),
        json.dumps({"body": OUTER["body"], "head": OUTER["head"]}, separators=(",", ":")),
        json.dumps(OUTER | {"more": '","body":"'}, separators=(",", ":")),
        SNAPSHOT.whole.decode().replace("/", "\\/"),
        SNAPSHOT.whole.decode() + " \n",
    ],
)
def test_other_forms_of_the_same_mean_the_same(written: str) -> None:
    assert outcome(written.encode()) == outcome(SNAPSHOT.whole)


HEAD: Final = json.dumps(OUTER["head"], separators=(",", ":"))
BODY: Final = OUTER["body"]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (f'{{"head":{HEAD},"head":{HEAD},"body":"{BODY}"}}', "malformed"),
        (f'{{"head":{HEAD},"body":"{BODY}","body":"{BODY}"}}', "malformed"),
        (f'{{"head":{HEAD},"body":"{BODY}"}}}}', "malformed"),
        (f'{{"head":{HEAD},"body":"{BODY}"', "malformed"),
        (f'{{"head":{HEAD}}},"body":"{BODY}"}}', "malformed"),
        (f'{{"head":{HEAD[:-1]},"extra":1}},"body":"{BODY}"}}', "head_malformed"),
        (f'{{"head":[],"body":"{BODY}"}}', "malformed"),
        (f'{{"head":{HEAD},"body":"{BODY}\u00e9"}}', "body_malformed"),
        (f'{{"head":{HEAD},"body":"{BODY}\n"}}', "body_malformed"),
        (f'{{"head":{HEAD},"body":"\\u0041{BODY}"}}', "body_malformed"),
    ],
)
def test_a_form_with_two_meanings_or_none_is_refused(written: str, reason: str) -> None:
    assert outcome(written.encode()) == reason


@given(st.data())
def test_cutting_never_takes_what_reading_refuses(data: st.DataObject) -> None:
    """The same bytes, and again with a space before them, which no cut form has."""
    changed = bytearray(SNAPSHOT.whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.sampled_from(b'"{}\\,:[]A/=\n \xc3x'))
    cut, read = outcome(bytes(changed)), outcome(b" " + bytes(changed))
    assert cut == read or (isinstance(cut, str) and isinstance(read, str))  # by one word or another
