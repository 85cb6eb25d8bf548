"""Events are the same in whatever pieces a stream arrives (WHATWG HTML §9.2.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import SnapshotRejected
from modelwarden.guard.sse import MOST_BYTES, Event, EventReader

LINES = st.lists(
    st.sampled_from(
        [
            b"", b"", b": beat", b"data: one", b"data:two", b"data:  three", b"data", b"event: head", b"event:snapshot",
            b"id: 1.7", b"id: a\0b", b"id", b"retry: 5", b"nonsense", b"data: \xc3\xa4", b"event: \xff",
        ]
    ),
    max_size=12,
)  # fmt: skip


def naively(data: bytes) -> list[Event]:
    """Read the whole at once, as the standard has it."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, kind, lines, last_id = [], "", [], ""
    for line in text.split(b"\n")[:-1]:
        if not line:
            if lines:
                found.append(Event(kind or "message", b"\n".join(lines), last_id))
            kind, lines = "", []
            continue
        name, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if name == b"data":
            lines.append(value)
        elif name == b"event":
            kind = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            last_id = value.decode(errors="replace")
    return found


@given(LINES, st.data(), st.booleans())
def test_any_pieces_give_the_events_of_the_whole(
    lines: list[bytes], data: st.DataObject, bom: bool
) -> None:
    whole = b"\xef\xbb\xbf" if bom else b""
    for line in lines:
        whole += line + data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    reader = EventReader()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += reader.feed(whole[start:end])
    assert found == naively(whole)


def test_an_event_ends_where_the_lf_of_a_crlf_comes_alone() -> None:
    reader = EventReader()
    pieces = [b"data: one\r", b"\n", b"", b"\n", b"data: two\r", b"", b"\n\r", b"\n"]
    found = [event.data for piece in pieces for event in reader.feed(piece)]
    assert found == [b"one", b"two"]


def test_a_beat_is_a_line_and_no_event() -> None:
    reader = EventReader()
    assert reader.feed(b": beat\n\n: be") == []
    assert reader.lines == 2


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (b"2000", 2.0),
        (b"0", 0.0),
        (b"9" * 400, 5.0),
        (b"-1", 0.5),
        (b"1.5", 0.5),
        (b"", 0.5),
        (b"\xc2\xb2", 0.5),
    ],
)
def test_over_how_long_reports_spread_is_a_number_of_milliseconds_or_nothing_new(
    said: bytes, meant: float
) -> None:
    reader = EventReader()
    assert reader.spread_s == 0.0
    reader.feed(b"spread: 500\nspread: " + said + b"\n")
    assert reader.spread_s == meant


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: " + b"x" * 65_530 + b"\n"])
def test_an_event_has_a_largest_size(piece: bytes) -> None:
    reader = EventReader()
    for _ in range(MOST_BYTES // len(piece)):
        assert reader.feed(piece) == []
    with pytest.raises(SnapshotRejected) as raised:
        reader.feed(piece)
    assert raised.value.reason == "too_large"
