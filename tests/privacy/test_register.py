"""Where words of people may stand: in `texts` alone. Every other column holds ids, forms with a pattern, or digests.

A new column of a governed or attached table has to be put into one of these lists; `OPEN` are those in which a person's
name could stand although it should not, each with the reason why it is so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import Text, select

from modelwarden.errors import ValueInvalid
from modelwarden.store.tables import all_tables

if TYPE_CHECKING:
    from tests.access.company import Company

COMMITMENTS: Final = {
    "actors.handle", "actors.email", "actors.details", "bindings.reason", "approvals.justification",
    "decisions.comment", "deployments.notes", "models.purpose", "versions.description", "versions.artifact",
    "erasures.reason", "holds.reason", "switches.reason", "switches.notes", "switches.verification",
    "switches.ended_notes", "firings.reason", "endpoints.url", "endpoints.secret", "endpoints.previous_secret",
    "local_stops.host", "local_stops.notes", "deployments.findings", "freezes.reason",
    "use_cases.title", "use_cases.description", "use_cases.input_schema", "use_cases.output_schema",
    "github_comments.words", "delegations.reason",
}  # fmt: skip
KEYED: Final = {
    "actors.handle_index",
    "actors.email_index",
    "tokens.secret_digest",
    "identities.subject_index",
}
PATTERNED: Final = {
    "models.type", "models.team", "models.tags", "models.name", "models.replacement", "models.policy",
    "versions.name", "versions.model", "versions.label", "versions.parent", "versions.run", "versions.snapshot",
    "versions.feature_version", "versions.algorithm", "versions.source_commit", "versions.datasets",
    "deployments.reference", "deployments.model", "deployments.label", "deployments.version",
    "approvals.model", "approvals.label", "approvals.version", "approvals.strategy", "deployments.strategy",
    "roles.name", "roles.includes", "bindings.role", "bindings.scope", "policies.name", "policy_versions.name",
    "policy_versions.id", "policy_assignments.id", "policy_assignments.model", "policy_assignments.policy",
    "metrics.name", "metrics.version", "metrics.value", "holds.model", "holds.incident", "artifacts.sha256",
    "tokens.networks", "person_keys.pem", "endpoints.name", "endpoints.types", "endpoints.severity",
    "endpoints.subjects", "switches.name", "switches.source", "switches.incident", "switches.evidence",
    "drift_references.version", "drift_references.model",
    "drills.model", "drills.fault", "drills.plan", "drills.report",
    "external_records.ref", "server_keys.purpose", "server_keys.public",
    "triggers.name", "triggers.model", "triggers.signal", "triggers.by", "triggers.ladder",
    "firings.trigger", "firings.model", "firings.signal", "firings.by", "firings.value", "firings.threshold",
    "switch_proposals.trigger", "switch_proposals.model", "datasets.name", "datasets.as_of",
    "slis.name", "slis.resource_type", "slis.resource", "slis.labels",
    "slis.thresholds",
    "local_stops.model",
    "use_cases.name", "use_cases.models", "use_cases.systems", "use_cases.owner_group", "use_cases.replacement",
    "identities.issuer", "mlflow_aliases.model", "mlflow_aliases.name", "mlflow_aliases.alias",
    "servicenow_changes.change", "target_steps.target", "target_steps.version", "target_steps.artifact",
    "target_steps.reported",
    "deployments.course", "freezes.model", "guard_modes.model", "routes.model", "routes.stable", "routes.candidate",
    "routes.shadow", "routes.strategy",
    "groups.name", "evidence.model", "evidence.version", "evidence.tool", "check_runs.model", "check_runs.version",
}  # fmt: skip
"""Names and words of a fixed form: checked where they come in, and too short for a sentence."""
OPEN: Final = {
    "approvals.payload": "exact arguments of an action: keys and the length of values are fixed",
    "versions.parameters": "what a model was trained with, as approvers have to see it",
    "versions.evaluation": "names of figures",
    "drift_references.reference": "names of features, and of categories that several rows have",
    "drift_references.shape": "names of features",
    "switches.scope": "what guards compare with, openly in snapshots; entries name its dimensions alone",
    "switches.exception": "as switches.scope",
    "drills.exception": "as switches.scope",
    "firings.by_value": "the value of a dimension that a switch would name, as switches.scope",
    "firings.evidence": "counts, and ids of the workers that reported them",
    "switch_proposals.scope": "as switches.scope",
    "datasets.fields": "names and types of columns, as whoever set them wrote them",
    "local_stops.scope": "as switches.scope",
    "local_stops.exception": "as switches.scope",
    "versions.contract": "how answers have to look, as approvers have to see it: names of fields and labels",
    "evidence.value": "names of metrics, and figures; its form is closed",
    "check_runs.situation": "fields of the registry and evidence, as they stand in their own rows",
    "policy_versions.document": "a policy's text is public among those whom it governs",
}
PROGRAMS: Final = {
    "kind", "status", "state", "scheme", "revoked_as", "custody", "verdict", "type", "action", "environment",
    "signature", "rejection", "void_on", "cause", "basis", "seats", "policies", "scope", "origin", "trust",
    "artifact_kind", "permissions", "scopes", "approvals", "live_in", "last_ended", "accounts", "id", "person",
    "previous", "actor", "owner", "former_owners", "trainers", "user", "requester", "requester_person", "request",
    "permit",
    "persons", "keyid", "envelope", "envelope_digest", "payload", "payload_digest", "hash", "sha256", "replaces",
    "fingerprints", "subject_sha256", "content_digest", "evaluation_digest", "parameters_digest", "lent_by",
    "granted_by", "granted_person", "issued_by", "registered_by", "registered_person", "recorded_by", "uploaded_by",
    "started_by", "started_person", "created_by", "published_by", "published_person", "assigned_by", "confirmed_by",
    "placed_by", "released_by", "requested_by", "changed_by", "artifact_sha256", "verdict_digest",
    "edges_sha256",
    "fallback", "severity", "on_expiry", "unknown", "activated_by", "activated_persons", "requested_persons",
    "ended_by", "account", "set_by", "set_persons", "approved_by", "step", "act", "base", "switch", "proposal",
    "overridden_by", "firing", "accepted_by", "fields_sha256", "checked_by", "reasons",
    "defined_by",
    "subject", "value_sha256", "inputs", "assurance", "recorded_person", "occasion", "digests", "evidence", "digest",
    "results", "evaluated_by", "order",
    "impact", "authors", "mapped_by", "told",
    "fail", "breakers", "by", "salt", "waits", "outcome", "reviewed_by", "lifted_by", "deployment",
    "members", "delegation", "delegator", "delegator_person", "delegate", "on_timeout",
    "ramp", "carried", "carried_sha256", "reported_by", "adopted_as", "resolved_by",
}  # fmt: skip
"""Ids, digests and words of the program's own lists, whatever the table."""


def columns() -> dict[str, str]:
    """Return `table.column` → column of each text in a governed or attached table that is no time."""
    return {
        f"{table.name}.{column.name}": column.name
        for table in all_tables()
        if table.info["class"] in {"governed", "attached"}
        for column in table.columns
        if isinstance(column.type, Text)
        and not column.name.endswith(("_at", "_from", "_to", "_before", "_since", "_until"))
        and column.name not in {"since", "until", "at"}
    }


def test_every_column_is_in_one_list() -> None:
    found = columns()
    listed = COMMITMENTS | KEYED | PATTERNED | set(OPEN)
    assert sorted(name for name, short in found.items() if name not in listed | _own(found)) == []
    assert sorted(listed - set(found)) == []


def _own(found: dict[str, str]) -> set[str]:
    return {name for name, short in found.items() if short in PROGRAMS}


def test_words_that_people_say_stand_in_no_column(company: Company) -> None:
    said = (
        "alice@example.org", "moved to another company", "trained in the third quarter",
        "predicts which customers leave next month", "proceedings of the supervisor", "a letter asks",
    )  # fmt: skip
    company.acting("root").holds.add(reason="proceedings of the supervisor", user="dave")
    company.permitted("root", "person.erase", {"user": "alice", "basis": "other"})
    company.acting("root").audit.erase("alice", basis="other", reason="a letter asks")
    with company.warden.store.database.reading() as connection:
        cells = [
            f"{table.name}: {cell!r}"
            for table in all_tables()
            for row in connection.execute(select(table))
            for cell in row
        ]
    assert [cell for cell in cells if any(words in cell for words in said)] == []


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("role.grant", {"user": "dave", "role": "approver", "scope": {}, "note": "for Dave Smith"}),
        ("role.grant", {"user": "dave", "role": "x" * 200, "scope": {}}),
        (
            "role.define",
            {"role": "judge", "permissions": ["because Dave asked for it"], "includes": []},
        ),
        ("policy.publish", {"policy": "house", "hash": "it is about Dave"}),
        ("policy.assign", {"policy": "house", "why": "Dave"}),
        ("person.erase", {"user": "alice", "basis": "other", "why": "she asked"}),
        ("hold.release", {"hold": "hld_0", "why": "over"}),
    ],
)
def test_a_payload_has_no_room_for_sentences(
    company: Company, action: str, payload: dict[str, object]
) -> None:
    with pytest.raises(ValueInvalid):
        company.ask("root", action, payload)


@pytest.mark.parametrize(
    "scope", [{"team": "the team of Alice Smith"}, {"model": "Not A Model"}, {"tag": "two words"}]
)
def test_a_scope_has_no_room_for_sentences(company: Company, scope: dict[str, str]) -> None:
    with pytest.raises(ValueInvalid):
        company.acting("root").roles.grant("dave", "analyst", scope=scope)
