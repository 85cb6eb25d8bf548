"""The proof of one entry verifies on its files alone, and so does the bundle that a person mails."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from modelwarden.audit.offline_proof import verify_proof
from modelwarden.errors import Unreadable
from modelwarden.warden.warden import open_warden
from tests.audit.sample import populate
from tests.audit.test_export import alone

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.values.answers import ProofAnswer

SEQ = 5


class Proven(NamedTuple):
    """A folder with the proof of an entry in every form, and the key."""

    folder: Path
    key: str


def write(folder: Path, found: ProofAnswer, seq: int = SEQ) -> None:
    folder.mkdir()
    (folder / f"{seq}.tlog-proof").write_text(found.proof)
    (folder / f"{seq}.json").write_text(f"{found.line}\n")


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Proven:
    folder = tmp_path_factory.mktemp("proof")
    with open_warden(f"sqlite:///{folder}/warden.db") as warden:
        populate(warden)
        found = warden.audit.prove(SEQ)
        write(folder / "pair", found)
        answer = {"line": found.line, "proof": found.proof, "checkpoint": found.checkpoint}
        (folder / "one.json").write_text(json.dumps(answer))
        warden.audit.export(folder / "bundle", first=SEQ, last=SEQ)
        warden.audit.export(folder / "bundle.zip", first=SEQ, last=SEQ, zipped=True)
        return Proven(folder, warden.audit.keys()[0])


FORMS = ("pair", f"pair/{SEQ}.tlog-proof", "one.json", "bundle", "bundle.zip")


@pytest.mark.parametrize("form", FORMS)
def test_a_proof_verifies_in_every_form(proven: Proven, form: str) -> None:
    found = verify_proof(proven.folder / form, trusted=[proven.key])
    assert (found.problems, found.signer) == ((), proven.key)
    assert (found.first, found.last) == (SEQ, SEQ)
    status = {step.number: step.status for step in found.steps}
    assert (status[2], status[4], status[5], status[7]) == ("proved", "proved", "given", "proved")
    unpinned = verify_proof(proven.folder / form)
    assert (unpinned.ok, unpinned.signer) == (True, None)
    status = {step.number: step.status for step in unpinned.steps}
    assert (status[1], status[2], status[7]) == ("not_checked", "not_checked", "given")


def test_a_bundle_explains_itself_and_verifies_alone(proven: Proven) -> None:
    place = proven.folder / "bundle"
    words = (place / "README.txt").read_text()
    assert words.startswith(f"This is entry {SEQ} of the ledger ")
    assert len(words.splitlines()) < 16
    assert alone(place, "--key", proven.key) == (0, set())


@settings(
    max_examples=150,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_each_byte_of_a_proof_counts(
    proven: Proven, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("flip") / "pair"
    shutil.copytree(proven.folder / "pair", folder)
    path = folder / data.draw(st.sampled_from([f"{SEQ}.json", f"{SEQ}.tlog-proof"]))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert not verify_proof(folder, trusted=[proven.key])


def test_the_proof_of_another_entry_is_none(tmp_path: Path) -> None:
    with open_warden("sqlite://") as warden:
        populate(warden)
        one, other = warden.audit.prove(SEQ), warden.audit.prove(SEQ + 1)
        key = warden.audit.keys()[0]
    write(tmp_path / "mixed", one)
    (tmp_path / "mixed" / f"{SEQ}.json").write_text(other.line)
    found = verify_proof(tmp_path / "mixed", trusted=[key])
    assert ("proof_invalid", SEQ + 1) in {(each.code, each.seq) for each in found.problems}


def test_a_key_of_another_log_does_not_verify(proven: Proven) -> None:
    with open_warden("sqlite://") as warden:
        key = warden.audit.keys()[0]
    for form in FORMS:
        assert not verify_proof(proven.folder / form, trusted=[key])


@pytest.mark.parametrize("text", ["", "{}", "[]", "PK", '{"line": 1, "proof": 2}', "[" * 100_000])
def test_what_is_no_proof_is_unreadable(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(Unreadable):
        verify_proof(path)


def test_a_folder_of_several_proofs_asks_which(proven: Proven, tmp_path: Path) -> None:
    shutil.copytree(proven.folder / "pair", tmp_path / "two")
    shutil.copy(tmp_path / "two" / f"{SEQ}.tlog-proof", tmp_path / "two" / "7.tlog-proof")
    with pytest.raises(Unreadable):
        verify_proof(tmp_path / "two")
    with pytest.raises(Unreadable):
        verify_proof(tmp_path / "nowhere")
