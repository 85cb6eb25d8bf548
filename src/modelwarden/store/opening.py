"""Opening a database: make or load its keys, check its schema, and begin its ledger where it has none."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwarden.errors import KeyUnusable, LedgerUnavailable
from modelwarden.facts.kinds import KeyText, OriginName
from modelwarden.facts.ledger import LedgerStarted
from modelwarden.ledger.entry import chain_start
from modelwarden.store import entries, frozen, keyring, locked, migrate, new_ledger, server_keys
from modelwarden.store.change import Surroundings
from modelwarden.store.checkpoints import Signer
from modelwarden.store.database import Database
from modelwarden.store.writer import Writer
from modelwarden.values.clock import timestamp
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.config import Settings
    from modelwarden.store.change import Change
    from modelwarden.store.keyring import Keyring
    from modelwarden.values.clock import Clock


@dataclass(frozen=True, slots=True)
class Store:
    """An open database with its writer, signer and keys. `close` drains the writer and signs a last time."""

    database: Database
    writer: Writer
    signer: Signer
    around: Surroundings

    def after_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit of this process."""
        self.writer.after_commit.append(wake)

    def start(self) -> None:
        """Begin to sign what is committed, unless something stopped the writes before."""
        self.signer.start()

    def close(self) -> None:
        """Answer what waits, sign, and close all connections."""
        self.signer.close()
        self.writer.close()
        self.database.close()


def open_store(settings: Settings, clock: Clock, *, started: bool = True) -> Store:
    """Open the database that the settings name, beginning an empty one.

    Unless `started`, nothing is signed before `start` is called: whoever opens it has more to compare first (LG-26).

    Raises:
        SchemaTooOld, SchemaTooNew: `migrate` or a newer release is needed.
        KeyUnusable: keys are missing for a database that has a ledger already; without the one that encrypts texts
            alone it opens read only (AC-81).
    """
    database = Database(settings.url)
    try:
        keys = _prepared(database, settings, clock)
        with database.reading() as connection:
            behind, before = frozen.names(connection), locked.before(connection)
        around = Surroundings(keyring=keys, settings=settings, frozen=behind, locked_before=before)
        writer = Writer(database, clock, around)
        writer.read_only = locked.reason(keys)
        signer = Signer(database, writer, around, clock, _set(settings.ledger_guard_file))
        if _is_empty(database):
            writer.submit(system("ledger"), _start).result()
        if started:
            signer.start()
    except BaseException:
        database.close()
        raise
    return Store(database, writer, signer, around)


def _prepared(database: Database, settings: Settings, clock: Clock) -> Keyring:
    folder = _set(settings.keys_folder)
    has_schema = migrate.require_current(database)
    if not has_schema:
        migrate.migrate(database)
    with database.reading() as connection:
        origin = entries.origin_of(connection)
    keys = _keys(database, folder) if origin is not None else _new_keys(folder, settings)
    if origin is None:
        with database.writing() as connection:
            origin = entries.origin_of(connection)  # another process may have been faster
            if origin is None:
                origin, begin = keys.origin, chain_start(keys.origin)
                entries.start(
                    connection, origin=origin, chain_start=begin, at=timestamp(clock.now())
                )
    with database.reading() as connection:
        keys = new_ledger.finish(connection, folder, keys, origin)
    if keys.origin != origin:
        raise KeyUnusable(
            f"the keys are of {keys.origin}, the database is of {origin}; point to the right folder"
        )
    with database.reading() as connection:
        keys = server_keys.current(connection, keys)
    _check_log_key(database, keys)
    return keys


def _keys(database: Database, folder: Path) -> Keyring:
    with database.reading() as connection:
        return locked.keys_of(folder, connection)


def _check_log_key(database: Database, keys: Keyring) -> None:
    """Refuse a log key that no entry names: keys of one ledger's name may be anybody's. Raises KeyUnusable."""
    with database.reading() as connection:
        if not entries.read_head(connection).size:
            return
        if not any(keys.log_key.vkey.encode() in body for body in entries.key_bodies(connection)):
            raise KeyUnusable(
                f"no entry of the ledger names the log key in the keys folder, {keys.log_key.vkey}: it is of another"
                " ledger of that name. Put the right keys back"
            )


def _new_keys(folder: Path, settings: Settings) -> Keyring:
    origin = settings.ledger_origin or f"modelwarden.local/{secrets.token_hex(8)}"
    return keyring.load_or_create(folder, origin)


def _is_empty(database: Database) -> bool:
    with database.reading() as connection:
        return entries.read_head(connection).size == 0


def _start(change: Change) -> None:
    """Record entry 0, once: another process may have been faster (LG-21)."""
    if entries.read_head(change.connection, lock=True).size:
        change.stands_at = 0
        return
    keys = change.keyring
    change.record(
        LedgerStarted(
            origin=OriginName(keys.origin),
            epoch=1,
            log_key=KeyText(keys.log_key.vkey),
            server_key=KeyText(base64.b64encode(keys.server_key.spki).decode("ascii")),
        )
    )


def _set(path: Path | None) -> Path:
    if path is None:
        raise LedgerUnavailable("settings have to be located first")
    return path
