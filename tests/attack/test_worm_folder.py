"""Lines that somebody else wrote into a WORM folder: the sink takes none of them for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SinkDiffers
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.worm import open_copy, open_sink
from modelwarden.store import entries
from modelwarden.store.follower import Follower
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden


def _followed(warden: Warden, root: Path) -> Follower:
    sink = open_sink(parse_address(f"worm://{root}?immutable=false"), warden.store)
    follower = Follower("sink.worm", warden.store, sink)
    follower.follow_once()
    sink.close()
    return follower


def _append(root: Path, line: bytes) -> None:
    (segment,) = root.rglob("*.jsonl")
    with segment.open("ab") as file:
        file.write(line)


def _line(warden: Warden, seq: int) -> bytes:
    with warden.store.database.reading() as connection:
        origin = warden.store.around.keyring.origin
        return next(iter(entries.lines(connection, origin, seq, seq)))


def test_a_later_line_of_the_ledger_s_own_hides_no_gap(
    sqlite_warden: Warden, tmp_path: Path
) -> None:
    root = tmp_path / "worm"
    _followed(sqlite_warden, root)
    for n in range(9):
        submitted(sqlite_warden, define(f"role{n}"))
    _append(root, _line(sqlite_warden, 8))
    with pytest.raises(SinkDiffers):
        _followed(sqlite_warden, root)


def test_a_forged_line_behind_the_position_is_not_taken_for_the_entry(
    sqlite_warden: Warden, tmp_path: Path
) -> None:
    root = tmp_path / "worm"
    _followed(sqlite_warden, root)
    submitted(sqlite_warden, define("role"))
    line = _line(sqlite_warden, 1)
    _append(root, line.replace(b'"role":"role"', b'"role":"ruse"'))
    _followed(sqlite_warden, root)
    copy = open_copy(parse_address(f"worm://{root}"), origin=None)
    assert list(copy.lines())[1] == line
