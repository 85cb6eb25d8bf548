"""Values that the tests of the registry start from."""

from __future__ import annotations

from datetime import UTC, datetime

from modelwarden.config import Settings
from modelwarden.registry.model import Model
from modelwarden.registry.version import Version, digest
from modelwarden.values.ids import ActorId, Label, ModelName, PersonId, VersionName

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALICE, BOB = ActorId("usr_alice"), ActorId("usr_bob")


def model(**fields: object) -> Model:
    given = {"name": ModelName("churn"), "owner": ALICE, "registered_by": ALICE}
    return Model(**{**given, "registered_at": NOW, **fields})


def version(label: str = "1.0.0", **fields: object) -> Version:
    given = {
        "name": VersionName(f"churn@{label}"),
        "model": ModelName("churn"),
        "label": Label(label),
        "registered_by": ALICE,
        "registered_person": PersonId("per_alice"),
        "created_at": NOW,
        "content_digest": digest({}),
        "evaluation_digest": digest({}),
        "parameters_digest": digest({}),
    }
    return Version(**{**given, **fields})


def settings(**fields: object) -> Settings:
    return Settings(**fields)
