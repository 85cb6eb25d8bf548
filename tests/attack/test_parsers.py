"""Hostile bytes for every parser of the ledger: the documented errors alone, one encoding of each thing, no blow-up."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwarden.errors import (
    EnvelopeMalformed,
    KeyInvalid,
    LineInvalid,
    NotCanonical,
    NoteInvalid,
    ProofInvalid,
    SettingInvalid,
    WardenError,
)
from modelwarden.ledger import checkpoint, dsse, entry, keys, lines, notes, strict
from modelwarden.ledger.checkpoint import Checkpoint
from modelwarden.ledger.merkle import Frontier, leaf_hash, tree_root
from modelwarden.ledger.verify import in_batches
from modelwarden.sinks.address import parse_address
from modelwarden.values import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN: Final = "ledger.example/attacked"
KEY: Final = keys.LogKey(ORIGIN, bytes(range(32)))
LEAVES: Final = [leaf_hash(b"%d" % n) for n in range(5)]
NOTE: Final = checkpoint.sign_note(Checkpoint(ORIGIN, 5, tree_root(LEAVES)), KEY)
PROOF: Final = checkpoint.tlog_proof(3, LEAVES[:3], NOTE)
CONSISTENCY: Final = checkpoint.consistency_file(3, LEAVES[:2], NOTE)
BODY: Final = b'{"at":"2026-11-20T11:19:40.000000Z","type":"role.defined","v":1}'
LEAF: Final = leaf_hash(BODY)
START: Final = entry.chain_start(ORIGIN)
LINE: Final = entry.line(entry.Stored(0, BODY, LEAF, entry.chain(START, LEAF)), START)
SERVER: Final = keys.SigningKey.generate()
ENVELOPE: Final = dsse.seal("application/json", b'{"a":1}', SERVER).to_line()


def _opened(note: bytes) -> object:
    return checkpoint.open_note(note, [KEY.verifier])


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


PARSERS: Final[dict[str, tuple[Callable[[bytes], object], bytes, type[WardenError]]]] = {
    "note": (_opened, NOTE, NoteInvalid),
    "unverified note": (checkpoint.unverified_checkpoint, NOTE, NoteInvalid),
    "proof": (checkpoint.parse_tlog_proof, PROOF, ProofInvalid),
    "consistency": (checkpoint.parse_consistency_file, CONSISTENCY, ProofInvalid),
    "line": (entry.parse_line, LINE, LineInvalid),
    "envelope": (dsse.parse_envelope, ENVELOPE, EnvelopeMalformed),
    "verifier key": (_text(keys.parse_vkey), KEY.vkey.encode(), KeyInvalid),
    "spki": (keys.PublicKey.from_spki, SERVER.spki, KeyInvalid),
    "pem": (_text(keys.PublicKey.from_pem), SERVER.public_pem.encode(), KeyInvalid),
    "json": (canonical.parse, BODY, NotCanonical),
    "base64": (_text(canonical.from_base64), b"AAAA", NotCanonical),
    "address": (_text(parse_address), b"worm:///srv/worm?required=true", SettingInvalid),
}
BINDING: Final = (
    "note",
    "proof",
    "consistency",
    "line",
    "envelope",
    "verifier key",
    "spki",
    "base64",
)


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for at, width, words in edits:
        begin = at % (len(data) + 1)
        data = data[:begin] + words + data[begin + width :]
    return data


PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\n\n",
        b" ",
        b"0",
        b"+",
        b"=",
        b"\0",
        b"\xe2\x80\x94",
        b"\xd9\xa1",
        b"\xff",
        b"{",
        b'"',
        b"\\",
    ]
) | st.binary(max_size=4)
EDITS = st.lists(
    st.tuples(st.integers(0, 4_000), st.integers(0, 8), PIECES), min_size=1, max_size=4
)


@pytest.mark.parametrize("name", PARSERS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS, noise=st.none() | st.binary(max_size=200))
def test_hostile_bytes_give_a_value_or_the_documented_error(
    name: str, edits: list[tuple[int, int, bytes]], noise: bytes | None
) -> None:
    read, good, error = PARSERS[name]
    data = _edited(good, edits) if noise is None else noise
    with contextlib.suppress(error):
        read(data)


@pytest.mark.parametrize("name", BINDING)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS)
def test_one_thing_has_one_encoding(name: str, edits: list[tuple[int, int, bytes]]) -> None:
    read, good, error = PARSERS[name]
    data = _edited(good, edits)
    try:
        same = read(data) == read(good)
    except error:
        return
    assert not same or data.removesuffix(b"\n") == good.removesuffix(b"\n")


OTHER_FORMS = {
    "a carriage return": NOTE.replace(b"\n", b"\r\n"),
    "a leading zero": NOTE.replace(b"\n5\n", b"\n05\n"),
    "a sign": NOTE.replace(b"\n5\n", b"\n+5\n"),
    "an arabic digit": NOTE.replace(b"\n5\n", "\n\u0665\n".encode()),
    "a full width digit": NOTE.replace(b"\n5\n", "\n\uff15\n".encode()),
    "an exponent": NOTE.replace(b"\n5\n", b"\n5e0\n"),
    "an underscore": NOTE.replace(b"\n5\n", b"\n5_\n"),
    "a number that is too long": NOTE.replace(b"\n5\n", b"\n" + b"5" * 5_000 + b"\n"),
    "an en dash": NOTE.replace("—".encode(), "\u2013".encode()),
    "a no-break space": NOTE.replace("— ".encode(), "—\u00a0".encode()),
    "an extension line": NOTE.replace(b"\n\n", b"\nmore\n\n"),
    "an empty line more": NOTE.replace(b"\n\n", b"\n\n\n"),
    "no last line end": NOTE.removesuffix(b"\n"),
    "a byte order mark": b"\xef\xbb\xbf" + NOTE,
    "another name": NOTE.replace(b"ledger.example", "ledger.ex\u0430mple".encode()),
    "url-safe base64": NOTE.replace(b"+", b"-").replace(b"/", b"_"),
    "a line separator": NOTE.replace(b"\n5\n", "\n5\u2028\n".encode()),
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_a_note_written_otherwise_is_refused(form: str) -> None:
    assert OTHER_FORMS[form] != NOTE
    with pytest.raises(NoteInvalid):
        _opened(OTHER_FORMS[form])


def test_base64_with_unused_bits_is_refused_in_every_place() -> None:
    root = base64.b64encode(tree_root(LEAVES)).decode()
    again = root[:-2] + chr(ord(root[-2]) + 1) + "="
    assert base64.b64decode(again) == base64.b64decode(root)
    with pytest.raises(NoteInvalid):
        _opened(NOTE.replace(root.encode(), again.encode()))


@pytest.mark.parametrize(
    "payload",
    [
        '{"payload":"e30=","payload":"e30=","payloadType":"t","signatures":[]}',
        '{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"","sig":"AA=="}]}',
        '{"\\u0070ayload":"e30=","payloadType":"t","signatures":[]}',
        ENVELOPE.decode().replace('"payloadType"', '"payload\\u0054ype"'),
        ENVELOPE.decode().replace(":", ": "),
        ENVELOPE.decode().replace('"signatures"', '"more":1,"signatures"'),
        ENVELOPE.decode().upper(),
    ],
)
def test_an_envelope_written_otherwise_is_refused(payload: str) -> None:
    with pytest.raises(EnvelopeMalformed):
        dsse.parse_envelope(payload)


MEGABYTE: Final = 1_000_000
SIGNED: Final = NOTE.partition(b"\n\n")[2]
LARGE: Final[dict[str, tuple[str, bytes]]] = {
    "one good signature, ten thousand times": (
        "note",
        NOTE + SIGNED * (MEGABYTE // len(SIGNED) - 5),
    ),
    "unknown signatures": ("note", NOTE + "— x AAAAAAAA\n".encode() * 60_000),
    "empty lines": ("note", b"\n" * MEGABYTE),
    "dashes": ("note", NOTE + "—".encode() * 300_000),
    "a long name": ("unverified note", b"x" * MEGABYTE),
    "proof of many lines": ("proof", PROOF.replace(b"\n\n", b"\nAAAA" * 200_000 + b"\n\n", 1)),
    "proof of one line": ("proof", b"c2sp.org/tlog-proof@v1\nextra " + b"A" * MEGABYTE),
    "a line of closing braces": ("line", LINE[:300] + b"}" * MEGABYTE),
    "a line of opening braces": ("line", LINE[:300] + b"{" * MEGABYTE + b"\r"),
    "a line with a long number": ("line", b'{"seq":' + b"1" * MEGABYTE),
    "a list of lists": ("json", b"[" * MEGABYTE),
    "objects in objects": ("json", b'{"a":' * (MEGABYTE // 5)),
    "a long number": ("json", b"9" * MEGABYTE),
    "many keys": ("json", b"{" + b",".join(b'"k%d":1' % n for n in range(80_000)) + b"}"),
    "one key many times": ("json", b"{" + b'"k":1,' * 150_000 + b'"k":1}'),
    "escapes": ("json", b'"' + b"\\u0000" * 160_000 + b'"'),
    "a large envelope": ("envelope", ENVELOPE.replace(b"eyJh", b"eyJh" + b"A" * MEGABYTE)),
    "a long verifier key": ("verifier key", b"a+" * 500_000),
    "equal signs": ("base64", b"=" * MEGABYTE),
    "a long address": ("address", b"worm:///" + b"?a=" * 300_000),
    "many options": ("address", b"worm:///x?" + b"a=b&" * 250_000),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_megabyte_is_read_or_refused_with_the_documented_error(name: str) -> None:
    kind, data = LARGE[name]
    read, _, error = PARSERS[kind]
    with contextlib.suppress(error):
        read(data)


HOSTILE_BODIES: Final = (
    b'{"at":"2026","type":["a"],"v":1}',
    b'{"at":"2026","type":{"a":1},"v":1}',
    b'{"at":7,"type":"role.defined"}',
    b'{"at":"2026","objects":[1],"type":"role.defined"}',
    b'{"at":"2026","objects":{"a":1},"type":"role.defined"}',
    b'{"at":"2026","objects":[{"id":[],"kind":{},"rev":1}],"type":"role.defined"}',
    b'{"at":"2026","objects":[{"id":"a","kind":"b","rev":true}],"type":"role.defined"}',
    b"[]",
    b"null",
    b"",
    b"\xff",
    b'{"a":' + b"[" * 100_000,
    b'{"a":"\\ud800"}',
    b'{"a":1,"a":1}',
    b'{"a":1.5}',
    b'{"a":NaN}',
    b'{"a":9007199254740992}',
)


@pytest.mark.parametrize("body", HOSTILE_BODIES, ids=lambda body: repr(body[:40]))
def test_a_hostile_body_is_named_by_the_strict_reading(body: bytes) -> None:
    reading = strict.StrictReading({"role.defined"})
    rows = [(0, body, leaf_hash(body), b"")]
    for _ in reading.watch(in_batches(rows)):
        pass
    found = reading.added_to(lines.verify_lines([], origin=ORIGIN))
    assert [problem.code for problem in found.problems if problem.seq == 0] != []


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=60) | st.just(LINE) | st.just(NOTE), max_size=6))
def test_a_stream_of_anything_verifies_without_an_error(data: list[bytes]) -> None:
    found = lines.verify_lines(data, origin=ORIGIN)
    assert bool(found) == (data in ([], [LINE]))


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=60) | st.just(NOTE), max_size=6))
def test_a_pile_of_notes_is_read_without_an_error(data: list[bytes]) -> None:
    found = notes.read_checkpoints(data, origin=ORIGIN, keys=[KEY.verifier])
    assert (found.signer is not None) == (NOTE in data)


@settings(max_examples=60)
@given(st.integers(-5, 2**70), st.binary(max_size=200))
def test_a_frontier_is_read_or_refused(size: int, data: bytes) -> None:
    try:
        found = Frontier.from_bytes(size, data)
    except ProofInvalid:
        return
    assert found.to_bytes() == data


def test_json_with_two_meanings_is_refused() -> None:
    for text in ('{"a":1,"a":2}', '{"a":1,"\\u0061":2}', "[1e0]", "[-0]x", "\ufeff{}", "01"):
        with pytest.raises(NotCanonical):
            canonical.parse(text.encode())
    assert json.loads('{"a":1,"a":2}') == {"a": 2}  # which is why
