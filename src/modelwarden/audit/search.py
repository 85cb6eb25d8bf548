"""What a search of the ledger may ask for (LG-40), read strictly. Pure: no database, no rights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.audit.words import asked
from modelwarden.errors import FilterInvalid
from modelwarden.facts.catalogue import SOURCE_NAMES, TYPES
from modelwarden.facts.kinds import Family, Outcome, Severity
from modelwarden.values.ids import TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIASES: Final[Mapping[str, str]] = MappingProxyType({"user": "actor", "user_id": "actor"})
FILTERS: Final = (
    "actor",
    "subject",
    "type",
    "family",
    "severity",
    "outcome",
    "tag",
    "component",
    "text",
    "since",
    "until",
    "first",
    "last",
)
_FAMILIES: Final = frozenset(family.value for family in Family)
_OUTCOMES: Final = frozenset(outcome.value for outcome in Outcome)
_SUBJECT: Final = re.compile(r"([a-z][a-z_]{0,31}):(.{1,256})", re.DOTALL)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SEQ: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_ACTOR_LONGEST: Final = 128
_TEXT_LONGEST: Final = 500

MOST_BRANCHES: Final = 12
"""Of so many types each is walked by itself; more are picked out of all entries."""
_SEVERE: Final = frozenset({Severity.HIGH, Severity.CRITICAL})
_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries are wanted; what is None or empty is not asked about. Several types or severities mean any.

    Attributes:
        actor: a handle or id, as it was given.
        subject: kind and id, as in `model:churn` or `version:churn@1.4.0`.
        since, until: times of the entries, ends included.
        component: of a record of another system.
        text: words, and phrases in double quotes, that all have to stand openly in the entry.
        first, last: sequence numbers, ends included.
    """

    actor: str | None = None
    subject: tuple[str, str] | None = None
    types: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    outcome: Outcome | None = None
    tag: str | None = None
    component: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    first: int | None = None
    last: int | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether all entries fit."""
        return self == EntryFilter()


def as_filter(asked: Mapping[str, object]) -> EntryFilter:
    """Return the filter that names and values ask for; None values are left out.

    A list is a list or comma-separated text, a time a datetime or ISO 8601 text, a number an int or digits.
    Raises FilterInvalid, also for a name that is no filter.
    """
    given = {ALIASES.get(name, name): item for name, item in asked.items() if item is not None}
    for name in given:
        if name not in FILTERS:
            raise FilterInvalid(name, f"one of the filters: {', '.join(FILTERS)}")
    types = _types("type", given.get("type")) + _types("family", given.get("family"))
    return EntryFilter(
        actor=_text("actor", given.get("actor")),
        subject=_subject(given.get("subject")),
        types=tuple(dict.fromkeys(types)),
        severities=_severities(given.get("severity")),
        outcome=_outcome(given.get("outcome")),
        tag=_tag(given.get("tag")),
        component=_text("component", given.get("component")),
        text=_sought(given.get("text")),
        since=_time("since", given.get("since")),
        until=_time("until", given.get("until")),
        first=_number("first", given.get("first")),
        last=_number("last", given.get("last")),
    )


def narrowest(wanted: EntryFilter) -> tuple[str, tuple[object, ...]]:
    """Return by which index of entries to walk, and the values in it to walk at once."""
    values: tuple[object, ...] = (0,)
    by = "seq"
    if wanted.text is not None:
        by = "text"
    elif wanted.subject is not None:
        by = "subject"
    elif wanted.component is not None:
        by = "component"
    elif wanted.tag is not None:
        by, values = "tag", (wanted.tag,)
    elif 0 < len(wanted.types) <= MOST_BRANCHES:
        by, values = "type", wanted.types
    elif wanted.severities and _SEVERE.issuperset(wanted.severities):
        by, values = "severity", tuple(_RANK[severity] for severity in wanted.severities)
    elif wanted.actor is not None:
        by, values = "actor", (wanted.actor,)
    return by, values


def types_of(word: str) -> tuple[str, ...]:
    """Return the types that a word means: a type, `switch.*`, a family, or a name of the source documents."""
    if word in TYPES:
        return (word,)
    if word in SOURCE_NAMES:
        return tuple(name for name in SOURCE_NAMES[word] if name in TYPES)
    if word in _FAMILIES:
        return tuple(name for name, kind in TYPES.items() if kind.family == word)
    prefix, star, rest = word.partition("*")
    if star and not rest and prefix.endswith("."):
        return tuple(name for name in TYPES if name.startswith(prefix))
    return ()


def _types(name: str, value: object) -> tuple[str, ...]:
    found: list[str] = []
    for word in _words(name, value):
        meant = types_of(word)
        if not meant:
            raise FilterInvalid(
                name, f"a known type, a family, or a pattern like model.*; not {word!r}"
            )
        found.extend(meant)
    return tuple(found)


def _severities(value: object) -> tuple[Severity, ...]:
    words = [word.upper() for word in _words("severity", value)]
    if not set(words) <= {severity.value for severity in Severity}:
        raise FilterInvalid("severity", f"any of {', '.join(Severity)}")
    return tuple(severity for severity in Severity if severity.value in words)


def _outcome(value: object) -> Outcome | None:
    word = _text("outcome", value)
    if word is not None and word not in _OUTCOMES:
        raise FilterInvalid("outcome", f"one of {', '.join(Outcome)}")
    return None if word is None else Outcome(word)


def _tag(value: object) -> str | None:
    tag = _text("tag", value)
    if tag is not None and TAG.fullmatch(tag) is None:
        raise FilterInvalid("tag", f"of the form {TAG.pattern}")
    return tag


def _sought(value: object) -> str | None:
    text = _text("text", value, longest=_TEXT_LONGEST)
    if text is not None and not asked(text).phrases:
        raise FilterInvalid("text", 'words of letters and digits, or a phrase in "double quotes"')
    return text


def _subject(value: object) -> tuple[str, str] | None:
    text = _text("subject", value, longest=300)
    if text is None:
        return None
    found = _SUBJECT.fullmatch(text)
    if found is None:
        raise FilterInvalid("subject", "kind:id, as in model:churn or version:churn@1.4.0")
    return found[1], found[2]


def _time(name: str, value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            is_day = _DAY.fullmatch(value) is not None
            value = datetime.fromisoformat(value)
            if is_day and name == "until":  # that day is meant too
                value += timedelta(days=1, microseconds=-1)
        except (ValueError, OverflowError):
            raise FilterInvalid(name, "a time such as 2026-11-20 or 2026-11-20T11:19:40Z") from None
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise FilterInvalid(name, "a time such as 2026-11-20T11:19:40Z")
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _number(name: str, value: object) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    if isinstance(value, str) and _SEQ.fullmatch(value):
        return int(value)
    raise FilterInvalid(name, "the sequence number of an entry, from 0")


def _text(name: str, value: object, *, longest: int = _ACTOR_LONGEST) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise FilterInvalid(name, f"printable text of 1 to {longest} characters")
    return str(value)


def _words(name: str, value: object) -> list[str]:
    """Return the words of a list, or of comma-separated text."""
    if value is None:
        return []
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, Sequence):
        raise FilterInvalid(name, "a word or a list of words")
    return [str(item).strip() for item in items]
