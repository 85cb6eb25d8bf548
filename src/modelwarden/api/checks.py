"""Routes of evidence and of checks over it (EV-1, EVAL-6)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.shapes import Claims, LongText, Moment, Word, answers, page, pages
from modelwarden.approvals import actions as approvals
from modelwarden.permissions import Permission
from modelwarden.policies import actions
from modelwarden.policies.check_answers import evidence_answer, run_answer
from modelwarden.values.checks import CheckRunAnswer, EvidenceAnswer
from modelwarden.values.pages import Page
from modelwarden.values.words import named

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["checks"])

Report = Annotated[str, StringConstraints(max_length=1_000_000)]
Reader = Annotated[Caller, may(Permission.COMPLIANCE_READ)]
Signer = Annotated[Caller, may(Permission.EVIDENCE_ATTEST)]
STATEMENT_TYPE = "application/vnd.in-toto+json"
OF_VERSION = "/models/{model}/versions/{version}"


class NewEvidence(Claims):
    """Body of POST versions/{version}/evidence: figures, or a scanner's report as text."""

    kind: Word
    value: dict[str, Any] | None = None
    report: Report | None = None
    source: Word | None = None
    tool: Word | None = None
    produced_at: Moment | None = None
    inputs: Annotated[list[Word], Field(max_length=32)] = Field(default_factory=list)
    artifact: Word | None = None


class Attestation(Claims):
    """Body of POST versions/{version}/attestations. The envelope is a DSSE line, as text."""

    statement: Word
    role: Word
    envelope: LongText
    reviews: Word | None = None


class Target(Claims):
    """Body of POST versions/{version}/checks."""

    environment: Word = "production"


@router.get(f"{OF_VERSION}/evidence", responses=pages(EvidenceAnswer))
async def evidence(
    model: str, version: str, caller: Reader, part: Annotated[Page, Depends(page)]
) -> Response:
    """List the evidence about a version, newest first."""
    action = partial(actions.evidence, model=model, version=version, page=part)
    return await caller.page(action, evidence_answer, name="evidence")


@router.post(
    f"{OF_VERSION}/evidence", status_code=201, responses=answers(EvidenceAnswer, status=201)
)
async def record_evidence(
    model: str,
    version: str,
    body: NewEvidence,
    caller: Annotated[Caller, may(Permission.METRIC_RECORD)],
) -> Response:
    """Record evidence about a version: metrics with intervals, a scanner's findings, a signature over its files.

    Of kind `contents` nothing is given: the server reads the files, and tells their formats.
    """
    given = body.model_dump(exclude=set(Claims.model_fields), exclude_none=True)
    if given == {"kind": "contents", "inputs": []}:
        find = partial(actions.artifact_to_read, model=model, version=version)
        uri = await caller.look(find)
        step = partial(actions.read_artifact, uri, settings=caller.host.warden.settings)
        new = await caller.prepare(step)
    else:
        new = await caller.prepare(partial(actions.prepare_evidence, **given))
    record = approvals.record_signature if body.kind == "signature" else actions.record_evidence
    action = partial(record, model=model, version=version, new=new)
    return await caller.write(
        claimed(action, body.claims()), evidence_answer, again=_evidence_again, status=201
    )


@router.get(f"{OF_VERSION}/attestation", responses=answers(bytes, kind=STATEMENT_TYPE))
async def attestation_statement(  # what is said, in which role
    model: str,
    version: str,
    caller: Signer,
    statement: str,
    role: str,
    reviews: str | None = None,
) -> Response:
    """Return the caller's own bytes to sign, issued now."""
    action = partial(
        approvals.attestation_statement,
        model=model,
        version=version,
        statement=statement,
        role=role,
        reviews=reviews,
    )
    return Response(await caller.look(action), media_type=STATEMENT_TYPE)


@router.post(
    f"{OF_VERSION}/attestations", status_code=201, responses=answers(EvidenceAnswer, status=201)
)
async def attest(model: str, version: str, body: Attestation, caller: Signer) -> Response:
    """Keep a statement that the caller signed in a role, or a review of somebody else's."""
    action = partial(
        approvals.attest,
        model=model,
        version=version,
        statement=body.statement,
        role=body.role,
        envelope=body.envelope,
        reviews=body.reviews,
    )
    return await caller.write(
        claimed(action, body.claims()), evidence_answer, again=_evidence_again, status=201
    )


@router.get(f"{OF_VERSION}/checks", responses=pages(CheckRunAnswer))
async def check_runs(
    model: str, version: str, caller: Reader, part: Annotated[Page, Depends(page)]
) -> Response:
    """List the check runs of a version, newest first."""
    action = partial(actions.check_runs, model=model, version=version, page=part)
    return await caller.page(action, run_answer, name="check-runs")


@router.post(f"{OF_VERSION}/checks", status_code=201, responses=answers(CheckRunAnswer, status=201))
async def run_checks(model: str, version: str, body: Target, caller: Reader) -> Response:
    """Evaluate all checks that govern a version in an environment, and keep what came of it."""
    place = named(actions.Environment, body.environment, field="environment")
    action = partial(approvals.run_checks, model=model, version=version, environment=place)
    return await caller.write(
        claimed(action, body.claims()), run_answer, again=_run_again, status=201
    )


@router.get("/check-runs/{run}", responses=answers(CheckRunAnswer))
async def check_run(run: str, caller: Reader) -> Response:
    """Show a check run, evaluated again to see that it gives the same."""
    return await caller.read(partial(actions.check_run, run_id=run), run_answer)


def _run_again(view: Any, ref: str) -> CheckRunAnswer:  # noqa: ANN401  # the view of a repeated call
    return run_answer(view, actions.check_run(view, ref))


def _evidence_again(view: Any, ref: str) -> EvidenceAnswer:  # noqa: ANN401  # the view of a repeated call
    return evidence_answer(view, actions.one_evidence(view, ref))
