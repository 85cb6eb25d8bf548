"""Evidence and check runs as callers get them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAnswer:
    """One piece of evidence about a version; it never changes.

    Attributes:
        subject: SHA-256 of the bytes that it is about.
        value: figures as decimal text, counts as numbers.
        assurance: whose word it is: `imported` from a named tool, or `attested` by a person who signed.
    """

    id: str
    kind: str
    model: str
    version: str
    subject: str
    value: Mapping[str, Any]
    value_sha256: str
    tool: str
    inputs: tuple[str, ...]
    assurance: str
    produced_at: datetime
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAnswer:
    """What decided a check: a value, and the limit it was held against; no value where none was there."""

    subject: str
    operator: str
    limit: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """One check, evaluated.

    Attributes:
        outcome: pass, fail, unknown, stale, error, waived, or not_applicable.
        effect: what it does where it does not pass: block, warn or info.
        next: what to do, where something is to be done.
        underlying: of a waived check, what it came to; `waiver` is the request that gave leave.
    """

    policy: str
    check: str
    type: str
    outcome: str
    effect: str
    seen: tuple[SeenAnswer, ...]
    evidence: tuple[str, ...]
    next: str
    underlying: str | None = None
    waiver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRunAnswer:
    """All checks that govern a version in an environment, evaluated at once.

    Attributes:
        verdict: `blocked` when a blocking check fails, `unknown` when one lacks evidence, else `clear`.
        occasion: asked, request or gate.
        digest: what approvers sign of a run that a request pinned.
        reproduced: whether evaluating again over what was read gives the same bytes.
        digests: of the version: its bytes, its signed figures, its parameters.
        ledger_size: entries under the newest signed checkpoint.
    """

    id: str
    verdict: str
    occasion: str
    model: str
    version: str
    environment: str
    checks: tuple[CheckAnswer, ...]
    policies: tuple[Mapping[str, Any], ...]
    evidence: tuple[str, ...]
    digests: Mapping[str, str]
    digest: str
    ledger_size: int
    reproduced: bool
    evaluated_by: str
    evaluated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayAnswer:
    """A past release, had a draft been the policy.

    Attributes:
        turn: newly_blocked, newly_clear, still_blocked or still_clear, beside what governs now.
        now, drafted: what would have stood against it under each.
    """

    turn: str
    deployment: str
    version: str
    environment: str
    started_at: datetime
    now: tuple[str, ...]
    drafted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunAnswer:
    """A page of past releases held against a draft, newest first.

    Attributes:
        hash: the draft's.
        since: where the selection begins.
        counts: how many releases of this page there are of each turn.
        next_cursor: where the next page goes on; None on the last.
    """

    policy: str
    hash: str
    since: datetime
    counts: Mapping[str, int]
    releases: tuple[ReplayAnswer, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAnswer:
    """A configuration file of another program, as a policy that could be published.

    Attributes:
        document: the policy in YAML, to look at, change and publish.
        hash: what publishing it unchanged would hash.
        settings: lines for the settings of the server, since they are no part of a policy.
        notes: what needs no line of its own here, and what was left out.
        beside: the policy version that the diff begins with: the newest of its name, else what it extends.
        diff: from there to the draft, both with all defaults, as lines of YAML.
    """

    name: str
    document: str
    hash: str
    settings: tuple[str, ...]
    notes: tuple[str, ...]
    beside: str | None
    diff: tuple[str, ...]
