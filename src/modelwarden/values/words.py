"""Words that callers send for members of a fixed list."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from modelwarden.errors import ValueInvalid

E = TypeVar("E", bound=StrEnum)


def named(words: type[E], word: str, *, field: str) -> E:
    """Return the member that a word names. Raises ValueInvalid, listing the members."""
    try:
        return words(word)
    except ValueError as error:
        raise ValueInvalid(field, f"one of {', '.join(words)}") from error


def maybe_named(words: type[E], word: str | None, *, field: str) -> E | None:
    """Return the member that a word names, or None for no word. Raises ValueInvalid."""
    return None if word is None else named(words, word, field=field)
