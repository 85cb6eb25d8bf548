"""A verified backup goes on to what is known to have been signed: entries from copies, keys, erasures, frozen objects.

All of it happens in the database aside, in one transaction, and is told there too: what is put in place is whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, update

from modelwarden.errors import RestoreNeedsLedger, RestoreRefused
from modelwarden.facts.kinds import Code
from modelwarden.facts.ledger import EpochStarted, LedgerRestored
from modelwarden.ledger.merkle import range_root
from modelwarden.store import entries, frozen, key_replay, server_keys
from modelwarden.store.catching_up import Known, LedgerCopy, Taken, signed_by, take
from modelwarden.store.change import Surroundings
from modelwarden.store.database import Database
from modelwarden.store.schema.ledger import head as heads
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.writer import Writer
from modelwarden.values.ids import Digest
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from modelwarden.config import Settings
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.store.change import Change
    from modelwarden.store.frozen import Frozen
    from modelwarden.store.keyring import Keyring
    from modelwarden.values.clock import Clock

CAUSE: Final = Code("restored")
_EPOCH: Final = update(heads).where(heads.c.id == 1).values(epoch=bindparam("next_epoch"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is known of the ledger beside the backup.

    Attributes:
        known: sizes that were signed, with who knows them.
        copies: where the entries that the backup lacks may come from.
        keys: log keys of ours, by which a copy's checkpoints count.
        unsigned: take what a copy holds past the last checkpoint too.
        reapply: erases again what the ledger says was erased (AC-86).
    """

    known: Sequence[Known]
    copies: Sequence[LedgerCopy]
    keys: Sequence[VerifierKey]
    unsigned: bool = False
    reapply: Callable[[Connection], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """What a backup became."""

    size: int
    root: str
    taken: Taken
    frozen: tuple[Frozen, ...]


def go_on(
    aside: Path, sources: Sources, settings: Settings, keys: Keyring, clock: Clock
) -> Extended:
    """Bring the database aside to the newest known size and tell of it there.

    Raises:
        RestoreNeedsLedger: entries are missing that no copy gives.
        RestoreRefused: it is not the beginning of what is known.
    """
    database = Database(f"sqlite:///{aside}")
    try:
        with database.writing() as connection:
            before = entries.read_head(connection).size
            taken = _caught_up(connection, sources)
            key_replay.replay(connection, before)
            if sources.reapply is not None:
                sources.reapply(connection)
            head = entries.read_head(connection)
            connection.execute(_EPOCH, {"next_epoch": head.epoch + 1})
            behind = frozen.freeze(connection, epoch=head.epoch + 1, first=before)
        root = head.frontier.root().hex()
        done = Extended(size=head.size, root=root, taken=taken, frozen=behind)
        newest = max((known.size for known in sources.known), default=0)
        started = EpochStarted(
            epoch=head.epoch + 1,
            cause=CAUSE,
            size=before,
            known=newest,
            taken=taken.entries,
            unsigned=taken.unsigned,
            left=taken.left,
            frozen=len(behind),
            objects=Digest(frozen.digest_of(behind)),
        )
        _tell(
            database,
            settings,
            keys,
            clock,
            LedgerRestored(size=done.size, root=Digest(root)),
            started,
        )
    finally:
        database.close()
    return done


def _caught_up(connection: Connection, sources: Sources) -> Taken:
    signed = signed_by(sources.copies, sources.keys)
    known = [*sources.known, *(each for each, _ in signed)]
    before = entries.read_head(connection).size
    for each in known:
        if each.size <= before:
            _hold_against(connection, each)
    roots = _roots(each for each in known if each.size > before)
    taken = take(connection, sources.copies, roots, unsigned=sources.unsigned)
    size = entries.read_head(connection).size
    newest = max(known, key=lambda each: each.size, default=Known(0, b"", ""))
    if size < newest.size:
        raise RestoreNeedsLedger(_missing(size, newest, taken))
    for each, note in signed:
        if before < each.size <= size:
            entries.keep_checkpoint(connection, each.size, note)
    return taken


def _hold_against(connection: Connection, known: Known) -> None:
    if range_root(known.size, StoredNodes(connection)) != known.root:
        raise RestoreRefused(
            f"the first {known.size} entries of the backup are not those that {known.holder} knows"
        )


def _roots(known: Iterable[Known]) -> dict[int, bytes]:
    roots: dict[int, bytes] = {}
    for each in known:
        if roots.setdefault(each.size, each.root) != each.root:
            raise RestoreRefused(
                f"two roots were signed for {each.size} entries, one of them known to {each.holder}:"
                " that is a forked ledger; nothing is restored"
            )
    return roots


def _missing(size: int, newest: Known, taken: Taken) -> str:
    told = "".join(f"; refused: {why}" for why in taken.refused)
    count = newest.size - size
    return (
        f"the backup ends at {size} entries, but {newest.holder} knows {newest.size}: {count} entries would be lost."
        f" Name a copy of the ledger that holds them with --ledger, or restore a newer backup{told}"
    )


def _tell(  # where, with what, and the two facts
    database: Database,
    settings: Settings,
    keys: Keyring,
    clock: Clock,
    restored: LedgerRestored,
    started: EpochStarted,
) -> None:
    with database.reading() as connection:
        keys = server_keys.current(connection, keys)
    writer = Writer(database, clock, Surroundings(keyring=keys, settings=settings))

    def tell(change: Change) -> None:
        change.record(restored)
        change.record(started)

    try:
        writer.submit(system("restore"), tell).result()
    finally:
        writer.close()
