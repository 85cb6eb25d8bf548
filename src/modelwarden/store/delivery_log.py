"""The log of deliveries, day by day: what a seal over one day is, for whoever seals it and whoever verifies (LG-9)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, select

from modelwarden.store.schema.notify import deliveries
from modelwarden.values.canonical import encode

if TYPE_CHECKING:
    from modelwarden.store.change import View

PART: Final = 1_000

_PART_OF_DAY: Final = (
    select(deliveries)
    .where(
        deliveries.c.at >= bindparam("since"),
        deliveries.c.at < bindparam("until"),
        deliveries.c.id > bindparam("after"),
    )
    .order_by(deliveries.c.id)
    .limit(PART)
)
_NAMES: Final = tuple(str(column.name) for column in deliveries.columns)


class DayDigest(NamedTuple):
    """How many rows a day has, and the digest over them."""

    rows: int
    digest: str


def day_digest(view: View, day: str) -> DayDigest:
    """Return the digest of a day such as `2026-11-20`: SHA-256 over its rows, canonical, in order, a line each."""
    running, rows, after = hashlib.sha256(), 0, ""
    bounds = {"since": f"{day}T", "until": f"{day}U"}
    while found := view.rows(_PART_OF_DAY, bounds | {"after": after}):
        for row in found:
            running.update(encode(_plain(row)) + b"\n")
        rows, after = rows + len(found), found[-1].id
    return DayDigest(rows, running.hexdigest())


def rows_digest(found: list[object]) -> str:
    """Return the digest of some rows, for a fact that rests on them before their day is sealed."""
    return hashlib.sha256(b"".join(encode(_plain(row)) + b"\n" for row in found)).hexdigest()


def _plain(row: object) -> dict[str, object]:
    values = {name: getattr(row, name) for name in _NAMES}
    return {name: value for name, value in values.items() if value is not None}
