"""A page of a search in a ledger of a million entries, at any depth: the slowest of twenty pages counts (p95).

Beside ours stands what `LIMIT … OFFSET` costs on the same index for the same page. Pages are drawn all over the
ledger; each is read in a transaction of its own, through the room that checks rights and answers with entries.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks import ledgers, table
from benchmarks.row import Row, at_most
from modelwarden.audit import actions, queries
from modelwarden.audit.words import public_words
from modelwarden.config import Settings
from modelwarden.facts.external import ExternalRecorded
from modelwarden.facts.kinds import Code, Severity
from modelwarden.store import entries, words
from modelwarden.store.database import driver
from modelwarden.values.ids import ComponentName, EventName, RecordId, RecordRef
from modelwarden.values.pages import Page, cursor_for
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.workbench import Workbench
    from modelwarden.store.change import Change, Telemetry, View

SIZE: Final = 1_000_000
PAGES: Final = 200
LIMIT: Final = 50
MILLI: Final = 1_000.0
READER: Final = system("bench")
COMPONENTS: Final = ("RiskAgent", "Pricer", "OrderRouter", "LimitChecker")
ACTIONS: Final = ("ALLOW", "BLOCK_TRADE", "ESCALATE")
RARE: Final = 5_000
"""One entry in so many says something that the others don't."""
OFFSET: Final = (
    "SELECT seq, type FROM ledger_index WHERE type = 'external.recorded' AND outcome = 'done'"
    " ORDER BY seq DESC LIMIT 50 OFFSET ?"
)
CASES: Final[tuple[tuple[str, Mapping[str, object]], ...]] = (
    ("by type", {"type": "external.recorded"}),
    ("by severity", {"severity": "HIGH"}),
    ("by component", {"component": "Pricer"}),
    ("by tag and type", {"tag": "MIFID_II", "type": "external.recorded"}),
    ("by a word of a third of all", {"text": "escalate"}),
    ("by a phrase of a twelfth", {"text": '"escalate" "risk decision" Pricer'}),
    ("by a word of one in 5,000", {"text": "quarantine"}),
)


def measure(bench: Workbench) -> list[Row]:
    size = SIZE // 50 if bench.quick else SIZE
    settings = Settings(url=f"sqlite:///{bench.folder_for('search')}/warden.db").located()
    _fill(settings, size)
    with Warden(settings) as warden:
        _keep_words(warden, size)
        return list(_rows(warden, size, pages=20 if bench.quick else PAGES))


def _rows(warden: Warden, size: int, *, pages: int) -> Iterator[Row]:
    draw = random.Random(7)  # noqa: S311  # which pages are read
    depths = [draw.randrange(size // 100, size) for _ in range(pages)]
    peer = _p95([partial(_offset, warden, size - depth) for depth in depths])
    for name, asked in CASES:
        wanted = actions.as_filter(asked)
        ours = _p95([partial(_page, warden, wanted, depth) for depth in depths])
        yield Row(
            what=f"page of 50 {name}, {size:,} entries, p95",
            ours=ours,
            unit="ms",
            beside="OFFSET, by type, rows of the index alone",
            peer=peer,
            target=at_most(20),
        )


def _page(warden: Warden, wanted: actions.EntryFilter, below: int) -> None:
    page = Page(limit=LIMIT, cursor=cursor_for(below))
    warden.view(READER, partial(actions.search, wanted=wanted, page=page))


def _offset(warden: Warden, depth: int) -> None:
    def read(view: View) -> Sequence[Any]:
        found: Sequence[Any] = driver(view.connection).execute(OFFSET, (depth,)).fetchall()
        return found

    warden.view(READER, read)


def _p95(runs: Sequence[Callable[[], None]]) -> float:
    took = []
    for run in runs:
        begun = time.perf_counter()
        run()
        took.append(time.perf_counter() - begun)
    return sorted(took)[int(len(took) * 0.95)] * MILLI


def _fill(settings: Settings, size: int) -> None:
    with ledgers.opened(settings, indexed=True) as writer:
        for first in range(1, size, ledgers.BATCH):
            many = min(ledgers.BATCH, size - first)
            writer.submit(ledgers.BENCH, partial(_record, first=first, many=many)).result()


def _record(change: Change, *, first: int, many: int) -> None:
    for number in range(first, first + many):
        change.record(
            ExternalRecorded(
                record=RecordId(f"rec_{number}"),
                ref=RecordRef(f"r-{number}"),
                event=EventName("RISK_DECISION"),
                component=ComponentName(COMPONENTS[number % 4]),
                action=Code("QUARANTINE" if number % RARE == 0 else ACTIONS[number % 3]),
                occurred_at=change.now,
                user=None,
                details=None,
                open=None,
            ),
            severity=Severity.HIGH if number % 50 == 0 else Severity.INFO,
            tags=("MIFID_II",) if number % 2 else (),
        )


def _keep_words(warden: Warden, size: int) -> None:
    """Wait until the follower has kept the words of all entries; add what it has not, in larger steps."""
    while (at := warden.view(READER, lambda view: words.indexed_to(view.connection))) < size:
        bodies = warden.view(READER, partial(_bodies, first=at, last=min(at + 10_000, size) - 1))
        warden.telemetry(READER, partial(_add, first=at, bodies=bodies))
    if warden.view(READER, queries.last_entry) < size - 1:
        raise RuntimeError("the ledger is smaller than it should be")


def _bodies(view: View, *, first: int, last: int) -> list[bytes]:
    return [row[1] for part in entries.between(view.connection, first, last) for row in part]


def _add(telemetry: Telemetry, *, first: int, bodies: list[bytes]) -> int:
    return words.add(telemetry.connection, first, [public_words(body) for body in bodies])


CLAIM: Final = table.Claim("search", "Searching a million entries", measure)

if __name__ == "__main__":
    table.run([CLAIM])
