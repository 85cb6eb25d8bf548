"""What callers get back: plain values with the words filled in, the same in process and over HTTP.

Rooms build them inside the transaction that read or wrote the state; the API writes them as JSON and the remote SDK
reads them again. Times are aware datetimes, figures are decimal text, people stand as handles with the id beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptAnswer:
    """The place of an entry in the ledger, and the proof of it once a checkpoint covers it (LG-25).

    Attributes:
        status: `committed`, `checkpointed` or `witnessed`.
        archived: the sinks that hold it.
        proof: a C2SP tlog-proof of `leaf_hash`, or None while no checkpoint covers the entry.
        checkpoint: the signed checkpoint that the proof leads to, with the cosignatures so far.
    """

    origin: str
    seq: int
    leaf_hash: str
    entry_hash: str
    at: str
    status: str
    archived: tuple[str, ...]
    proof: str | None
    checkpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """A model."""

    name: str
    type: str
    owner: str
    owner_id: str
    owner_confirmed: bool
    business_purpose: str | None
    purpose_confirmed: bool
    risk_tier: int
    team: str
    tags: tuple[str, ...]
    policy: str | None
    registered_by: str
    registered_at: datetime
    retired_at: datetime | None
    replacement: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAnswer:
    """A version.

    `metrics` are the evaluation figures that approvers sign, as is `contract` (SG-34); `drift_reference` is a digest.
    """

    model: str
    version: str
    status: str
    stage: str
    approval_status: str
    approvals: Mapping[str, str]
    live_in: tuple[str, ...]
    description: str | None
    artifact: str | None
    artifact_kind: str
    fingerprints: tuple[str, ...]
    sha256: str | None
    trust: str
    size_bytes: int | None
    run: str | None
    datasets: tuple[Mapping[str, Any], ...]
    snapshot: str | None
    feature_version: str | None
    algorithm: str | None
    parameters: Mapping[str, Any]
    source_commit: str | None
    parent: str | None
    metrics: Mapping[str, str]
    drift_reference: str | None
    registered_by: str
    created_at: datetime
    retired_at: datetime | None
    content_digest: str
    revision: int
    contract: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAnswer:
    """One figure from operation, as it was recorded."""

    name: str
    value: str
    kind: str
    at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonAnswer:
    """Two versions side by side: what differs, as (first, second)."""

    model: str
    a: str
    b: str
    metrics: Mapping[str, tuple[str | None, str | None]]
    parameters: Mapping[str, tuple[Any, Any]]
    datasets: Mapping[str, tuple[Any, Any]]
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAnswer:
    """An artifact that the server keeps, named by its digest."""

    sha256: str
    size_bytes: int
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatAnswer:
    """One seat of a request: who may fill it, who did, and how many people could."""

    seat: int
    claim: str
    filled_by: str | None
    eligible: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionAnswer:
    """One person's signed answer. `custody` says whose key signed: `personal`, or `token` for the server's."""

    id: str
    seat: int
    approver: str
    verdict: str
    comment: str | None
    custody: str
    keyid: str
    envelope_digest: str
    decided_at: datetime
    withdrawn_at: datetime | None
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswer:
    """An approval request. `decided_after_s` is how long people's answers took to close it, in whole seconds."""

    id: str
    type: str
    state: str
    model: str | None
    version: str | None
    environment: str
    strategy: str | None
    action: str | None
    payload: Mapping[str, Any] | None
    requester: str
    justification: str | None
    humans: int
    signature: str
    seats: tuple[SeatAnswer, ...]
    decisions: tuple[DecisionAnswer, ...]
    policies: tuple[Mapping[str, Any], ...]
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    cause: str | None
    revision: int
    due_at: datetime | None = None
    overdue: bool = False
    on_timeout: str | None = None
    decided_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonAnswer:
    """One reason why the gate is closed."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """Whether a version may go to an environment now; with all reasons if not. `hashed`: the bytes were read for it."""

    model: str
    version: str
    environment: str
    allow: bool
    reasons: tuple[ReasonAnswer, ...]
    hashed: bool
    request: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStepAnswer:
    """A step of a deployment: percent of traffic, and how many seconds it has to hold."""

    traffic: int
    bake_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswer:
    """What a webhook target was told of a step, and what it said (RL-40).

    Attributes:
        step: from 1; 0 tells that the deployment is over and `version` has all the traffic.
        state: waiting, acknowledged, failed, or void where the deployment went on or ended without an answer.
        sha256: of the bytes that it has to serve by.
        reported: what it said that it serves by.
    """

    target: str
    step: int
    version: str
    state: str
    sha256: str
    reported: str | None
    asked_at: datetime
    due_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentAnswer:
    """One version going to one environment, or a rollback, whose `notes` are its reason.

    Attributes:
        step: which one stands, from 1; None before the first and where there are none.
        next_at: when its time has passed.
        waits: what its next step waits for now, the gate apart.
        held: why it was told last that it does not go on, the gate's reasons among them.
        approve_by: of an emergency change, when it goes back unless people have agreed.
        approved_at: when they were found to have.
        review_due_at: when somebody has to have looked back at it; None where nobody has to.
    """

    id: str
    model: str
    version: str
    environment: str
    strategy: str
    kind: str
    state: str
    origin: str
    request: str | None
    artifact_sha256: str | None
    started_by: str
    started_at: datetime
    live_at: datetime | None
    ended_at: datetime | None
    replaces: str | None
    notes: str | None
    reference: str | None
    traffic: int
    steps: tuple[RolloutStepAnswer, ...]
    step: int | None
    advance: str | None
    next_at: datetime | None
    waits: tuple[ReasonAnswer, ...]
    held: tuple[str, ...]
    approve_by: datetime | None
    approved_at: datetime | None
    targets: tuple[TargetAnswer, ...]
    review_due_at: datetime | None
    reviewed_by: str | None
    reviewed_at: datetime | None
    outcome: str | None
    findings: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAnswer:
    """What is live: the version, and the artifact that has to be running. `version` is None when nothing is."""

    model: str
    environment: str
    as_of: datetime
    version: str | None
    deployment: str | None
    since: datetime | None
    artifact: str | None
    sha256: str | None
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAnswer:
    """One version of a policy, and its content hash, which statements and deployments name."""

    name: str
    version: int
    hash: str
    state: str
    document: Mapping[str, Any]
    published_by: str | None
    published_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentAnswer:
    """Which policy governs a model and environment."""

    policy: str
    model: str | None
    environment: str | None
    assigned_by: str
    assigned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAnswer:
    """An account. `person` is the human behind it, whom duties compare; `email` may be masked."""

    id: str
    handle: str
    kind: str
    person: str
    status: str
    email: str | None
    owner: str | None
    roles: tuple[str, ...]
    created_at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingAnswer:
    """A role held by an actor, where and until when."""

    id: str
    user: str
    role: str
    scope: Mapping[str, str]
    expires_at: datetime | None
    granted_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAnswer:
    """A role: what it allows and which roles it includes."""

    name: str
    built_in: bool
    permissions: tuple[str, ...]
    includes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MayAnswer:
    """May this actor do that here and now: yes or no, with the binding or the reason (AC-14)."""

    user: str
    permission: str
    allow: bool
    code: str
    role: str | None
    binding: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """A token; its `secret` is there once, in the answer that made it."""

    id: str
    user: str
    scopes: tuple[str, ...] | None
    networks: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeAnswer:
    """What a key has to sign, in base64, to be enrolled."""

    id: str
    message: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeyAnswer:
    """One of the server's own keys. `texts` are those that an older encryption key still protects."""

    id: str
    purpose: str
    status: str
    public: str
    since: datetime | None
    until: datetime | None
    signs_until: datetime | None
    revoked_at: datetime | None
    revoked_from: datetime | None
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAnswer:
    """A person's public key; `type` is ed25519 or p256."""

    id: str
    user: str
    type: str
    status: str
    pem: str
    valid_from: datetime
    valid_to: datetime
    confirmed_by: str | None
    revoked_at: datetime | None
    revoked_as: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryAnswer:
    """One entry of the ledger, with its hashes. `entry` is the body as parsed; `line` is the export line, verbatim."""

    seq: int
    previous_hash: str
    leaf_hash: str
    entry_hash: str
    entry: Mapping[str, Any]
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemAnswer:
    """One thing that does not verify, and where."""

    code: str
    seq: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswer:
    """One numbered step of a verification and what it came to.

    `status` is `proved`, `failed`, `not_checked`, or `given`: it rests on something that was taken as true.
    """

    number: int
    name: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationAnswer:
    """What a verification found. Its truth value is `ok`; warnings do not touch it.

    `steps` say, one by one, what was proved and what was not.
    """

    ok: bool
    first: int
    last: int
    size: int
    root: str
    signer: str | None
    problems: tuple[ProblemAnswer, ...]
    not_checked: tuple[str, ...]
    uncovered: int
    seconds: float
    warnings: tuple[ProblemAnswer, ...] = ()
    steps: tuple[StepAnswer, ...] = ()

    def __bool__(self) -> bool:
        return self.ok


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointAnswer:
    """The newest signed statement of the ledger's size and root; `note` is the signed text."""

    origin: str
    size: int
    root: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer:
    """Proof that one entry is in the ledger: the export line, a C2SP tlog-proof, the checkpoint it leads to (LG-25)."""

    line: str
    proof: str
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorAnswer:
    """A static log in a folder: how many entries it covers, and how many tiles and bundles were new."""

    path: str
    size: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    """Where a record of another system stands: the number of its entry. `repeated`: it was there before."""

    ref: str
    seq: int
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendAnswer:
    """What became of records that were handed in, in their order."""

    recorded: int
    repeated: int
    records: list[RecordAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAnswer:
    """Where an export was written, and the digest of its manifest."""

    path: str
    first: int
    last: int
    files: int
    manifest_sha256: str
