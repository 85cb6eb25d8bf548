"""Verification of an export on its files alone: no database, no server, no network (LG-30, LG-44).

Steps 1 to 7, 9 and 11 of section 6. Trusted keys come from elsewhere; without any the result says `unpinned`.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.audit import layout, naming
from modelwarden.audit.answers import verification_answer
from modelwarden.audit.lines_file import walk_entries
from modelwarden.audit.selection import verify_selection
from modelwarden.audit.sources import CHUNK, opened, read_whole
from modelwarden.errors import (
    EvidenceError,
    LineInvalid,
    ManifestInvalid,
    NotCanonical,
    NoteInvalid,
    ProofInvalid,
    Unreadable,
)
from modelwarden.facts.catalogue import TYPES
from modelwarden.ledger import dsse, steps
from modelwarden.ledger.checkpoint import (
    MAX_NOTE_BYTES,
    parse_tlog_proof,
    unverified_checkpoint,
)
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.keys import PublicKey, parse_vkey
from modelwarden.ledger.lines import LineWalk
from modelwarden.ledger.merkle import frontier_of_proof, leaf_hash, verify_inclusion
from modelwarden.ledger.notes import read_checkpoints
from modelwarden.ledger.result import Findings, Problem, Result
from modelwarden.ledger.rotation import follow
from modelwarden.ledger.strict import StrictReading
from modelwarden.ledger.verify import UNREADABLE, in_batches, part_problems
from modelwarden.ledger.witness_policy import parse_policy, policy_problems, vouching
from modelwarden.store.workers import Work, quiet
from modelwarden.values.canonical import from_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from modelwarden.audit.layout import Manifest
    from modelwarden.audit.sources import Source
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.merkle import Frontier
    from modelwarden.ledger.notes import Checkpoints
    from modelwarden.ledger.verify import Row
    from modelwarden.values.answers import VerificationAnswer

PROOF_BYTES: Final = 2 * MAX_NOTE_BYTES
ELSEWHERE: Final[Mapping[int, str]] = MappingProxyType(
    {
        steps.DERIVED: "an export holds none of them",
        steps.ELSEWHERE: "an export stands by itself",
        steps.STATE: "an export holds neither",
    }
)


def verify_export(
    path: Path,
    *,
    trusted: Sequence[str] = (),
    strict: bool = False,
    jobs: int | None = 1,
    progress: Callable[[int, int], None] = quiet,
    witness_policy: bytes | None = None,
) -> VerificationAnswer:
    """Verify an export, a folder or a zip, by verifier keys known from elsewhere.

    `jobs` processes read the entries; None takes as many as compute at once here, if there are many entries. `progress`
    is told how many entries were read, of how many. With a witness policy, one of the checkpoints also has to carry the
    cosignatures that the policy asks for (step 10).

    Raises:
        Unreadable: it is no export, or holds what none does: links, names that lead out.
        KeyInvalid: of a key in `trusted`.
        WitnessPolicyInvalid.
    """
    policy = None if witness_policy is None else parse_policy(witness_policy)
    keys = [parse_vkey(text) for text in trusted]
    started = time.perf_counter()
    with opened(path) as source:
        asked = _Asked(keys, strict, vouching(policy))
        result, left_out = _verified(source, asked, Work(jobs, progress))
        if policy is not None:
            cosigned = policy_problems(_all_notes(source), policy, keys=keys)
            result = result.adding(cosigned.problems, not_checked=cosigned.not_checked)
    result = replace(result, seconds=time.perf_counter() - started)
    given = {steps.KEYS: "named by whoever verifies"}
    proved = {steps.PART: "by the inclusion proofs of its first and last entry"}
    return verification_answer(
        result, steps.steps(result, left_out=left_out, given=given, proved=proved)
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """By what an export is verified, and how deep. `witnessed` tells for which notes witnesses vouch (LG-65)."""

    keys: Sequence[VerifierKey]
    strict: bool
    witnessed: Callable[[bytes], bool]


def _verified(source: Source, asked: _Asked, work: Work) -> tuple[Result, Mapping[int, str]]:
    """Return what was found, and the steps that were left out."""
    findings = Findings()
    try:
        data = read_whole(source, layout.MANIFEST, most=layout.MANIFEST_BYTES)
        envelope, manifest = layout.read_manifest(data)
    except ManifestInvalid as error:
        findings.add("manifest_invalid", -1, f"{layout.MANIFEST}: {error}")
        unread = ("everything else: the manifest says what there is",)
        result = Result(first=0, size=0, not_checked=unread).adding(findings.problems)
        return result, dict.fromkeys(steps.NAMES, "the manifest can't be read")
    export = _Export(source, manifest, asked, findings)
    result = export.verified(work)
    _check_files(source, manifest, export.digests, findings)
    export.check_signature(envelope)
    result = result.adding(findings.problems, count=findings.count)
    if not asked.strict:
        return result, {**ELSEWHERE, steps.STRICT: "not asked for"}
    return export.read_strictly(result), ELSEWHERE


def _check_files(
    source: Source, manifest: Manifest, digests: Mapping[str, str], findings: Findings
) -> None:
    """Compare every file with what the manifest lists; an unlisted one is wrong too.

    `digests` are those of files that were read whole already.
    """
    listed = {item.path: item for item in manifest.files}
    for name in sorted({*listed, *source.sizes} - {layout.MANIFEST}):
        if name not in source.sizes:
            findings.add("manifest_invalid", -1, f"{name} is listed and missing")
        elif name not in listed:
            findings.add("manifest_invalid", -1, f"{name} is not listed")
        elif source.sizes[name] != listed[name].size or (
            (digests.get(name) or _sha256(source, name)) != listed[name].sha256
        ):
            findings.add("manifest_invalid", -1, f"{name} is not the file that is listed")


class _Export:
    """An export with a manifest that parses."""

    def __init__(
        self, source: Source, manifest: Manifest, asked: _Asked, findings: Findings
    ) -> None:
        self.source, self.manifest, self.findings = source, manifest, findings
        self.note = self._small(layout.CHECKPOINT)
        self.naming = naming.naming_entries(source, self._lines)
        self.notes = self._notes(self._trusted(asked.keys, asked.witnessed))
        self.newest = self.notes.newest
        self.digests: dict[str, str] = {}

    def verified(self, work: Work) -> Result:
        """Verify entries, checkpoints and proofs."""
        result = self._whole_range(work) if self.manifest.is_whole else self._selection()
        return result.adding(
            self.notes.problems, not_checked=self.notes.not_checked, signer=self.notes.signer
        )

    def check_signature(self, envelope: dsse.Envelope) -> None:
        """Check the manifest's signature by the server key that is named last, in entry 0 or a rotation."""
        try:
            self._prove_naming()
            named = naming.server_key(stored for stored, _ in self.naming.values())
            key = PublicKey.from_spki(from_base64(named))
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

    def _whole_range(self, work: Work) -> Result:
        manifest, newest = self.manifest, self.newest
        within = range(manifest.first, manifest.last + 2)
        walk = LineWalk(
            manifest.origin,
            manifest.first,
            frontier=self._frontier(),
            checkpoints={size: root for size, root in self.notes.roots.items() if size in within},
        )
        if layout.ENTRIES in self.source.sizes:
            bounds = (manifest.first, manifest.last + 1)
            digest = walk_entries(self.source, layout.ENTRIES, walk, bounds=bounds, work=work)
            self.digests[layout.ENTRIES] = digest
        result = walk.result()
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

    def _trusted(
        self, keys: Sequence[VerifierKey], witnessed: Callable[[bytes], bool]
    ) -> Sequence[VerifierKey]:
        """Return the keys by which the newest checkpoint may be signed: those given, or what they led to (LG-64)."""
        if not keys or self.note is None:
            return keys
        said = (naming.key_entry(self.source, stored) for stored, _ in self.naming.values())
        trust = follow(keys, said, witnessed=witnessed)
        self._add(trust.problems)
        try:
            size = unverified_checkpoint(self.note).size
        except NoteInvalid:
            return keys  # reading the notes names it
        if not trust.at(size):
            detail = "no key that is trusted counts for a checkpoint of this size"
            self.findings.add("checkpoint_invalid", size - 1, detail)
        return trust.at(size) or keys

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

    def _prove_naming(self) -> None:
        """Lead each entry that names keys to the checkpoint. Raises ProofInvalid."""
        for seq, (stored, is_outside) in self.naming.items():
            proof = self._proof(seq) if is_outside or seq == 0 else None
            if proof is None or self.newest is None:
                continue
            if leaf_hash(stored.body) != stored.leaf:
                raise ProofInvalid(f"the body of entry {seq} is not the one that was hashed")
            verify_inclusion(stored.leaf, seq, self.newest.size, proof, self.newest.root)

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
