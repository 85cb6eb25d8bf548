"""Pages of a list: a limit, an opaque cursor, and what came back."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from modelwarden.errors import CursorInvalid, FilterInvalid

T = TypeVar("T")

DEFAULT_LIMIT: Final = 50
MOST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What part of a list is wanted: at most `limit` items, after the key that `cursor` holds."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST:
            raise FilterInvalid("limit", f"a whole number from 1 to {MOST}")

    @property
    def after(self) -> str | None:
        """Return the key after which the page begins, or None for the first page. Raises CursorInvalid."""
        if self.cursor is None:
            return None
        try:
            return base64.urlsafe_b64decode(self.cursor.encode("ascii") + b"==").decode("utf-8")
        except (binascii.Error, UnicodeError) as error:
            raise CursorInvalid from error

    @property
    def after_number(self) -> int | None:
        """Return the key as a whole number, for lists that are ordered by one. Raises CursorInvalid."""
        key = self.after
        if key is None:
            return None
        if not (key.isascii() and key.isdigit() and len(key) <= 18):  # noqa: PLR2004  # fits 64 bits
            raise CursorInvalid
        return int(key)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """One page of a list, and the cursor of the next where there is one.

    A search for words says by `indexed_to` how many entries it knows, from the first on.
    """

    items: tuple[T, ...]
    next_cursor: str | None = None
    indexed_to: int | None = None


def cursor_for(key: str | int) -> str:
    """Return the opaque cursor that continues after this key."""
    return base64.urlsafe_b64encode(str(key).encode("utf-8")).rstrip(b"=").decode("ascii")


def listing(items: list[T], page: Page, *, key: str | None) -> Listing[T]:
    """Return a page of items; a full one continues after `key`, the key of its last item."""
    full = len(items) == page.limit and key is not None
    return Listing(tuple(items), cursor_for(key) if full and key is not None else None)
