"""What a change may write beside governed values, and how many subjects an entry names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import IntegrityError

from modelwarden.errors import Conflict, NotCanonical, UnrecordedChange
from modelwarden.store.running import run

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql import Executable

MOST_SUBJECTS: Final = 32


def write_rows(
    connection: Connection, statement: Executable, params: object, allowed: set[str]
) -> int:
    """Write rows of tables of these classes; return how many. Raises UnrecordedChange, Conflict."""
    table = getattr(statement, "table", None)
    role = getattr(table, "info", {}).get("class")
    if role not in allowed:
        raise UnrecordedChange(f"{table} is {role}: it can't be written here")
    try:
        if params is None or isinstance(params, Mapping):
            return run(connection, statement, params).touched
        done: int = connection.execute(statement, params).rowcount  # type: ignore[call-overload]
    except IntegrityError as error:
        raise Conflict("row of", str(table)) from error
    return done


def named(subjects: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the first subjects in order, as many as an entry names. Raises NotCanonical for control characters."""
    found = sorted(subjects, key=lambda subject: f"{subject[0]}:{subject[1]}")[:MOST_SUBJECTS]
    if not all(name.isprintable() for _, name in found):
        raise NotCanonical("$.about: a name with control characters or lone surrogates")
    return found
