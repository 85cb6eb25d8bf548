"""A snapshot is taken only if every rule of SG-17 holds; each refusal has its word."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import NoPinnedKey, NoVerifier, SnapshotRejected
from modelwarden.guard.match import NOTHING
from modelwarden.guard.snapshot import Floor, PinnedKeys
from modelwarden.guard.switch import Action
from modelwarden.guard.wire import MAX_BODY_BYTES, MAX_WIRE_BYTES
from modelwarden.ledger.keys import PublicKey, SigningKey
from modelwarden.values.canonical import encode_any
from tests.guard.wire import (
    BLOCK_EU,
    KEY,
    NEVER,
    PINNED,
    body,
    head,
    put_together,
    sealed,
    taken,
    wire,
)
from tests.house.source import SRC

if TYPE_CHECKING:
    from modelwarden.guard.snapshot import Snapshot

DATA = encode_any(body())


def refused(
    data: bytes,
    *,
    floor: Floor = NEVER,
    held: Snapshot | None = None,
) -> str:
    with pytest.raises(SnapshotRejected) as caught:
        taken(data, floor=floor, held=held)
    return caught.value.reason


def matched_or_refused(data: bytes) -> str:
    try:
        snapshot = taken(data)
    except SnapshotRejected as error:
        return error.reason
    snapshot.switches.match({"region": "eu"})
    return "matched"


def with_body(data: bytes) -> bytes:
    """Return these bytes as a body, under a head that is signed over them."""
    return put_together(sealed(head(data)), data)


def test_a_good_snapshot_is_taken_and_compiled() -> None:
    snapshot = taken(wire())
    assert snapshot.head.at == Floor(1, 1840)
    assert not snapshot.fails_closed
    assert snapshot.switches.match({"region": "EU"}).switches == ("swi_eu",)
    assert snapshot.switches.match({"region": "us"}) is NOTHING
    assert snapshot.version_switches.match({}) is NOTHING
    assert [(one.label, one.is_baseline) for one in snapshot.versions] == [("1.4.0", False)]


def test_the_format_does_not_move() -> None:
    golden = json.loads((Path(__file__).parent.parent / "golden" / "snapshot.json").read_bytes())
    keys = PinnedKeys((PublicKey(bytes.fromhex(golden["public_key"])),))
    snapshot = taken(json.dumps(golden["wire"]).encode(), keys=keys)
    assert (
        snapshot.head.body_sha256
        == "2b045b3a1a70e3393716b46150223808a9a2a48619fa29dfb35c658a831173b8"
    )
    assert snapshot.switches.match({"region": "eu"}).lkg_before == "2026-01-01T00:00:00.000000Z"
    later = snapshot.switches.match({"region": "us"})
    assert (later.action, later.switches) == (Action.BLOCK, ("swi_later",))
    found = snapshot.version_switches.match({"version": "1.4.0", "segment": "new", "consumer": "x"})
    assert (found.action, found.steps) == (Action.FALLBACK, ("last_known_good", "baseline"))
    assert found.is_ramped
    assert snapshot.version_switches.match({"version": "1.4.0"}) is NOTHING  # told to pass
    assert snapshot.route is not None
    assert snapshot.route.shares == (("1.5.0", 1_000),)


def test_model_and_model_type_are_bound() -> None:
    other = BLOCK_EU | {"id": "swi_other", "scope": {"model": ["fraud"]}}
    typed = BLOCK_EU | {"id": "swi_type", "scope": {"model_type": "classifier"}}
    snapshot = taken(wire(switches=[other, typed]))
    assert snapshot.switches.dimensions == ()
    assert snapshot.switches.match({"model": "fraud"}).switches == ("swi_type",)
    untyped = taken(wire(switches=[typed], model_type=None)).switches.match({})
    assert untyped.missing == ("model_type",)


def test_switches_that_name_a_version_wait_for_the_route() -> None:
    named = BLOCK_EU | {"id": "swi_version", "scope": {"version": {"prefix": "1."}}}
    carved = BLOCK_EU | {"id": "swi_carved", "scope": {}, "except": {"version": "2.0"}}
    snapshot = taken(wire(switches=[BLOCK_EU, named, carved]))
    assert snapshot.switches.match({"region": "us"}) is NOTHING
    assert snapshot.version_switches.match({"version": "1.4"}).switches == (
        "swi_carved",
        "swi_version",
    )
    assert snapshot.version_switches.match({"version": "2.0"}) is NOTHING


def test_what_a_guard_does_not_know_blocks_and_other_keys_are_ignored() -> None:
    strange = BLOCK_EU | {"id": "swi_x", "scope": {"weather": ["rain"]}, "action": "observe"}
    shout = BLOCK_EU | {"id": "swi_y", "scope": {"region": "us"}, "action": "shout", "colour": 1}
    snapshot = taken(wire(switches=[strange, shout], invented={"a": [1, 2.5, None]}))
    assert snapshot.switches.match({"region": "eu"}).action is Action.BLOCK
    assert snapshot.switches.match({"region": "us"}).switches == ("swi_x", "swi_y")


def test_configured_dimensions_are_known() -> None:
    tenant = BLOCK_EU | {"scope": {"tenant": "acme"}, "action": "observe"}
    snapshot = taken(wire(switches=[tenant], dimensions=["tenant"]))
    assert snapshot.switches.match({"tenant": "other"}) is NOTHING
    assert snapshot.switches.match({"tenant": "acme"}).action is Action.OBSERVE


@pytest.mark.parametrize(("says", "closed"), [("static", False), ("closed", True), ("ajar", True)])
def test_a_fail_mode_that_is_not_known_is_the_stricter_one(says: str, closed: bool) -> None:
    assert taken(wire(fail=says)).fails_closed is closed


# --- forged --------------------------------------------------------------------------------------


def test_a_stranger_s_key_is_refused() -> None:
    with pytest.raises(NoPinnedKey):
        taken(wire(key=SigningKey.generate()))
    with pytest.raises(NoPinnedKey):
        taken(wire(), keys=PinnedKeys(()))


def test_a_stranger_s_signature_under_a_pinned_name_is_refused() -> None:
    envelope = sealed(head(DATA), key=SigningKey.generate())
    envelope["signatures"][0]["keyid"] = KEY.public.keyid
    assert refused(put_together(envelope, DATA)) == "signature_invalid"


def test_a_head_that_was_changed_after_signing_is_refused() -> None:
    envelope = sealed(head(DATA))
    envelope["payload"] = base64.b64encode(encode_any(head(DATA, generation=9_999))).decode()
    assert refused(put_together(envelope, DATA)) == "signature_invalid"


def test_a_statement_of_another_kind_signed_by_the_same_key_is_refused() -> None:
    envelope = sealed(head(DATA), payload_type="application/vnd.in-toto+json")
    assert refused(put_together(envelope, DATA)) == "head_malformed"


def test_two_signatures_are_refused() -> None:
    envelope = sealed(head(DATA))
    envelope["signatures"].append(envelope["signatures"][0])
    assert refused(put_together(envelope, DATA)) == "head_malformed"


def test_a_swapped_body_is_refused() -> None:
    without = encode_any(body(switches=[]))
    assert refused(put_together(sealed(head(DATA)), without)) == "body_digest"


def test_a_head_over_another_generation_s_body_is_refused() -> None:
    for fields in ({"generation": 1841}, {"epoch": 2}):
        assert refused(put_together(sealed(head(DATA, **fields)), DATA)) == "body_differs"
    foreign = encode_any(body(model="fraud"))
    assert refused(put_together(sealed(head(foreign)), foreign)) == "body_differs"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": "fraud"}, "other_model"),
        ({"environment": "staging"}, "other_environment"),
        ({"model": "Churn"}, "other_model"),
    ],
)
def test_a_snapshot_for_another_place_is_refused(fields: dict[str, str], reason: str) -> None:
    assert refused(wire(**fields)) == reason


# --- replayed, rolled back --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("floor", "is_taken"),
    [((1, 1840), True), ((1, 1839), True), ((0, 9_999), True), ((1, 1841), False), ((2, 1), False)],
)
def test_nothing_older_than_was_seen_is_taken(floor: tuple[int, int], is_taken: bool) -> None:
    if is_taken:
        assert taken(wire(), floor=Floor(*floor)).head.at == Floor(1, 1840)
    else:
        assert refused(wire(), floor=Floor(*floor)) == "older"


def test_a_head_signed_again_confirms_the_snapshot_without_its_body() -> None:
    held = taken(wire())
    later = put_together(sealed(head(DATA, checked_at="2026-11-20T11:20:10.000000Z")), None)
    again = taken(later, held=held, floor=held.head.at)
    assert again.head.checked_at > held.head.checked_at
    assert again.switches is held.switches  # nothing was compiled again


def test_an_earlier_head_sent_again_makes_nothing_younger_or_older() -> None:
    held = taken(wire())
    earlier = put_together(sealed(head(DATA, checked_at="2026-11-20T11:00:00.000000Z")), DATA)
    assert taken(earlier, held=held) is held


def test_a_head_of_another_generation_over_the_held_body_is_refused() -> None:
    held = taken(wire())
    assert refused(put_together(sealed(head(DATA, generation=1841)), None), held=held) == (
        "body_differs"
    )


def test_a_head_alone_over_a_body_that_is_not_held_is_refused() -> None:
    assert refused(put_together(sealed(head(DATA)), None)) == "body_missing"
    held = taken(wire(generation=1839))
    assert refused(put_together(sealed(head(DATA)), None), held=held) == "body_missing"


# --- not what it has to be -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"head":1,"body":""}',
        b'{"head":{},"body":7}',
        b'{"head":{},"head":{},"body":""}',
        b'{"head":NaN,"body":""}',
        b'{"head":{},"body":"","x":1e999}',
        b'{"head":{},"body":"","x":Infinity}',
        b"[" * 100_000,
        b'{"head":' + b'{"a":' * 50_000,
        b'{"head":{},"body":"","x":' + b"9" * 5_000 + b"}",
    ],
    ids=count(),
)
def test_what_is_no_snapshot_at_all_is_malformed(data: bytes) -> None:
    assert refused(data) == "malformed"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"schema":1', '"schema":1,"schema":1'),
        ('"schema":1', '"schema":NaN,"x":1'),
        ('"epoch":1', '"epoch":true'),
        ('"epoch":1', '"epoch":1.0'),
        ('"epoch":1', '"epoch":"1"'),
        ('"model":"churn",', ""),
        ("40.000000Z", "40Z"),
        ("11-20T", "13-20T"),
        ('"body_sha256":"', '"body_sha256":"A'),
        ('"schema":1}', '"schema":1'),
        ('{"body', '[{"body'),
        ('"schema":1', '"schema":1,"x":' + "[" * 2_000),
    ],
    ids=count(),
)
def test_a_signed_head_of_another_form_is_malformed(was: str, now: str) -> None:
    payload = encode_any(head(DATA)).decode()
    assert was in payload
    changed = payload.replace(was, now).encode()
    assert refused(put_together(sealed(changed), DATA)) == "head_malformed"
    assert refused(put_together(sealed(b"\xff"), DATA)) == "head_malformed"


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_schema_is_refused_in_head_and_body(schema: object) -> None:
    assert refused(put_together(sealed(head(DATA, schema=schema)), DATA)) == "schema_unknown"
    assert refused(wire(schema=schema)) == "schema_unknown"


@pytest.mark.parametrize("spoil", ["{}=", "{}\n", " {}", "{}AAAA=AAA", "{}é", "{}-_8="])
def test_base64_that_is_not_canonical_is_refused(spoil: str) -> None:
    value = json.loads(wire())
    value["body"] = spoil.format(value["body"])
    assert refused(json.dumps(value).encode()) == "body_malformed"


def test_base64_that_ends_in_its_middle_is_refused() -> None:
    data = encode_any(body(padding="x" * (MAX_BODY_BYTES // 2)))
    encoded = base64.b64encode(data).decode()
    cut = encoded[: 2**20 - 4] + "AA==" + encoded[2**20 :]
    value = {"head": sealed(head(data)), "body": cut}
    assert refused(json.dumps(value).encode()) == "body_malformed"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b'"text"',
        DATA + b"\n",
        DATA + DATA,
        b" " + DATA,
        DATA[:-1],
        DATA.replace(b'"schema":1', b'"schema":NaN'),
        DATA.replace(b'"schema":1', b'"schema":1e999'),
        DATA.replace(b'"schema":1', b'"schema":1,"schema":1'),
        DATA.replace(b'"action":"block"', b'"action":"observe","action":"block"'),
        DATA.replace(b'"schema":1', b'"schema":' + b"[" * 100_000),
        DATA.replace(b'"schema":1', b'"schema":' + b"9" * 5_000),
        DATA.replace(b'"limits":[]', b'"limits":[1,]'),
        DATA.replace(b'"limits":[]', b'"limits":[1'),
        DATA.replace(b'"limits":[]', b"7:[]"),
        DATA.replace(b"churn", b"ch\xffrn"),
        DATA.replace(b'"limits":[]', b'"zebra":[]'),
    ],
    ids=count(),
)
def test_a_signed_body_that_is_not_strict_json_is_refused(data: bytes) -> None:
    assert data != DATA
    assert refused(with_body(data)) == "body_malformed"


@pytest.mark.parametrize(
    "fields",
    [
        {"switches": None},
        {"switches": [7]},
        {"switches": [{"id": "swi_1"}]},
        {"switches": [BLOCK_EU | {"scope": None}]},
        {"dimensions": "tenant"},
        {"dimensions": ["Tenant"]},
        {"dimensions": ["region"]},
        {"dimensions": [f"tenant_{number}" for number in range(11)]},
        {"versions": [{"label": "1.4.0", "sha256": "short"}]},
        {"versions": None},
        {"model_type": 7},
        {"route": {"stable": "1.4.0"}},
    ],
)
def test_a_body_that_does_not_compile_is_refused(fields: dict[str, object]) -> None:
    assert refused(wire(**fields)) == "does_not_compile"


def test_a_snapshot_has_a_largest_size() -> None:
    padding = MAX_BODY_BYTES - len(encode_any(body(padding="")))
    assert taken(wire(padding="x" * padding)).head.model == "churn"
    assert refused(wire(padding="x" * (padding + 1))) == "too_large"
    assert refused(b" " * (MAX_WIRE_BYTES + 1)) == "too_large"
    assert refused(put_together(sealed(head(DATA) | {"x": "y" * 16_000}), DATA)) == "too_large"


@given(st.data())
def test_one_changed_byte_is_never_taken_for_another_snapshot(data: st.DataObject) -> None:
    good = wire()
    place = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        snapshot = taken(bytes(changed))
    except SnapshotRejected:
        return
    assert (
        snapshot.head.body_sha256 == sha256(DATA).hexdigest()
    )  # white space, or a name that is ignored


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 20_000), st.floats(-2, 2), st.text(max_size=5)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = ("switches", "dimensions", "versions", "route", "model_type", "fail", "limits")
IN_SWITCH = (*BLOCK_EU, "salt")


@given(
    st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=3),
    st.dictionaries(st.sampled_from(IN_SWITCH), anything, max_size=4),
)
def test_whatever_is_signed_is_taken_or_refused_by_a_word(
    members: dict[str, object], in_switch: dict[str, object]
) -> None:
    fields = {"switches": [BLOCK_EU | in_switch], **members}
    assert matched_or_refused(wire(**fields)) in {"matched", "does_not_compile"}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_a_word(data: bytes) -> None:
    assert refused(data) in {"malformed", "head_malformed"}


def test_without_a_verifier_nothing_is_trusted() -> None:
    code = (
        "import sys\n"
        "for name in [n for n in sys.modules if n.startswith('cryptography')]: del sys.modules[name]\n"
        "sys.modules['cryptography'] = None\n"
        "from modelwarden.errors import NoVerifier\n"
        "from modelwarden.guard.snapshot import Floor, PinnedKeys, accept\n"
        "from modelwarden.ledger.keys import PublicKey\n"
        "keys = PinnedKeys((PublicKey(bytes.fromhex(sys.argv[1])),))\n"
        "try:\n"
        "    accept(sys.argv[2].encode(), verify=keys.verify, environment='production', model='churn', floor=Floor())\n"
        "except NoVerifier as error:\n"
        "    print(error.code, error.reason)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SRC)!r})\n{code}",
         KEY.public.raw.hex(), wire().decode()],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "no_verifier no_verifier\n", done.stderr
    assert NoVerifier().status == 422


def test_pinned_keys_may_be_several() -> None:
    assert len(PINNED.keys) == 2
    assert taken(wire(key=KEY))
