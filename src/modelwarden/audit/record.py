"""What another system hands in to be recorded, read strictly (LG-55). Pure: no database, no rights.

Words that stand openly (type, component, action, ref, tags) have forms without room for sentences. What may be personal
(`user_id`, `details`) becomes erasable text. Types are written in capitals, so that none can be taken for one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from modelwarden.errors import NotCanonical, RecordFromFuture, RecordInvalid, TooManyRecords
from modelwarden.facts.kinds import Severity, plain
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import TAG

MOST: Final = 1_000
"""Records that are taken together."""
AHEAD: Final = timedelta(minutes=5)
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_DETAILS: Final = 20_000
LONGEST_USER: Final = 256
MOST_TAGS: Final = 16
MOST_OPEN: Final = 16
RESERVED: Final = "modelwarden"
"""No other system's component is called so."""

FIELDS: Final = frozenset(
    {
        "ref", "event_type", "component", "action", "details", "severity", "compliance_tags", "timestamp",
        "user_id",
    }
)  # fmt: skip
REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
EVENT: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
COMPONENT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
ACTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
OPEN: Final = re.compile(r"[A-Za-z0-9_.:+/-]{1,64}")
"""What an allow-listed detail has to look like to stand openly; anything else stays in the text alone."""
_SEVERITIES: Final = frozenset(severity.value for severity in Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRecord:
    """One record of another system.

    Attributes:
        details: canonical JSON of whatever it says, or None.
        said: the same as values.
        occurred_at: when it happened, or None for now.
        user: who it says acted.
    """

    ref: str
    event: str
    component: str
    action: str
    severity: Severity
    tags: tuple[str, ...]
    details: str | None
    said: Mapping[str, Any]
    occurred_at: datetime | None
    user: str | None

    def opened(self, keys: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return the details under these keys that have a form to stand openly."""
        found = ((key, _as_word(self.said[key])) for key in sorted(keys) if key in self.said)
        shown = [(key, word) for key, word in found if OPEN.fullmatch(key) and OPEN.fullmatch(word)]
        return tuple(shown[:MOST_OPEN])

    def require_past(self, now: datetime, number: int) -> None:
        """Raise RecordFromFuture if it is dated more than five minutes ahead."""
        if self.occurred_at is not None and self.occurred_at > now + AHEAD:
            raise RecordFromFuture(number)


def as_records(values: Sequence[Mapping[str, Any]]) -> tuple[ExternalRecord, ...]:
    """Read records. Raises RecordInvalid, naming the number of the first bad one, and TooManyRecords."""
    if isinstance(values, str | bytes | Mapping) or not values:
        raise RecordInvalid(0, "records", "a list of one record or more")
    if len(values) > MOST:
        raise TooManyRecords(f"{len(values):,} records; hand in at most {MOST:,} at once")
    return tuple(as_record(value, number) for number, value in enumerate(values))


def as_record(value: object, number: int = 0) -> ExternalRecord:
    """Read one record; `number` is its place in the batch. Raises RecordInvalid."""
    if not isinstance(value, Mapping):
        raise RecordInvalid(number, "record", "an object")
    for name in value:
        if name not in FIELDS:
            raise RecordInvalid(number, "record", f"none but {', '.join(sorted(FIELDS))}")
    details = _details(value.get("details"), number)
    return ExternalRecord(
        ref=_word(value, "ref", REF, number),
        event=_word(value, "event_type", EVENT, number),
        component=_component(value, number),
        action=_word(value, "action", ACTION, number),
        severity=_severity(value.get("severity"), number),
        tags=_tags(value.get("compliance_tags"), number),
        details=None if details is None else _text(details, number),
        said=details or {},
        occurred_at=_moment(value.get("timestamp"), number),
        user=_user(value.get("user_id"), number),
    )


def _word(value: Mapping[str, Any], name: str, form: re.Pattern[str], number: int) -> str:
    word = value.get(name)
    if not isinstance(word, str) or form.fullmatch(word) is None:
        raise RecordInvalid(number, name, f"text of the form {form.pattern}")
    return word


def _component(value: Mapping[str, Any], number: int) -> str:
    word = _word(value, "component", COMPONENT, number)
    if word.lower().startswith(RESERVED):
        raise RecordInvalid(number, "component", f"a name that doesn't begin with {RESERVED}")
    return word


def _severity(word: object, number: int) -> Severity:
    if word is None:
        return Severity.INFO
    if not isinstance(word, str) or word not in _SEVERITIES:
        raise RecordInvalid(number, "severity", f"one of {', '.join(Severity)}")
    return Severity(word)


def _tags(value: object, number: int) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list | tuple) and len(value) <= MOST_TAGS and all(map(_is_tag, value)):
        return tuple(sorted(set(value)))
    raise RecordInvalid(number, "compliance_tags", f"at most {MOST_TAGS}, each {TAG.pattern}")


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and TAG.fullmatch(value) is not None


def _details(value: object, number: int) -> Mapping[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise RecordInvalid(number, "details", "an object")
    return value


def _text(details: Mapping[str, Any], number: int) -> str:
    try:
        text = encode_any(dict(details)).decode()
    except NotCanonical as error:
        raise RecordInvalid(number, "details", f"values that JSON can hold ({error})") from None
    if len(text) > LONGEST_DETAILS:
        expected = f"at most {LONGEST_DETAILS:,} characters of JSON, not {len(text):,}"
        raise RecordInvalid(number, "details", expected)
    return text


def _as_word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return encode_any(value).decode()
    return value if isinstance(value, str) else ""


def _moment(value: object, number: int) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime) and found.tzinfo is not None:
            found = found.astimezone(UTC)
            if found >= EARLIEST:
                return found
    except (ValueError, OverflowError):
        pass
    raise RecordInvalid(number, "timestamp", "a time since 1970 with its zone, as in ISO 8601")


def _user(value: object, number: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_USER:
        raise RecordInvalid(number, "user_id", f"text of 1 to {LONGEST_USER} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RecordInvalid(number, "user_id", "text without half a character") from None
    return value


def says_the_same(record: ExternalRecord, body: Mapping[str, Any]) -> bool:
    """Tell whether the open parts of a stored entry are those of this record."""
    fact = body.get("fact", {})
    at = None if record.occurred_at is None else plain(record.occurred_at)
    return (
        (fact.get("event"), fact.get("component"), fact.get("action"))
        == (record.event, record.component, record.action)
        and body.get("severity") == record.severity.value
        and tuple(body.get("tags", ())) == record.tags
        and at in {None, fact.get("occurred_at")}
        and ("details" in fact) == (record.details is not None)
        and ("user" in fact) == (record.user is not None)
    )
