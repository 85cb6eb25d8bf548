"""Verification of an export on its files alone: no database, no server, no network (LG-30, LG-44).

Steps 1 to 7, 9 and 11 of section 6. Trusted keys come from elsewhere; without any the result says `unpinned`.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelwarden.audit import layout
from modelwarden.audit.answers import verification_answer
from modelwarden.audit.selection import verify_selection
from modelwarden.audit.sources import CHUNK, opened, read_whole
from modelwarden.errors import (
    EvidenceError,
    LineInvalid,
    ManifestInvalid,
    NotCanonical,
    ProofInvalid,
    Unreadable,
)
from modelwarden.facts.catalogue import TYPES
from modelwarden.ledger import dsse
from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES, parse_tlog_proof
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.keys import PublicKey, parse_vkey
from modelwarden.ledger.lines import verify_lines
from modelwarden.ledger.merkle import frontier_of_proof, leaf_hash, verify_inclusion
from modelwarden.ledger.notes import read_checkpoints
from modelwarden.ledger.result import Findings, Problem, Result
from modelwarden.ledger.strict import StrictReading
from modelwarden.ledger.verify import UNREADABLE, in_batches, part_problems
from modelwarden.ledger.witness_policy import parse_policy, policy_problems
from modelwarden.values.canonical import from_base64, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelwarden.audit.layout import Manifest
    from modelwarden.audit.sources import Source
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.merkle import Frontier
    from modelwarden.ledger.notes import Checkpoints
    from modelwarden.ledger.verify import Row
    from modelwarden.values.answers import VerificationAnswer

PROOF_BYTES: Final = 2 * MAX_NOTE_BYTES


def verify_export(
    path: Path,
    *,
    trusted: Sequence[str] = (),
    strict: bool = False,
    witness_policy: bytes | None = None,
) -> VerificationAnswer:
    """Verify an export, a folder or a zip, by verifier keys known from elsewhere.

    With a witness policy, one of its checkpoints also has to carry the cosignatures that the policy asks for (step 10).

    Raises:
        Unreadable: it is no export, or holds what none does: links, names that lead out.
        KeyInvalid: of a key in `trusted`.
        WitnessPolicyInvalid.
    """
    policy = None if witness_policy is None else parse_policy(witness_policy)
    keys = [parse_vkey(text) for text in trusted]
    started = time.perf_counter()
    with opened(path) as source:
        result = _verified(source, keys, strict=strict)
        if policy is not None:
            found = policy_problems(_all_notes(source), policy, keys=keys)
            result = result.adding(found.problems, not_checked=found.not_checked)
    return verification_answer(replace(result, seconds=time.perf_counter() - started))


def _verified(source: Source, keys: Sequence[VerifierKey], *, strict: bool) -> Result:
    findings = Findings()
    try:
        data = read_whole(source, layout.MANIFEST, most=layout.MANIFEST_BYTES)
        envelope, manifest = layout.read_manifest(data)
    except ManifestInvalid as error:
        findings.add("manifest_invalid", -1, f"{layout.MANIFEST}: {error}")
        unread = ("everything else: the manifest says what there is",)
        return Result(first=0, size=0, not_checked=unread).adding(findings.problems)
    _check_files(source, manifest, findings)
    export = _Export(source, manifest, keys, findings)
    result = export.verified()
    export.check_signature(envelope)
    result = result.adding(findings.problems, count=findings.count)
    return export.read_strictly(result) if strict else result


def _check_files(source: Source, manifest: Manifest, findings: Findings) -> None:
    """Compare every file with what the manifest lists; an unlisted one is wrong too."""
    listed = {item.path: item for item in manifest.files}
    for name in sorted({*listed, *source.sizes} - {layout.MANIFEST}):
        if name not in source.sizes:
            findings.add("manifest_invalid", -1, f"{name} is listed and missing")
        elif name not in listed:
            findings.add("manifest_invalid", -1, f"{name} is not listed")
        elif source.sizes[name] != listed[name].size or (
            _sha256(source, name) != listed[name].sha256
        ):
            findings.add("manifest_invalid", -1, f"{name} is not the file that is listed")


class _Export:
    """An export with a manifest that parses."""

    def __init__(
        self, source: Source, manifest: Manifest, keys: Sequence[VerifierKey], findings: Findings
    ) -> None:
        self.source, self.manifest, self.findings = source, manifest, findings
        self.note = self._small(layout.CHECKPOINT)
        self.notes = self._notes(keys)
        self.newest = self.notes.newest

    def verified(self) -> Result:
        """Verify entries, checkpoints and proofs."""
        result = self._whole_range() if self.manifest.is_whole else self._selection()
        return result.adding(
            self.notes.problems, not_checked=self.notes.not_checked, signer=self.notes.signer
        )

    def check_signature(self, envelope: dsse.Envelope) -> None:
        """Check the manifest's signature by the server key that entry 0 names."""
        try:
            key = PublicKey.from_spki(from_base64(self._server_key()))
            dsse.verify(envelope, key)
        except (EvidenceError, NotCanonical) as error:
            self.findings.add("manifest_invalid", -1, f"{layout.MANIFEST}: {error}")

    def read_strictly(self, result: Result) -> Result:
        """Read the bodies too (step 11)."""
        if not self.manifest.is_whole:
            return result.adding(not_checked=("strict reading: it needs an unbroken range",))
        reading = StrictReading(TYPES, first=self.manifest.first)
        for _ in reading.watch(in_batches(_rows(self._lines()))):
            pass
        return reading.added_to(result)

    def _whole_range(self) -> Result:
        manifest, newest = self.manifest, self.newest
        within = range(manifest.first, manifest.last + 2)
        result = verify_lines(
            self._lines(),
            origin=manifest.origin,
            first=manifest.first,
            frontier=self._frontier(),
            checkpoints={size: root for size, root in self.notes.roots.items() if size in within},
        )
        if result.last != manifest.last:
            detail = f"the entries end with {result.last}, the manifest with {manifest.last}"
            self.findings.add("entry_missing", result.size, detail)
        elif newest is not None:
            proof = self._proof(manifest.last)
            self._add(() if proof is None else part_problems(result, proof, newest))
        return replace(result, uncovered=max(0, result.size - manifest.size))

    def _selection(self) -> Result:
        proofs = self._proof if self.newest is not None else None
        return verify_selection(
            self._lines(),
            within=(self.manifest.first, self.manifest.last),
            newest=self.newest,
            proof_of=proofs,
        )

    def _notes(self, keys: Sequence[VerifierKey]) -> Checkpoints:
        sizes = sorted(
            int(size)
            for folder, _, size in (name.partition("/") for name in self.source.sizes)
            if folder == "checkpoints" and size.isascii() and size.isdigit()
        )
        older = [self._small(layout.older_checkpoint(size)) for size in sizes]
        notes = [note for note in (*older, self.note) if note is not None]
        found = read_checkpoints(notes, origin=self.manifest.origin, keys=keys)
        if found.newest is not None and found.newest.size != self.manifest.size:
            detail = f"the checkpoint is of size {found.newest.size}, not {self.manifest.size}"
            self.findings.add("manifest_invalid", -1, detail)
        return found

    def _frontier(self) -> Frontier | None:
        first, proof = self.manifest.first, None
        if first and self.newest is not None:
            proof = self._proof(first)
        try:
            return None if proof is None else frontier_of_proof(first, self.manifest.size, proof)
        except ProofInvalid as error:
            self.findings.add("proof_invalid", first, str(error))
            return None

    def _proof(self, seq: int) -> tuple[bytes, ...] | None:
        """Return the proof of an entry, which has to lead to our checkpoint; None if there is none."""
        name = layout.proof(seq)
        data = self._small(name)
        try:
            found = None if data is None else parse_tlog_proof(data)
        except ProofInvalid as error:
            self.findings.add("proof_invalid", seq, f"{name}: {error}")
            return None
        if found is None or found.index != seq or found.note != self.note:
            detail = f"{name} is missing, or of another entry or checkpoint"
            self.findings.add("proof_invalid", seq, detail)
            return None
        return found.proof

    def _server_key(self) -> str:
        """Return the server key as entry 0 names it. Raises ManifestInvalid, LineInvalid, ProofInvalid."""
        outside = layout.NAMING_LINE in self.source.sizes
        line = self._small(layout.NAMING_LINE) if outside else next(self._lines(), None)
        entry = None if line is None else parse_line(line).stored
        if entry is None or entry.seq != 0 or leaf_hash(entry.body) != entry.leaf:
            raise ManifestInvalid("entry 0, which names the key that signs it, is not there")
        proof = self._proof(0)
        if proof is not None and self.newest is not None:
            verify_inclusion(entry.leaf, 0, self.newest.size, proof, self.newest.root)
        match parse(entry.body):
            case {"type": "ledger.started", "fact": {"server_key": str(key)}}:
                return key
            case _:
                raise ManifestInvalid("entry 0 names no key that signs it")

    def _lines(self) -> Iterator[bytes]:
        if layout.ENTRIES not in self.source.sizes:
            return
        with self.source.open(layout.ENTRIES) as file:
            while data := file.readline(layout.LINE_BYTES):
                yield data

    def _small(self, name: str) -> bytes | None:
        try:
            return read_whole(self.source, name, most=PROOF_BYTES)
        except Unreadable:
            return None  # the comparison with the manifest names it

    def _add(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self.findings.add(*problem)


def _all_notes(source: Source) -> Iterator[bytes]:
    for name in source.sizes:
        if name == layout.CHECKPOINT or name.startswith("checkpoints/"):
            with contextlib.suppress(Unreadable):  # the comparison with the manifest names it
                yield read_whole(source, name, most=PROOF_BYTES)


def _rows(lines: Iterator[bytes]) -> Iterator[Row]:
    for data in lines:
        try:
            yield parse_line(data).stored
        except LineInvalid:
            yield UNREADABLE


def _sha256(source: Source, name: str) -> str:
    digest = hashlib.sha256()
    with source.open(name) as file:
        while part := file.read(CHUNK):
            digest.update(part)
    return digest.hexdigest()
