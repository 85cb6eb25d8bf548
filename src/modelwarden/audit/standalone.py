"""Verify an export of a Modelwarden ledger with the standard library alone.

    python verify.py [FOLDER] [--key VKEY]

FOLDER is the export; the folder of this file unless given. VKEY is the log's verifier key, known from somewhere else
than this export: without it nothing says whose ledger this is. Signatures need the package `cryptography`. Exit codes:
0 all is well; 1 something is wrong; 3 nothing is, but no signature was checked by a key that was given; 5 no export.

What is computed (H is SHA-256, || joins bytes):
    leaf        = H(00 || entry), the entry's bytes as they stand in its line
    entry_hash  = H(02 || previous_hash || leaf); before entry 0 stands H(03 || "modelwarden-chain-v1" || 00 || origin)
    tree        = RFC 6962: H(01 || left || right); its root stands in the checkpoint (C2SP tlog-checkpoint)
"""

# ruff: noqa: T201  # a program of its own: it prints
from __future__ import annotations

import argparse
import base64
import json
import re
import sys
from collections.abc import Iterator  # noqa: TC003  # kept plain for who reads this alone
from hashlib import sha256
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

LINE = re.compile(
    rb'\{"seq":(0|[1-9][0-9]{0,18}),"previous_hash":"([0-9a-f]{64})","leaf_hash":"([0-9a-f]{64})",'
    rb'"entry_hash":"([0-9a-f]{64})","entry":(\{[^\n]*\})\}\n?'
)
MANIFEST, PAYLOAD_TYPE = "manifest.dsse.json", b"application/vnd.modelwarden.manifest+json"
SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: an Ed25519 key follows
MOST_SHOWN, MOST_LINE = 1000, 64 * 1024
BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError)
Line = tuple[int, bytes, bytes, bytes, bytes]


class Tree:
    """A growing RFC 6962 tree: the roots of its perfect subtrees, by level."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: dict[int, bytes] = {}

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        level = 0
        while level in self.peaks:
            leaf = h(b"\x01", self.peaks.pop(level), leaf)
            level += 1
        self.peaks[level] = leaf
        self.size += 1

    def root(self) -> bytes:
        """Return the root; there is a leaf."""
        root, *left = [self.peaks[level] for level in sorted(self.peaks)]
        for peak in left:
            root = h(b"\x01", peak, root)
        return root

    def before(self, index: int, size: int, proof: list[bytes]) -> None:
        """Become the tree before a leaf: the left siblings of its inclusion proof."""
        self.size = index
        number, last, level = index, size - 1, 0
        for sibling in proof:
            while not number & 1 and number == last and last:
                number, last, level = number >> 1, last >> 1, level + 1
            if number & 1:
                self.peaks[level] = sibling
            number, last, level = number >> 1, last >> 1, level + 1


class Export:
    """The folder, and what its checkpoint says."""

    def __init__(self, folder: Path, key: str | None) -> None:
        self.folder, self.key, self.size, self.root = folder, key, 0, b""
        self.problems: list[str] = []
        self.envelope = json.loads(self.read(MANIFEST))
        self.payload = base64.b64decode(self.envelope["payload"], validate=True)
        self.manifest = json.loads(self.payload)
        self.origin = self.manifest["origin"]
        self.note = self.read("checkpoint")

    def fail(self, code: str, seq: int, detail: str) -> None:
        """Note a problem: its code, the entry that it names or -1, a sentence."""
        problem = f"problem {code} {seq} {detail}"
        if len(self.problems) < MOST_SHOWN and problem not in self.problems:
            self.problems.append(problem)

    def read(self, name: str) -> bytes:
        """Return a file, or nothing where there is none."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""

    def verify(self) -> None:
        """Check everything."""
        self.check_files()
        roots = self.check_checkpoints()
        is_whole = self.manifest["selection"] == "all"
        self.check_range(roots) if is_whole else self.check_selection()
        self.check_manifest()

    def check_files(self) -> None:
        """Compare each file with the manifest."""
        listed = {item["path"]: item for item in self.manifest["files"]}
        there = [path for path in self.folder.rglob("*") if not path.is_dir()]
        names = {path.relative_to(self.folder).as_posix() for path in there} - {MANIFEST}
        for name in sorted(names | set(listed)):
            found = listed.get(name)
            if name not in names or found is None:
                self.fail("manifest_invalid", -1, f"{name} is missing or not listed")
            elif digest_of(self.folder / name) != (found["sha256"], found["size"]):
                self.fail("manifest_invalid", -1, f"{name} is not the file that is listed")

    def check_checkpoints(self) -> dict[int, bytes]:
        """Read all checkpoints, check the signature of the newest, and return roots by size."""
        roots: dict[int, bytes] = {}
        older = (path.name for path in (self.folder / "checkpoints").glob("*"))
        names = [f"checkpoints/{name}" for name in sorted(older, key=lambda name: name.zfill(20))]
        for name in [*names, "checkpoint"]:
            try:
                origin, size, root = parse_note(self.read(name))
            except ValueError:
                self.fail("checkpoint_invalid", -1, f"{name} does not parse")
                continue
            if origin != self.origin or size < self.size:
                self.fail("checkpoint_invalid", size - 1, f"{name}: another ledger or order")
            if roots.setdefault(size, root) != root:
                self.fail("root_mismatch", size - 1, "one size with two roots")
            self.size, self.root = size, root
        if self.size != self.manifest["size"]:
            self.fail("manifest_invalid", -1, "the checkpoint is of another size")
        if self.key is not None:
            self.check_note(self.key)
        return roots

    def check_note(self, vkey: str) -> None:
        """Check that the key, or the one that it led to, signed the newest checkpoint."""
        if not self.is_signer(self.followed(vkey), self.note):
            self.fail("checkpoint_invalid", -1, "the key given did not sign the checkpoint")

    def followed(self, vkey: str) -> str:
        """Return the key that speaks now for the one given: a checkpoint by both covers each rotation."""
        named = self.named()
        for seq, (leaf, entry) in sorted(named.items()):
            fact = entry["fact"]
            if entry["type"] != "ledger.key_rotated" or fact["old"] != vkey:
                continue
            proof, note = self.proof_in(f"handovers/{seq}.tlog-proof", seq)
            size, root = parse_note(note)[1:] if note else (0, b"")
            revoked = [e["fact"] for _, e in named.values() if e["type"] == "ledger.key_revoked"]
            is_void = any(each["key"] == vkey and each["size"] < size for each in revoked)
            is_covered = size > seq and climb(leaf, seq, size, proof) == root
            by_both = all(self.is_signer(key, note) for key in (vkey, fact["new"]))
            if is_void or not is_covered or not by_both:
                self.fail("key_not_followed", seq, "no checkpoint by both keys; give the new one")
                return vkey
            vkey = fact["new"]
        return vkey

    def named(self) -> dict[int, tuple[bytes, dict[str, Any]]]:
        """Return the entries that name keys, each proven, with their leaves: entry 0, rotations, revocations."""
        marks = (b'"type":"ledger.key_r', b'"type":"server.key_r')
        outside = [path.read_bytes() for path in (self.folder / "proofs").glob("*.json")]
        inside = [line for line in self.lines() if any(mark in line for mark in marks)]
        found = {}
        for seq, _, body, leaf, _ in map(parse_line, [*outside, next(self.lines(), b""), *inside]):
            if seq >= 0 and h(b"\x00", body) == leaf and self.is_proven(leaf, seq):
                found[seq] = leaf, json.loads(body)
        return found

    def is_signer(self, vkey: str, note: bytes) -> bool:
        """Tell whether the key signed a checkpoint."""
        name, _, rest = vkey.partition("+")
        public = base64.b64decode(rest.partition("+")[2], validate=True)
        hint = sha256(name.encode() + b"\n" + public).digest()[:4]
        text, _, signatures = note.rpartition(b"\n\n")
        lines = [line.split(" ") for line in signatures.decode().splitlines()]
        mine = [line[2] for line in lines if len(line) == 3 and line[1] == name]  # noqa: PLR2004
        raws = [base64.b64decode(each, validate=True) for each in mine]
        ours = [raw[4:] for raw in raws if raw[:4] == hint and name == self.origin]
        return bool(ours) and self.is_signed(public[1:], ours[0], text + b"\n")

    def check_range(self, roots: dict[int, bytes]) -> None:
        """Walk an unbroken range: leaves, chain, tree, every checkpoint in it, the proof of its last entry."""
        first, last = self.manifest["first"], self.manifest["last"]
        tree, previous, leaf = Tree(), b"", b""
        if first == 0:
            previous = h(b"\x03", b"modelwarden-chain-v1", b"\x00", self.origin.encode())
        else:
            tree.before(first, self.size, self.proof(first))
        for line in map(parse_line, self.lines()):
            if not self.is_next(line, tree.size):
                return
            seq, before, _, leaf, entry_hash = line
            if before != (previous or before):
                self.fail("chain_broken", seq, "the line names another hash before it")
            self.check_hashes(line, previous or before)
            previous = entry_hash
            tree.append(leaf)
            if tree.size in roots and roots[tree.size] != tree.root():
                self.fail("root_mismatch", seq, "the leaves do not give this checkpoint's root")
        if tree.size != last + 1:
            self.fail("entry_missing", tree.size, f"the manifest ends with entry {last}")
        elif not self.is_proven(leaf, last) or not self.is_frontier(tree, leaf, last):
            self.fail("proof_invalid", last, "it does not lead to the checkpoint")

    def is_frontier(self, tree: Tree, leaf: bytes, last: int) -> bool:
        """Tell whether the leaves are those that the proof of the last one stands on."""
        proven = Tree()
        proven.before(last, self.size, self.proof(last))
        proven.append(leaf)
        return proven.peaks == tree.peaks

    def is_next(self, line: Line, expected: int) -> bool:
        """Tell whether a line is the one that is expected; the tree ends where one is missing."""
        seq = line[0]
        if seq == expected:
            return True
        code = "entry_missing" if seq > expected else "entry_duplicated"
        seq = seq if 0 <= seq < expected else expected
        what = f"entry {expected} was expected; what follows was not checked"
        self.fail(code if line[0] >= 0 else "line_invalid", seq, what)
        return False

    def check_selection(self) -> None:
        """Check entries one by one, each with its own proof."""
        seen = -1
        for line in map(parse_line, self.lines()):
            seq, before, _, leaf, _ = line
            if seq < 0:
                self.fail("line_invalid", -1, f"the line after that of entry {seen}")
                continue
            if seq <= seen:
                self.fail("entry_duplicated", seq, "it comes again, or too late")
            self.check_hashes(line, before)
            if not self.is_proven(leaf, seq):
                self.fail("proof_invalid", seq, "it does not lead to the checkpoint")
            seen = max(seen, seq)
        print("not checked: entries between those selected; the hashes before each")

    def check_manifest(self) -> None:
        """Check the manifest's signature by the server key that was named last: by entry 0, or by a rotation."""
        keys = [""]
        for seq, (_, entry) in sorted(self.named().items()):
            if seq == 0 or entry["type"] == "server.key_rotated":
                keys.append(entry["fact"]["server_key" if seq == 0 else "new"])
        if not self.is_manifest_signed(base64.b64decode(keys[-1], validate=True)):
            self.fail("manifest_invalid", -1, f"{MANIFEST}: no key that entries name signed it")

    def is_manifest_signed(self, spki: bytes) -> bool:
        """Tell whether this key signed the manifest (DSSE)."""
        kind, (signature,) = self.envelope["payloadType"].encode(), self.envelope["signatures"]
        if kind != PAYLOAD_TYPE or signature["keyid"] != sha256(spki).hexdigest():
            return False
        message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)
        raw = base64.b64decode(signature["sig"], validate=True)
        return self.is_signed(spki.removeprefix(SPKI), raw, message)

    def is_proven(self, leaf: bytes, seq: int) -> bool:
        """Tell whether an entry's proof leads from its leaf to the checkpoint's root."""
        return seq < self.size and climb(leaf, seq, self.size, self.proof(seq)) == self.root

    def check_hashes(self, line: Line, before: bytes) -> None:
        """Check leaf and entry hash of one entry."""
        seq, _, body, leaf, entry_hash = line
        if h(b"\x00", body) != leaf:
            self.fail("entry_altered", seq, "its body is not the one that was hashed")
        if h(b"\x02", before, leaf) != entry_hash:
            self.fail("chain_broken", seq, "its hash does not follow from the one before")

    def lines(self) -> Iterator[bytes]:
        """Yield each line."""
        with (self.folder / "entries.jsonl").open("rb") as file:
            while data := file.readline(MOST_LINE):
                yield data

    def proof(self, seq: int) -> list[bytes]:
        """Return the proof of an entry; one of another entry or checkpoint is none."""
        proof, note = self.proof_in(f"proofs/{seq}.tlog-proof", seq)
        if note != self.note:
            self.fail("proof_invalid", seq, "its proof is missing, or of another checkpoint")
            return []
        return proof

    def proof_in(self, name: str, seq: int) -> tuple[list[bytes], bytes]:
        """Return the proof of an entry that a file holds, and its checkpoint; nothing if it is of another entry."""
        head, _, note = self.read(name).partition(b"\n\n")
        lines = head.decode("ascii", "replace").split("\n")
        if lines[:2] != ["c2sp.org/tlog-proof@v1", f"index {seq}"]:
            return [], b""
        return [base64.b64decode(line, validate=True) for line in lines[2:]], note

    def is_signed(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Tell whether a signature verifies; True where nothing can check it, which is told at the end."""
        try:
            if HAS_CRYPTOGRAPHY:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def climb(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, 2.1.3.2), or nothing if it is too long or short."""
    number, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return b""
        if number & 1 or number == last:
            node = h(b"\x01", sibling, node)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            node = h(b"\x01", node, sibling)
        number, last = number >> 1, last >> 1
    return node if last == 0 else b""


def parse_line(data: bytes) -> Line:
    """Read a line of entries.jsonl."""
    found = LINE.fullmatch(data)
    if found is None:
        return -1, b"", b"", b"", b""
    before, leaf, entry_hash = (bytes.fromhex(found[n].decode()) for n in (2, 3, 4))
    return int(found[1]), before, found[5], leaf, entry_hash


def parse_note(note: bytes) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint. Raises ValueError."""
    text, _, signatures = note.rpartition(b"\n\n")
    origin, size, root = text.decode().split("\n")
    if not signatures.startswith("— ".encode()) or not size.isdigit():
        raise ValueError(size)
    decoded = base64.b64decode(root, validate=True)
    if len(decoded) != len(h()) or base64.b64encode(decoded).decode() != root:
        raise ValueError(root)
    return origin, int(size), decoded


def digest_of(path: Path) -> tuple[str, int]:
    """Return digest and size of a file; a link has none."""
    digest = sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return "" if path.is_symlink() else digest.hexdigest(), path.stat().st_size


def h(*parts: bytes) -> bytes:
    """Return SHA-256 of the parts, joined."""
    return sha256(b"".join(parts)).digest()


def main() -> int:
    """Verify, tell, and return the exit code."""
    parser = argparse.ArgumentParser(description="Verify an export of a Modelwarden ledger.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--key", help="the log's verifier key, known from somewhere else")
    asked = parser.parse_args()
    export = None
    try:
        export = Export(asked.folder, asked.key)
        export.verify()
    except BROKEN as error:
        if export is None:
            print(f"problem manifest_invalid -1 it can't be read: {error!r}")
            return 1 if (asked.folder / MANIFEST).exists() else 5
        export.fail("unreadable", -1, repr(error))
    print("{origin}: entries {first} to {last} of {size}".format(**export.manifest))
    is_signed = asked.key is not None and HAS_CRYPTOGRAPHY
    if not is_signed:
        print("not checked: signatures; give the log's key by --key and install cryptography")
    if export.problems:
        print(*export.problems, f"FAILED: {len(export.problems)} problems", sep="\n")
        return 1
    print(f"ok: all hashes fit, root {export.root.hex()}")
    return 0 if is_signed else 3


if __name__ == "__main__":
    sys.exit(main())
