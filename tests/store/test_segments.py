"""Where a sink cuts is kept once, whoever comes first, and as long as a retry may need it (LG-51)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from modelwarden.errors import SinkUnusable
from modelwarden.store.schema.ledger import follower_positions, sink_segments
from modelwarden.store.segments import claim, claimed

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden


def _claim(warden: Warden, first: int, last: int, *, is_there: bool = False) -> int:
    return claim(warden.store, "far", (first, last), follower="sink.far", is_there=is_there).last


def _kept(warden: Warden) -> list[tuple[int, int]]:
    with warden.store.database.reading() as connection:
        rows = connection.execute(select(sink_segments).order_by(sink_segments.c.first)).all()
    return [(row.first, row.last) for row in rows]


def _position(warden: Warden, next_seq: int) -> None:
    with warden.store.database.writing() as connection:
        connection.execute(
            insert(follower_positions).values(
                name="sink.far", next_seq=next_seq, entry_hash=bytes(32)
            )
        )


def test_the_first_to_cut_decides(warden: Warden) -> None:
    assert _claim(warden, 0, 9) == 9
    assert _claim(warden, 0, 6) == 9
    assert _claim(warden, 0, 30) == 9
    assert claimed(warden.store, "far", 0) == 9
    assert claimed(warden.store, "far", 10) is None
    assert claimed(warden.store, "near", 0) is None


def test_what_is_done_goes_but_for_the_last(warden: Warden) -> None:
    for first in (0, 10, 20):
        _claim(warden, first, first + 9)
    _position(warden, 20)
    _claim(warden, 30, 39)
    assert _kept(warden) == [(10, 19), (20, 29), (30, 39)]


def test_a_process_behind_the_position_cuts_nothing_new(warden: Warden) -> None:
    _position(warden, 20)
    with pytest.raises(SinkUnusable, match="another process"):
        _claim(warden, 10, 16)
    assert _kept(warden) == []
    assert _claim(warden, 10, 16, is_there=True) == 16
