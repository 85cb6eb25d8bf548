"""Third-party tools at both ends: a witness in Go cosigns our ledger, and Go reads what our witness signed.

The oracle is built from tests/services/go_witness: transparency-dev's witness and formats, Go's sumdb/note and tlog.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import Unreachable
from modelwarden.ledger.cosignature import WitnessSigner, parse_witness_key, with_lines
from modelwarden.ledger.witness_policy import is_witnessed, parse_policy
from modelwarden.sinks.witness import Cosigned, Inconsistent, WitnessClient
from tests.shortcuts import outside
from tests.sinks.laptop import Log, laptop, listening
from tests.sinks.test_witnessing import asking, cosigned_notes
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.warden.warden import Warden

pytestmark = [pytest.mark.services, pytest.mark.whole, pytest.mark.timeout(600)]

SOURCE: Final = Path(__file__).with_name("go_witness")
LOG = Log.of(300)
FORK = LOG.fork(10)


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the oracle, built. Without Go it is skipped, except where everything has to run."""
    if shutil.which("go") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no Go: the oracle of other people can't be built")
        pytest.skip("there is no Go here to build the oracle with")
    program = tmp_path_factory.mktemp("go") / "oracle"
    command = ["go", "build", "-mod=readonly", "-o", str(program), "."]
    built = subprocess.run(  # noqa: S603  # our own
        command, cwd=SOURCE, env=outside(), capture_output=True, text=True, check=False
    )
    if built.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"the oracle does not build here: {built.stderr[-300:]}")
    assert built.returncode == 0, built.stderr
    return program


def run(go: Path, *arguments: str, given: bytes = b"") -> str:
    done = subprocess.run([str(go), *arguments], input=given, capture_output=True, check=True)  # noqa: S603
    return done.stdout.decode().strip()


@contextmanager
def go_witness(go: Path, vkey: str) -> Iterator[WitnessClient]:
    """Run a witness by other people and give what asks it."""
    private, public = run(go, "keygen", "w.example/go").split("\n")
    command = [str(go), "serve", private, vkey]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield WitnessClient(f"http://127.0.0.1:{port}", [parse_witness_key(public)])
        finally:
            process.kill()


def test_a_witness_in_go_cosigns_our_checkpoints_and_refuses_a_fork(go: Path) -> None:
    with go_witness(go, LOG.key.vkey) as client:
        for old, new in ((0, 1), (1, 255), (255, 256), (256, 300)):
            answer = client.add_checkpoint(old, LOG.proof(old, new), LOG.note(new))
            assert isinstance(answer, Cosigned)
            assert answer.lines[0].at is not None
        assert isinstance(client.add_checkpoint(300, [], FORK.note(300)), Inconsistent)


def test_a_witness_in_go_says_where_it_is(go: Path) -> None:
    with go_witness(go, LOG.key.vkey) as client:
        client.add_checkpoint(0, [], LOG.note(7))
        assert client.add_checkpoint(0, [], LOG.note(9)) == (7,)
        other = Log(leaves=LOG.leaves, key=type(LOG.key)("other.example", bytes(32)))
        with pytest.raises(Unreachable, match="404"):
            client.add_checkpoint(0, [], other.note(3))


def test_a_whole_ledger_of_ours_is_witnessed_by_go(go: Path, sqlite_warden: Warden) -> None:
    warden = sqlite_warden
    vkey = warden.store.around.keyring.log_key.vkey
    with go_witness(go, vkey) as client, asking(warden, client.url, *client.keys) as it:
        for name in ("one", "two", "three"):
            submitted(warden, define(name))
            warden.sign()
            it.ask()
    notes = cosigned_notes(warden)
    assert len(notes) == 3
    for note in notes:
        assert int(run(go, "cosignature", client.keys[0].vkey, vkey, given=note)) > 1_700_000_000
    (one,) = [note for note in notes if note.split(b"\n")[1] == b"2"]
    body = warden.audit.consistency(2).encode()
    root = one.split(b"\n")[2].decode()
    assert run(go, "consistency", vkey, root, given=body).startswith("2 ")


def test_go_reads_a_checkpoint_that_our_witness_cosigned(go: Path, tmp_path: Path) -> None:
    with laptop(tmp_path / "laptop", LOG.key.verifier) as witness, listening(witness) as url:
        key = witness.signer.verifier
        answer = WitnessClient(url, [key]).add_checkpoint(0, [], LOG.note(9))
        assert isinstance(answer, Cosigned)
        note = with_lines(LOG.note(9), [each.line for each in answer.lines])
        at = answer.lines[0].at
    assert run(go, "cosignature", key.vkey, LOG.key.vkey, given=note) == str(at)
    policy = tmp_path / "policy"
    policy.write_text(witness.policy("https://w.example"))
    assert run(go, "check", LOG.key.vkey, str(policy), given=note).endswith("9 true")
    assert run(go, "check", LOG.key.vkey, str(policy), given=LOG.note(9)).endswith("9 false")


@pytest.mark.parametrize(
    "who", [(), (0,), (0, 1), (0, 3), (1, 2, 3), (3, 4, 5), (0, 1, 2, 3, 4, 5)]
)
def test_go_and_we_agree_on_a_policy_of_groups(
    go: Path, tmp_path: Path, who: tuple[int, ...]
) -> None:
    signers = [WitnessSigner(f"w.example/{n}", bytes([n + 1]) * 32) for n in range(6)]
    lines = [
        f"witness W{n} {each.verifier.vkey} https://w.example/{n}\n"
        for n, each in enumerate(signers)
    ]
    groups = "group X 2 W0 W1 W2\ngroup Y any W3 W4 W5\ngroup Z all X Y\nquorum Z\n"
    policy = tmp_path / "policy"
    policy.write_text("".join(lines) + groups)
    checkpoint = LOG.checkpoint(5)
    added = [signers[n].cosign(checkpoint.text(), 1_700_000_000 + n) for n in who]
    note = with_lines(LOG.note(5), added)
    ours = is_witnessed(note, parse_policy(policy.read_bytes()))
    found = run(go, "check", LOG.key.vkey, str(policy), given=note)
    assert found == f"{LOG.key.name} 5 {str(ours).lower()}"


def test_the_proofs_that_go_checks_are_ours(go: Path) -> None:
    for old, new in ((1, 2), (3, 7), (255, 256), (256, 257), (100, 300)):
        root = base64.b64encode(LOG.checkpoint(old).root).decode()
        found = run(go, "consistency", LOG.key.vkey, root, given=LOG.request(old, new))
        assert found.startswith(f"{old} {new} ")
    with pytest.raises(subprocess.CalledProcessError):
        run(go, "consistency", LOG.key.vkey, root, given=FORK.request(100, 300))
