"""The embedded SDK's rooms of evidence, and of checks over it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.approvals import actions as approvals
from modelwarden.ledger.dsse import seal
from modelwarden.policies import actions
from modelwarden.policies.check_answers import evidence_answer, run_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.keys import Signer
    from modelwarden.values.checks import CheckRunAnswer, EvidenceAnswer
    from modelwarden.warden.bound import Bound


class Evidence:
    """Evidence about versions: what was measured or found, by which tool, when."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        if kind == "contents" and value is None and report is None:
            return self._read(model, version)
        new = actions.prepare_evidence(
            kind,
            value=value,
            report=report,
            source=source,
            tool=tool,
            produced_at=produced_at,
            inputs=inputs,
            artifact=artifact,
        )
        record = approvals.record_signature if kind == "signature" else actions.record_evidence
        action = partial(record, model=model, version=version, new=new)
        return self._bound.write(action, evidence_answer)

    def _read(self, model: str, version: str) -> EvidenceAnswer:
        find = partial(actions.artifact_to_read, model=model, version=version)
        uri = self._bound.read(find, lambda _view, found: found)
        new = actions.read_artifact(uri, settings=self._bound.settings)
        action = partial(actions.record_evidence, model=model, version=version, new=new)
        return self._bound.write(action, evidence_answer)

    def attestation_statement(
        self, model: str, version: str, *, statement: str, role: str, reviews: str | None = None
    ) -> bytes:
        """Return the actor's own bytes to sign, issued now. Raises what `attest` raises of who and what."""
        action = partial(
            approvals.attestation_statement,
            model=model,
            version=version,
            statement=statement,
            role=role,
            reviews=reviews,
        )
        return self._bound.read(action, lambda _view, data: data)

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
        data = self.attestation_statement(
            model, version, statement=statement, role=role, reviews=reviews
        )
        action = partial(
            approvals.attest,
            model=model,
            version=version,
            statement=statement,
            role=role,
            envelope=seal(approvals.PAYLOAD_TYPE, data, key).to_line(),
            reviews=reviews,
        )
        return self._bound.write(action, evidence_answer)

    def list(
        self, model: str, version: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[EvidenceAnswer]:
        """Return a page of the evidence about a version, newest first. Raises VersionNotFound."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.evidence, model=model, version=version, page=page)
        return self._bound.page(action, evidence_answer)


class Checks:
    """Checks: what the governing policies want of a version, held against the evidence."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def run(self, model: str, version: str, *, environment: str = "production") -> CheckRunAnswer:
        """Evaluate all checks that govern a version there, and keep the run. Raises NotPermitted, VersionNotFound."""
        place = named(actions.Environment, environment, field="environment")
        action = partial(approvals.run_checks, model=model, version=version, environment=place)
        return self._bound.write(action, run_answer)

    def list(
        self, model: str, version: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[CheckRunAnswer]:
        """Return a page of the check runs of a version, newest first. Raises VersionNotFound."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.check_runs, model=model, version=version, page=page)
        return self._bound.page(action, run_answer)

    def show(self, run: str) -> CheckRunAnswer:
        """Return a check run, evaluated again to see that it gives the same. Raises NotFound."""
        return self._bound.read(partial(actions.check_run, run_id=run), run_answer)
