"""Evidence: figures about one version, never changed, and the forms that each kind has (EV-1 to EV-4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import EvidenceFromFuture, EvidenceInvalid, NotCanonical, ValueInvalid
from modelwarden.policies.evaluate import AHEAD
from modelwarden.policies.findings import GRADES
from modelwarden.registry.metric import METRIC_NAME, MOST_METRICS, decimal_text
from modelwarden.registry.model import KIND_WORDS
from modelwarden.registry.version import FINGERPRINT, MOST_DATASETS, ROLE
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import HEX_DIGEST, NAME, REFERENCE, Digest

if TYPE_CHECKING:
    import re
    from datetime import datetime

    from modelwarden.values.ids import ActorId, EvidenceId, ModelName, PersonId, VersionName

MOST_INPUTS: Final = 32
MOST_COUNT: Final = 1_000_000
OLDEST: Final = timedelta(days=3_650)
PARTS: Final = ("ci_lower", "value", "ci_upper")
"""Of a figure: in this order they may not fall."""


class EvidenceKind(StrEnum):
    """What evidence is about; further kinds arrive with what makes them (EV-2)."""

    METRIC = "metric"
    FINDINGS = "findings"
    LINEAGE = "lineage"
    ATTESTATION = "attestation"
    SIGNATURE = "signature"
    CONTENTS = "contents"


class Assurance(StrEnum):
    """Whose word it is (EV-3)."""

    IMPORTED = "imported"
    ATTESTED = "attested"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One piece of evidence about one version.

    Attributes:
        subject: digest of the bytes, or of the record where nobody has read bytes: it counts for no other (EV-1).
        value: of its kind's form, figures as decimal text; `value_sha256` is what the fact names.
        tool: the program that made it.
        inputs: digests of what it was made from.
    """

    id: EvidenceId
    kind: EvidenceKind
    model: ModelName
    version: VersionName
    subject: Digest
    value: Mapping[str, Any]
    value_sha256: Digest
    produced_at: datetime
    tool: str
    inputs: tuple[Digest, ...]
    assurance: Assurance
    recorded_by: ActorId
    recorded_person: PersonId
    recorded_at: datetime
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvidence:
    """What a caller says, checked.

    Attributes:
        artifact: SHA-256 of the bytes that it is about; without one, those of the version.
        produced_at: None is now.
    """

    kind: EvidenceKind
    value: Mapping[str, Any]
    tool: str
    produced_at: datetime | None = None
    inputs: tuple[Digest, ...] = ()
    artifact: Digest | None = None

    def __post_init__(self) -> None:
        """Check the form of every word. Raises EvidenceInvalid."""
        if not KIND_WORDS.fullmatch(self.tool):
            raise EvidenceInvalid("tool: the name of a program, at most 128 plain characters")
        digests = (*self.inputs, *(() if self.artifact is None else (self.artifact,)))
        if len(self.inputs) > MOST_INPUTS or not all(HEX_DIGEST.fullmatch(d) for d in digests):
            raise EvidenceInvalid(f"inputs: at most {MOST_INPUTS} SHA-256 of 64 hex digits")
        if self.produced_at is not None and self.produced_at.tzinfo is None:
            raise EvidenceInvalid("produced_at: a time with its zone")

    def at(self, now: datetime) -> datetime:
        """Return when it was produced. Raises EvidenceFromFuture, EvidenceInvalid."""
        at = self.produced_at or now
        if at - now > AHEAD:
            raise EvidenceFromFuture("evidence can't be of a time that is to come; check the clock")
        if now - at > OLDEST:
            raise EvidenceInvalid("produced_at: at most ten years ago")
        return at


def checked_value(kind: EvidenceKind, value: object) -> dict[str, Any]:
    """Return a value in the one form of its kind. Raises EvidenceInvalid; NaN and infinity are no figures."""
    if not isinstance(value, Mapping):
        raise EvidenceInvalid(f"value: an object of kind {kind}")
    forms = {
        EvidenceKind.METRIC: _metric,
        EvidenceKind.FINDINGS: _findings,
        EvidenceKind.LINEAGE: _lineage,
    }
    if kind is EvidenceKind.ATTESTATION:
        raise EvidenceInvalid("kind: an attestation is signed by a person: evidence attest")
    if kind not in forms:
        raise EvidenceInvalid(
            "kind: a signature is a bundle, given as report; contents the server reads"
        )
    return forms[kind](value)


def value_digest(value: Mapping[str, Any]) -> Digest:
    """Return the SHA-256 of a value's canonical bytes; of nothing, for what can't be written so."""
    try:
        data = encode_any(value)
    except NotCanonical:
        data = b""
    return Digest(sha256(data).hexdigest())


def _metric(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `{metrics: {name: {value, ci_lower, ci_upper}}, dataset_role, dataset}`; a bare number is its value."""
    _closed(value, {"metrics", "dataset_role", "dataset"})
    figures = value.get("metrics")
    if not isinstance(figures, Mapping) or not 0 < len(figures) <= MOST_METRICS:
        raise EvidenceInvalid(f"value.metrics: 1 to {MOST_METRICS} figures by name")
    found: dict[str, Any] = {
        "metrics": {name: _figure(name, figures[name]) for name in sorted(figures, key=str)}
    }
    found |= _worded(value, "dataset_role", ROLE) | _worded(value, "dataset", FINGERPRINT)
    return found


def _figure(name: object, given: object) -> dict[str, str]:
    if not isinstance(name, str) or not METRIC_NAME.fullmatch(name):
        raise EvidenceInvalid(f"value.metrics: names that match {METRIC_NAME.pattern}")
    parts: Mapping[Any, Any] = given if isinstance(given, Mapping) else {"value": given}
    _closed(parts, set(PARTS))
    if "value" not in parts or ("ci_lower" in parts) != ("ci_upper" in parts):
        raise EvidenceInvalid(
            f"value.metrics.{name}: a value, with both ends of an interval or none"
        )
    try:
        found = {
            part: decimal_text(parts[part], f"metrics.{name}") for part in PARTS if part in parts
        }
    except (ValueInvalid, TypeError) as error:
        raise EvidenceInvalid(f"value.metrics.{name}: a finite number") from error
    numbers = [float(found[part]) for part in PARTS if part in found]
    if numbers != sorted(numbers):
        raise EvidenceInvalid(f"value.metrics.{name}: the value lies outside its interval")
    return found


def _findings(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `{source, counts}` with a count of every grade."""
    _closed(value, {"source", "counts"})
    found = _worded(value, "source", NAME)
    counts = value.get("counts")
    if "source" not in found or not isinstance(counts, Mapping):
        raise EvidenceInvalid(
            "value: {source: …, counts: {critical: 0, high: 0, medium: 0, low: 0}}"
        )
    _closed(counts, set(GRADES))
    if missing := set(GRADES) - counts.keys() - {"unknown"}:
        raise EvidenceInvalid(f"value.counts: how many are {', '.join(sorted(missing))}")
    for grade, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_COUNT:
            raise EvidenceInvalid(f"value.counts.{grade}: a whole number of at least 0")
    return {**found, "counts": {grade: counts.get(grade, 0) for grade in GRADES}}


def _lineage(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `{run, code, environment, artifact, datasets}`; all but the datasets may be left out (LN-1)."""
    _closed(value, {"run", "code", "environment", "artifact", "datasets"})
    used = value.get("datasets", ())
    if not isinstance(used, list | tuple) or len(used) > MOST_DATASETS:
        raise EvidenceInvalid(f"value.datasets: at most {MOST_DATASETS} fingerprints")
    if not all(isinstance(each, str) and FINGERPRINT.fullmatch(each) for each in used):
        raise EvidenceInvalid(f"value.datasets: texts that match {FINGERPRINT.pattern}")
    found: dict[str, Any] = {"datasets": sorted(set(used))}
    for key, form in (("run", REFERENCE), ("code", REFERENCE), ("environment", FINGERPRINT)):
        found |= _worded(value, key, form)
    return found | _worded(value, "artifact", HEX_DIGEST)


def _closed(value: Mapping[Any, Any], known: set[str]) -> None:
    if unknown := sorted(str(key)[:64] for key in value if key not in known):
        raise EvidenceInvalid(f"value: only {', '.join(sorted(known))}; not {', '.join(unknown)}")


def _worded(value: Mapping[Any, Any], key: str, form: re.Pattern[str]) -> dict[str, str]:
    word = value.get(key)
    if word is None:
        return {}
    if not isinstance(word, str) or not form.fullmatch(word):
        raise EvidenceInvalid(f"value.{key}: text that matches {form.pattern}")
    return {key: word}
