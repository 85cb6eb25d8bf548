"""Whoever pinned an older log key is led over by what a sink left, from its entries and checkpoints alone (LG-64)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.ledger.keys import parse_vkey
from modelwarden.sinks.following import KeyWatch
from modelwarden.warden.warden import open_warden
from tests.audit.sample import populate, sign, view
from tests.faults.test_restore_from_copy import export

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.ledger.rotation import Trust


def followed(copy: Path, notes: list[bytes], key: str, *, whole: bool = True) -> Trust:
    watch = KeyWatch()
    lines = (copy / "entries.jsonl").read_bytes().splitlines(keepends=True)
    assert list(watch.watch(iter(lines))) == lines
    return watch.trust([parse_vkey(key)], notes, whole=whole)


def test_a_rotation_is_followed_where_the_walk_computed_the_root(tmp_path: Path) -> None:
    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        populate(warden)
        old = warden.audit.keys()[0]
        before = sign(warden).encode()
        warden.acting_as("carol").server_keys.rotate("ledger")
        both = sign(warden).encode()
        new = warden.audit.keys()[0]
        export(warden, tmp_path / "copy")
        size = view(warden, "bob", lambda v: v.head()[0])
    trust = followed(tmp_path / "copy", [before, both], old)
    assert (trust.problems, trust.at(size)) == ((), (parse_vkey(new),))
    for left in (followed(tmp_path / "copy", [before], old),
                 followed(tmp_path / "copy", [before, both], old, whole=False)):  # fmt: skip
        assert [problem.code for problem in left.problems] == ["key_not_followed"]
