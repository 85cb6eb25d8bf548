"""Small deeds for tests of the store: a role that is defined, refused, or fails, and a writer that can be held."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import select

from modelwarden.access.actor import Role
from modelwarden.errors import SelfGrant
from modelwarden.facts.access import RoleDefined
from modelwarden.facts.kinds import Code
from modelwarden.store.schema.access import roles
from modelwarden.store.schema.ledger import entries
from modelwarden.store.state import check_state
from modelwarden.store.verification import verify_ledger
from modelwarden.values.ids import RoleName
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.ledger.result import Result
    from modelwarden.store.change import Change
    from modelwarden.store.receipt import Answer
    from modelwarden.warden.warden import Warden

ME = system("tester")


def define(name: str, *permissions: str) -> Callable[[Change], Role]:
    """Return an action that keeps a role and tells of it."""

    def act(change: Change) -> Role:
        role = change.save(Role(name=name, permissions=permissions))
        tell(change, name)
        return role

    return act


def redefine(role: Role, *permissions: str) -> Callable[[Change], Role]:
    """Return an action that keeps a role at its next revision."""

    def act(change: Change) -> Role:
        kept = change.save(Role(name=role.name, permissions=permissions, revision=role.revision))
        tell(change, role.name)
        return kept

    return act


def tell(change: Change, name: str, *includes: str) -> None:
    """Record that a role was defined."""
    named = tuple(RoleName(word) for word in includes)
    change.record(RoleDefined(role=RoleName(name), permissions=(Code("x"),), includes=named))


def refuse(change: Change) -> NoReturn:
    """Write something, tell of it, and be refused after all."""
    change.save(Role(name="refused", permissions=()))
    tell(change, "refused")
    raise SelfGrant("no", about=(("role", "refused"),), reasons=("because",))


def submitted(warden: Warden, action: Callable[[Change], Any]) -> Answer:
    """Run an action and return its answer with the receipt."""
    return warden.submit(ME, action).result(30)


def stored_roles(warden: Warden) -> dict[str, int]:
    """Return the names and revisions of the roles that are stored."""
    with warden.store.database.reading() as connection:
        return {row.name: row.revision for row in connection.execute(select(roles))}


def bodies(warden: Warden) -> list[dict[str, Any]]:
    """Return the bodies of all entries, in order."""
    with warden.store.database.reading() as connection:
        rows = connection.execute(select(entries.c.body).order_by(entries.c.seq)).all()
    return [json.loads(row.body) for row in rows]


def verified(warden: Warden, *, state: bool = False) -> Result:
    """Return the result of verifying all that stands in the database, index included."""
    keyring = warden.store.around.keyring
    with warden.store.database.reading() as connection:
        found = verify_ledger(
            connection, origin=keyring.origin, keys=[keyring.log_key.verifier], strict=True
        )
        if state:
            findings, _ = check_state(connection, keyring)
            found = found.adding(findings.problems)
    return found


def files_with(folder: Path, *secrets: bytes) -> list[str]:
    """Return the names of the files below a folder that hold any of these bytes."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            data = path.read_bytes()
        except (IsADirectoryError, FileNotFoundError):  # a file in the making was put in its place
            continue
        found += [path.name for secret in secrets if secret in data]
    return found


@contextmanager
def held(warden: Warden, *, name: str = "holder") -> Iterator[None]:
    """Hold the writer at work, so that whatever is submitted meanwhile waits and becomes one batch."""
    is_held, go_on = threading.Event(), threading.Event()

    def hold(change: Change) -> None:
        is_held.set()
        assert go_on.wait(30)
        define(name)(change)

    future = warden.submit(ME, hold)
    assert is_held.wait(30)
    try:
        yield
    finally:
        go_on.set()
        future.result(30)
