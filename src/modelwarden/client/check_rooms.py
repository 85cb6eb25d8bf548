"""The remote SDK's rooms of evidence, and of checks over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.signing import attested
from modelwarden.client.transport import path
from modelwarden.values.checks import CheckRunAnswer, EvidenceAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.client.calls import Calls
    from modelwarden.ledger.keys import Signer


class Evidence:
    """Evidence about versions: what was measured or found, by which tool, when."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def record(  # noqa: PLR0913  # what is said of it
        self,
        model: str,
        version: str,
        *,
        kind: str,
        value: Mapping[str, object] | None = None,
        report: str | None = None,
        source: str | None = None,
        tool: str | None = None,
        produced_at: datetime | None = None,
        inputs: Sequence[str] = (),
        artifact: str | None = None,
    ) -> EvidenceAnswer:
        """Record evidence: `metric` figures, the `lineage` of a run, `findings`: counts or SARIF or CycloneDX.

        A `signature` is the bundle of a registered key over the files, as `report`. `contents` takes nothing: the
        server reads the files, and tells their formats.

        Raises EvidenceInvalid, EvidenceFromFuture, DigestMismatch, NotPermitted, VersionNotFound.
        """
        body = {
            "kind": kind,
            "value": value,
            "report": report,
            "source": source,
            "tool": tool,
            "produced_at": produced_at and produced_at.isoformat(),
            "inputs": list(inputs),
            "artifact": artifact,
        }
        return self._calls.write(EvidenceAnswer, _of(model, version, "evidence"), body)

    def attestation_statement(
        self, model: str, version: str, *, statement: str, role: str, reviews: str | None = None
    ) -> bytes:
        """Return the actor's own bytes to sign, issued now. Raises what `attest` raises of who and what."""
        query = {"statement": statement, "role": role, "reviews": reviews}
        return self._calls.fetch(_of(model, version, "attestation"), query).content

    def attest(  # what is said, in which role, signed how
        self,
        model: str,
        version: str,
        *,
        statement: str,
        role: str,
        key: Signer,
        reviews: str | None = None,
    ) -> EvidenceAnswer:
        """Sign a statement about a version in a role that one holds, or a review of another person's (`reviews`).

        Raises NotPermitted, SamePerson, KeyNotYours, KeyExpired, EvidenceInvalid, VersionNotFound, NotFound.
        """
        said = {"statement": statement, "role": role, "reviews": reviews}
        data = self.attestation_statement(
            model, version, statement=statement, role=role, reviews=reviews
        )
        body = {**said, "envelope": attested(data, key, version=f"{model}@{version}", said=said)}
        return self._calls.write(EvidenceAnswer, _of(model, version, "attestations"), body)

    def list(
        self, model: str, version: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[EvidenceAnswer]:
        """Return a page of the evidence about a version, newest first. Raises VersionNotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(EvidenceAnswer, _of(model, version, "evidence"), page)


class Checks:
    """Checks: what the governing policies want of a version, held against the evidence."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def run(self, model: str, version: str, *, environment: str = "production") -> CheckRunAnswer:
        """Evaluate all checks that govern a version there, and keep the run. Raises NotPermitted, VersionNotFound."""
        body = {"environment": environment}
        return self._calls.write(CheckRunAnswer, _of(model, version, "checks"), body)

    def list(
        self, model: str, version: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[CheckRunAnswer]:
        """Return a page of the check runs of a version, newest first. Raises VersionNotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(CheckRunAnswer, _of(model, version, "checks"), page)

    def show(self, run: str) -> CheckRunAnswer:
        """Return a check run, evaluated again to see that it gives the same. Raises NotFound."""
        return self._calls.read(CheckRunAnswer, path("check-runs", run))


def _of(model: str, version: str, what: str) -> str:
    return path("models", model, "versions", version, what)
