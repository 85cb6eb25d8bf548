"""Recording evidence about a version (EV-1, EV-3). Once recorded it never changes; better evidence is new evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.errors import DigestMismatch, EvidenceInvalid
from modelwarden.facts.kinds import Code
from modelwarden.facts.policies import EvidenceRecorded
from modelwarden.permissions import Permission
from modelwarden.policies.evidence import (
    Assurance,
    Evidence,
    EvidenceKind,
    NewEvidence,
    checked_value,
    value_digest,
)
from modelwarden.policies.findings import scan
from modelwarden.policies.gathering import subject_of
from modelwarden.registry import reads as registry
from modelwarden.registry.contents import read_contents
from modelwarden.values.ids import Digest, EvidenceId
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.config import Settings
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View

READER: Final = "modelwarden"


def prepare_evidence(  # noqa: PLR0913  # what a caller says of it
    kind: str,
    *,
    value: Mapping[str, object] | None = None,
    report: str | None = None,
    source: str | None = None,
    tool: str | None = None,
    produced_at: datetime | None = None,
    inputs: Sequence[str] = (),
    artifact: str | None = None,
) -> NewEvidence:
    """Return evidence in the form of its kind, before the change that records it. Raises EvidenceInvalid, ValueInvalid.

    Args:
        kind: `metric`, `findings`, `lineage` or `signature`.
        value: the figures, where no report is given.
        report: of `findings`: SARIF, CycloneDX or counts, as text; its tool and time are taken unless named. Of a
            `signature`: the bundle.
        source: of a report: what was looked for, as `security`.
        tool: the program that made it.
        produced_at: when; without it the report's time, else now.
        inputs: SHA-256 of what it was made from.
        artifact: SHA-256 of the bytes it is about; another than the version's is refused when it is recorded.
    """
    sort = named(EvidenceKind, kind, field="kind")
    if (value is None) == (report is None):
        raise EvidenceInvalid("value: either figures, or a report of findings")
    if report is not None and sort is EvidenceKind.SIGNATURE:
        return NewEvidence(
            kind=sort,
            value={"bundle": report},
            tool=tool or "model_signing",
            artifact=None if artifact is None else Digest(artifact),
        )
    if report is not None:
        if sort is not EvidenceKind.FINDINGS or source is None:
            raise EvidenceInvalid("report: of kind findings, with a source such as security")
        found = scan(report)
        value = {"source": source, "counts": found.counts}
        tool, produced_at = tool or found.tool, produced_at or found.at
    return NewEvidence(
        kind=sort,
        value=checked_value(sort, value),
        tool=tool or "",
        produced_at=produced_at,
        inputs=tuple(Digest(each) for each in inputs),
        artifact=None if artifact is None else Digest(artifact),
    )


def artifact_to_read(view: View, model: str, version: str) -> str | None:
    """Return where a version's artifact is, to read its contents; None where the words were erased.

    Raises ModelNotFound, VersionNotFound, NotPermitted, VersionIsRetired.
    """
    parent = registry.model(view, model)
    found = registry.version(view, model, version)
    authorize(view, Permission.METRIC_RECORD, on=registry.resource_of(parent))
    found.require_usable()
    return view.words(found.artifact)


def read_artifact(uri: str | None, *, settings: Settings) -> NewEvidence:
    """Read a version's files and their formats, with no transaction open. Raises what `read_contents` raises."""
    found = read_contents(uri, settings=settings)
    return NewEvidence(
        kind=EvidenceKind.CONTENTS,
        value={"files": dict(found.files), "formats": dict(found.formats)},
        tool=READER,
        artifact=found.subject_sha256,
    )


def record_evidence(change: Change, model: str, version: str, *, new: NewEvidence) -> Evidence:
    """Keep evidence about a version.

    Raises:
        ModelNotFound, VersionNotFound, NotPermitted, VersionIsRetired.
        DigestMismatch: it is about other bytes than the version's.
        EvidenceFromFuture: it is of more than 5 minutes from now.
    """
    if new.kind is EvidenceKind.SIGNATURE:
        raise EvidenceInvalid("kind: a signature is verified before it is kept")
    parent = registry.model(change, model)
    found = registry.version(change, model, version)
    authorize(change, Permission.METRIC_RECORD, on=registry.resource_of(parent))
    found.require_usable()
    ours = new.kind is EvidenceKind.CONTENTS
    assurance = Assurance.MEASURED if ours else Assurance.IMPORTED
    return kept_evidence(change, found, new, assurance=assurance)


def kept_evidence(
    change: Change, found: Version, new: NewEvidence, *, assurance: Assurance
) -> Evidence:
    """Keep evidence about a version, and tell of it. Asks for no permission."""
    subject = subject_of(found)
    if new.artifact not in {None, subject}:
        raise DigestMismatch(f"the evidence is about {new.artifact}, {found.name} is {subject}")
    kept = change.save(
        Evidence(
            id=EvidenceId(change.new_id("evi")),
            kind=new.kind,
            model=found.model,
            version=found.name,
            subject=subject,
            value=new.value,
            value_sha256=value_digest(new.value),
            produced_at=new.at(change.now),
            tool=new.tool,
            inputs=new.inputs,
            assurance=assurance,
            recorded_by=change.actor,
            recorded_person=change.person,
            recorded_at=change.now,
        )
    )
    change.record(
        EvidenceRecorded(
            evidence=kept.id,
            kind=Code(kept.kind),
            model=kept.model,
            version=kept.version,
            subject=kept.subject,
            value=kept.value_sha256,
            assurance=Code(kept.assurance),
            produced_at=kept.produced_at,
        )
    )
    return kept
