"""The words of entries, and of what somebody looks for (LG-42). Pure.

What a caller types is cut into plain words here, before it comes near a database: no operator of a query language can
be typed. A word is a run of letters and digits, in small letters; words in double quotes have to follow one another.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_WORDS: Final = 2_000
"""Words of one entry that are kept."""
LONGEST_WORD: Final = 100
MOST_ASKED: Final = 32
"""Phrases that are looked for at once, and words in one."""
PARTS: Final = ("about", "fact", "tags", "context")
"""What of an entry holds public words, beside its type, severity, outcome and actor."""

_WORD: Final = re.compile(r"[^\W_]+")
_PHRASE: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
"""Digests and commitments are no words."""


class Asked(NamedTuple):
    """What to look for: phrases of one word or more, all of which have to be there."""

    phrases: tuple[tuple[str, ...], ...]

    def is_in(self, texts: Sequence[Sequence[str]]) -> bool:
        """Tell whether each phrase stands in one of these texts, given by their words."""
        return all(any(_holds(words, phrase) for words in texts) for phrase in self.phrases)


def asked(typed: str) -> Asked:
    """Return what somebody typed as plain words and phrases; none when it holds no word."""
    phrases: list[tuple[str, ...]] = []
    for quoted, bare in _PHRASE.findall(typed):
        phrase = tuple(words_of(quoted or bare)[:MOST_ASKED])
        if phrase:
            phrases.append(phrase)
    return Asked(tuple(dict.fromkeys(phrases))[:MOST_ASKED])


def words_of(text: str) -> list[str]:
    """Return the words of a text."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(text.casefold())]


def public_words(body: bytes) -> list[str]:
    """Return the words that stand openly in an entry; none of an altered one, which verification names."""
    try:
        said = json.loads(body)
    except ValueError:
        return []
    return [word for text in _texts(said) for word in words_of(text)][:MOST_WORDS]


def _texts(said: Any) -> Iterator[str]:  # noqa: ANN401  # JSON
    if not isinstance(said, dict):
        return
    yield from _leaves([said.get(name) for name in ("type", "severity", "outcome")])
    actor = said.get("actor")
    yield from _leaves(actor.get("id") if isinstance(actor, dict) else None)
    yield from _leaves([said.get(name) for name in PARTS])


def _leaves(value: Any) -> Iterator[str]:  # noqa: ANN401  # JSON
    if isinstance(value, str):
        if _DIGEST.fullmatch(value) is None:
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)


def _holds(words: Sequence[str], phrase: Sequence[str]) -> bool:
    first, length = phrase[0], len(phrase)
    return any(
        word == first and tuple(words[place : place + length]) == tuple(phrase)
        for place, word in enumerate(words)
    )
