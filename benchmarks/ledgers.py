"""Ledgers to measure: opened as the program opens them, filled by its own writer."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.config import Settings
from modelwarden.facts.access import AccessUsed
from modelwarden.facts.kinds import Code
from modelwarden.store import keyring
from modelwarden.store.change import Surroundings
from modelwarden.store.checkpoints import Signer
from modelwarden.store.database import Database
from modelwarden.store.opening import open_store
from modelwarden.store.writer import Writer
from modelwarden.values.clock import SystemClock
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.store.change import Change

BENCH: Final = system("bench")
FACT: Final = AccessUsed(permission=Code("metric.record"))
ABOUT: Final = (("model", "churn"),)
BATCH: Final = 1_000
WORDS: Final = tuple(f"bench:{'x' * 20}{number:02}" for number in range(8))
"""Tags that bring a body to the size that an approval's entry has, about 550 bytes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A finished SQLite ledger and its name."""

    settings: Settings
    origin: str
    vkey: str
    size: int

    @property
    def path(self) -> Path:
        return Path(self.settings.url.partition(":///")[2])


def settings_in(folder: Path, url: str | None = None) -> Settings:
    chosen = Settings(url=url or f"sqlite:///{folder}/warden.db", keys_folder=folder / "keys")
    return chosen.located()


@contextlib.contextmanager
def opened(settings: Settings, *, indexed: bool) -> Iterator[Writer]:
    """Open a ledger with its writer and signer; `indexed=False` leaves the search index out."""
    clock = SystemClock()
    open_store(settings, clock).close()  # makes the schema, the keys and entry 0
    folder, guard = settings.keys_folder, settings.ledger_guard_file
    if folder is None or guard is None:
        raise ValueError("settings have to be located first")
    keys = keyring.load(folder)
    database = Database(settings.url)
    around = Surroundings(keyring=keys, settings=settings)
    writer = Writer(database, clock, around, indexed=indexed)
    signer = Signer(database, writer, around, clock, guard)
    signer.start()
    try:
        yield writer
    finally:
        signer.close()
        writer.close()
        database.close()


def use(change: Change) -> None:
    """Record one fact."""
    change.record(FACT, about=ABOUT)


def uses(change: Change, *, count: int, tags: tuple[str, ...] = ()) -> None:
    """Record many facts as one change."""
    for _ in range(count):
        change.record(FACT, about=ABOUT, tags=tags)


def in_batches(writer: Writer, action: Callable[[Change], None], *, batches: int) -> None:
    """Submit an action again and again, each time after the answer to the last one."""
    for _ in range(batches):
        writer.submit(BENCH, action).result()


def write(folder: Path, size: int) -> Written:
    """Write a ledger of `size` entries; entry 0 says that it begins."""
    settings = settings_in(folder)
    with opened(settings, indexed=False) as writer:
        full, rest = divmod(size - 1, BATCH)
        in_batches(writer, partial(uses, count=BATCH, tags=WORDS), batches=full)
        in_batches(writer, partial(uses, count=rest, tags=WORDS), batches=1 if rest else 0)
    if settings.keys_folder is None:
        raise ValueError("settings have to be located first")
    keys = keyring.load(settings.keys_folder)
    return Written(settings, keys.origin, keys.log_key.vkey, size)


def export(ledger: Written, output: Path) -> Path:
    """Export all entries that `write` wrote, and return the folder."""
    with Warden(ledger.settings) as warden:
        warden.audit.export(output, last=ledger.size - 1)
    return output
