"""Search that opens erasable texts too: at most 10,000 at once, by `personal.read`, and each use counted (LG-42)."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from modelwarden.access.allowed import authorize
from modelwarden.access.authorize import ANYTHING
from modelwarden.audit import queries
from modelwarden.audit.words import asked, public_words, words_of
from modelwarden.errors import KeyUnusable, SearchTooWide, TextsLocked
from modelwarden.facts.catalogue import TYPES
from modelwarden.permissions import Permission
from modelwarden.registry import actions as registry
from modelwarden.values.ids import Commitment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.access.authorize import Resource
    from modelwarden.audit.queries import Found
    from modelwarden.audit.search import EntryFilter
    from modelwarden.audit.words import Asked
    from modelwarden.store.change import View

MOST_OPENED: Final = 10_000
PART: Final = 500
ABOUT_A_MODEL: Final = frozenset({"model", "version"})
_COMMITMENT: Final = re.compile(r"\bCommitment\b")


def find(view: View, wanted: EntryFilter, *, below: int, limit: int) -> Found:
    """Return the newest entries below a number whose open words or texts hold what is asked for.

    Raises NotPermitted without `personal.read`, and SearchTooWide. What was erased is found no more.
    """
    authorize(view, Permission.PERSONAL_READ, on=_resource(view, wanted))
    sought = asked(wanted.text or "")
    rest = dataclasses.replace(wanted, text=None)
    opened, hits = 0, list[int]()
    at: int | None = below
    while at is not None:
        found = queries.page(view, rest, below=at, limit=PART)
        bodies = queries.entries_at(view, found.seqs)
        for seq in found.seqs:
            texts = list(_opened(view, bodies[seq].body))
            opened += len(texts)
            if opened > MOST_OPENED:
                raise SearchTooWide(
                    f"more than {MOST_OPENED:,} texts would have to be opened; narrow the search,"
                    " as by since, type or subject"
                )
            if _fits(sought, bodies[seq].body, texts):
                hits.append(seq)
            if len(hits) == limit:
                view.opened += opened
                return queries.Found(hits, seq)
        at = found.below
    view.opened += opened
    return queries.Found(hits, None)


def _fits(sought: Asked, body: bytes, texts: list[str]) -> bool:
    return sought.is_in([public_words(body), *map(words_of, texts)])


def _resource(view: View, wanted: EntryFilter) -> Resource:
    if wanted.subject is None or wanted.subject[0] not in ABOUT_A_MODEL:
        return ANYTHING
    return registry.resource_of(registry.model(view, wanted.subject[1].partition("@")[0]))


def _opened(view: View, body: bytes) -> Iterator[str]:
    """Yield the texts of an entry that still can be opened."""
    try:
        said: Any = json.loads(body)
        fact, kind = said["fact"], said["type"]
    except (ValueError, KeyError, TypeError):
        return
    for name in _text_fields(str(kind)):
        commitment = fact.get(name) if isinstance(fact, dict) else None
        try:
            words = view.words(Commitment(commitment)) if isinstance(commitment, str) else None
        except KeyUnusable:  # altered: verification names it
            continue
        except TextsLocked:
            if view.keyring.encryption_key is None:
                raise
            continue  # under an older key that is gone: verification counts them
        if words is not None:
            yield words


@cache
def _text_fields(name: str) -> tuple[str, ...]:
    kind = TYPES.get(name)
    if kind is None:
        return ()
    return tuple(
        field.name for field in dataclasses.fields(kind.fact) if _COMMITMENT.search(str(field.type))
    )
