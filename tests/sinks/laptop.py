"""A ledger in memory, and an auditor's laptop that runs a witness."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelwarden.ledger.checkpoint import Checkpoint, consistency_file, sign_note
from modelwarden.ledger.keys import LogKey, VerifierKey
from modelwarden.ledger.merkle import consistency_proof, leaf_hash, tree_root
from modelwarden.sinks import witness_state
from modelwarden.sinks.witness_server import WitnessServer
from modelwarden.sinks.witness_state import WitnessState
from modelwarden.values.clock import SystemClock
from tests.api.town import served

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelwarden.ledger.cosignature import WitnessSigner

ORIGIN: Final = "ledger.example/test"


@dataclass(frozen=True, kw_only=True)
class Log:
    """A ledger of some leaves and a key; `fork` makes another of the same name and key."""

    leaves: list[bytes]
    key: LogKey = field(default_factory=lambda: LogKey(ORIGIN, bytes(range(32))))

    @classmethod
    def of(cls, size: int) -> Log:
        return cls(leaves=[leaf_hash(b"entry %d" % number) for number in range(size)])

    def fork(self, at: int) -> Log:
        """Return the ledger with other entries from a number on."""
        other = [leaf_hash(b"another %d" % number) for number in range(at, len(self.leaves))]
        return Log(leaves=self.leaves[:at] + other, key=self.key)

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.key.name, size, tree_root(self.leaves[:size]))

    def note(self, size: int) -> bytes:
        return sign_note(self.checkpoint(size), self.key)

    def nodes(self, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
        return [
            tree_root(self.leaves[index << level : (index + 1) << level]) for level, index in wanted
        ]

    def proof(self, old: int, new: int) -> list[bytes]:
        return consistency_proof(old, new, self.nodes)

    def request(self, old: int, new: int) -> bytes:
        """Return the body of add-checkpoint."""
        return consistency_file(old, self.proof(old, new), self.note(new))


@dataclass(frozen=True, kw_only=True)
class Laptop:
    """A witness with its files, and what it said aloud."""

    folder: Path
    signer: WitnessSigner
    server: WitnessServer
    said: list[str]

    def policy(self, url: str) -> str:
        """Return a policy that asks for this witness."""
        return f"witness W {self.signer.verifier.vkey} {url}\nquorum W\n"


@contextmanager
def laptop(folder: Path, *logs: VerifierKey, name: str = "audit.example/w1") -> Iterator[Laptop]:
    """Run a witness's steps in this process; a second time in one folder goes on from its state."""
    folder.mkdir(exist_ok=True)
    keys, state = folder / "witness.key", folder / "witness.json"
    signer = witness_state.load(keys) if keys.exists() else witness_state.create(keys, state, name)
    held = WitnessState(state, signer)
    said: list[str] = []
    try:
        server = WitnessServer(signer, held, logs, clock=SystemClock(), tell=said.append)
        yield Laptop(folder=folder, signer=signer, server=server, said=said)
    finally:
        held.close()


@contextmanager
def listening(laptop: Laptop) -> Iterator[str]:
    """Serve a laptop's witness on loopback and give its address."""
    with served(laptop.server.app()) as url:
        yield url
