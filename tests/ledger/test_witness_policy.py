"""Which cosignatures are enough, as a C2SP tlog-policy file says."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import WitnessPolicyInvalid
from modelwarden.ledger.checkpoint import Checkpoint, note_line, sign_note
from modelwarden.ledger.cosignature import ML_DSA_44, WitnessKey, WitnessSigner, with_lines
from modelwarden.ledger.keys import LogKey
from modelwarden.ledger.witness_policy import is_witnessed, parse_policy, policy_problems

ORIGIN = "ledger.example/test"
LOG = LogKey(ORIGIN, bytes(range(32)))
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
SIGNERS = {
    name: WitnessSigner(f"witness.example/{name}", bytes([number]) * 32)
    for number, name in enumerate(NAMES, 1)
}
KEYS = {name: signer.verifier for name, signer in SIGNERS.items()}
LINES = "".join(f"witness {name} {key.vkey}\n" for name, key in KEYS.items())
# The example of the specification, its keys filled in
EXAMPLE = f"""
log {LOG.vkey}
# they are run by two organisations
{LINES}
group X-witnesses 2 X1 X2 X3
\tgroup  Y-witnesses any Y1\tY2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
""".encode()


@pytest.mark.parametrize(
    ("who", "enough"),
    [
        ("X1 X2 Y1", True), ("X1 X2 X3 Y1 Y2 Y3", True), ("X2 X3 Y3", True),
        ("", False), ("X1 X2 X3", False), ("X1 Y1 Y2 Y3", False),
    ],
)  # fmt: skip
def test_the_example_of_the_specification(who: str, *, enough: bool) -> None:
    policy = parse_policy(EXAMPLE)
    assert policy.is_met_by({KEYS[name] for name in who.split()}) == enough
    assert (policy.logs, [each.name for each in policy.witnesses]) == ((LOG.verifier,), [*NAMES])


def test_witnesses_may_say_where_they_are() -> None:
    policy = parse_policy(f"witness W {KEYS['X1'].vkey} https://w.example/x\nquorum W".encode())
    assert policy.witnesses[0].url == "https://w.example/x"
    assert policy.is_met_by({KEYS["X1"]})
    assert not policy.is_met_by({KEYS["X2"]})


def test_no_quorum_at_all_can_be_asked_for() -> None:
    assert parse_policy(b"quorum none\n").is_met_by(())


def test_names_are_octets() -> None:
    text = f"witness \xff {KEYS['X1'].vkey}\nwitness K {KEYS['X2'].vkey}\n".encode("latin-1")
    assert parse_policy(text + b"quorum \xff\n").is_met_by({KEYS["X1"]})
    with pytest.raises(WitnessPolicyInvalid):
        parse_policy(text + "quorum \N{KELVIN SIGN}\n".encode())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 0),
        (LINES, 0),
        (f"{LINES}quorum X1\nquorum X2\n", 8),
        ("quorum X1\n", 1),
        (f"quorum X1\n{LINES}", 1),
        (f"{LINES}group G 2 X1 X2 X9\nquorum G\n", 7),
        (f"{LINES}group G 0 X1 X2\nquorum G\n", 7),
        (f"{LINES}group G 3 X1 X2\nquorum G\n", 7),
        (f"{LINES}group G most X1 X2\nquorum G\n", 7),
        (f"{LINES}group G all\nquorum G\n", 7),
        (f"{LINES}group G any X1 X1\nquorum G\n", 7),
        (f"{LINES}group G any X1\ngroup H any X1\nquorum G\n", 8),
        (f"{LINES}group G any none\nquorum G\n", 7),
        (f"{LINES}group G any G\nquorum G\n", 7),
        (f"{LINES}group X1 any X2\nquorum X2\n", 7),
        (f"{LINES}witness Z {KEYS['X1'].vkey}\nquorum X1\n", 7),
        (f"witness none {KEYS['X1'].vkey}\nquorum none\n", 1),
        (f"witness W {LOG.vkey}\nquorum W\n", 1),
        (f"witness W {KEYS['X1'].vkey[:-4]}\nquorum W\n", 1),
        (f"log {KEYS['X1'].vkey}\nquorum none\n", 1),
        (f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none\n", 2),
        ("surprise\nquorum none\n", 1),
        ("quorum none\r\n", 1),
        ("quorum none # really\n", 1),
    ],
)
def test_what_is_not_a_policy_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(WitnessPolicyInvalid) as refused:
        parse_policy(text.encode())
    assert refused.value.line == line


def test_one_key_under_two_names_is_one_witness() -> None:
    twin = WitnessKey("another.example", KEYS["X1"].kind, KEYS["X1"].public)
    text = f"witness A {KEYS['X1'].vkey}\nwitness B {twin.vkey}\ngroup G all A B\nquorum G\n"
    with pytest.raises(WitnessPolicyInvalid, match="line 2"):
        parse_policy(text.encode())


@given(st.binary(max_size=400))
def test_any_bytes_are_a_policy_or_refused(data: bytes) -> None:
    with contextlib.suppress(WitnessPolicyInvalid):
        parse_policy(data)


# --- step 10 of verification ---------------------------------------------------------------------

ONE_OF = parse_policy(f"{LINES}group G 2 X1 X2 X3\nquorum G\n".encode())


def note(size: int, *cosigners: str) -> bytes:
    checkpoint = Checkpoint(ORIGIN, size, bytes([size]) * 32)
    lines = [SIGNERS[name].cosign(checkpoint.text(), 1_700_000_000) for name in cosigners]
    return with_lines(sign_note(checkpoint, LOG), lines)


def test_a_quorum_is_counted_on_one_note() -> None:
    assert is_witnessed(note(4, "X1", "X3"), ONE_OF)
    assert not is_witnessed(note(4, "X1", "Y1"), ONE_OF)
    found = policy_problems([note(4, "X1"), note(5, "X2")], ONE_OF, keys=[LOG.verifier])
    assert [problem.code for problem in found.problems] == ["witness_missing"]


def test_what_lies_past_the_witnessed_size_is_told() -> None:
    notes = [note(4, "X1", "X2"), note(6), note(9, "X1")]
    found = policy_problems(notes, ONE_OF, keys=[LOG.verifier])
    assert (found.size, found.problems) == (4, ())
    assert found.not_checked == (
        "witnesses: the last 5 entries under a checkpoint are not witnessed yet",
    )


def test_a_checkpoint_of_an_untrusted_key_counts_for_nothing_whoever_cosigned() -> None:
    checkpoint = Checkpoint(ORIGIN, 4, bytes(32))
    forged = sign_note(checkpoint, LogKey(ORIGIN, bytes(32)))
    lines = [SIGNERS[name].cosign(checkpoint.text(), 1) for name in ("X1", "X2")]
    found = policy_problems([with_lines(forged, lines)], ONE_OF, keys=[LOG.verifier])
    assert [problem.code for problem in found.problems] == ["witness_missing"]


def test_a_cosignature_moved_to_another_checkpoint_is_named() -> None:
    moved = note(4, "X1", "X2").splitlines(keepends=True)[-2:]
    forged = note(5) + b"".join(moved)
    found = policy_problems([forged], ONE_OF, keys=[LOG.verifier])
    assert [problem.code for problem in found.problems] == ["checkpoint_invalid", "witness_missing"]


def test_post_quantum_lines_make_up_no_quorum() -> None:
    key = WitnessKey("pq.example", ML_DSA_44, bytes(1312))
    policy = parse_policy(f"witness P {key.vkey}\nquorum P\n".encode())
    carried = with_lines(note(4), [note_line(key.name, key.key_hash + bytes(2428))])
    assert not is_witnessed(carried, policy)
