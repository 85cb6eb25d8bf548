"""What a version's features looked like is registered with it: once, hashed, and shown to who may read the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

import modelwarden as mw
from modelwarden.errors import DriftInvalid, NotFound, UnrecordedChange, VersionExists
from modelwarden.store.schema.registry import drift_references
from modelwarden.values.system import system
from tests.safeguards.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFERENCE: Any = mw.drift_reference({"age": [float(at % 100) for at in range(1_000)]})
OTHER: Any = mw.drift_reference({"age": [float(at % 50) for at in range(1_000)]})


@pytest.fixture
def desk(tmp_path: Path, store_url: str) -> Iterator[Desk]:
    opened = Desk.opened(store_url, tmp_path)
    yield opened
    opened.warden.close()


def test_a_reference_is_kept_and_named_by_the_entry_that_registers(desk: Desk) -> None:
    versions = desk.acting("olivia").versions
    made = versions.register("churn", "2", drift_reference=REFERENCE)
    found = versions.drift_reference("churn", "2")
    assert found.features == REFERENCE["features"]
    assert made.drift_reference == found.sha256 == versions.show("churn", "2").drift_reference
    (entry,) = desk.warden.audit.search(type="version.registered", limit=1).items
    assert entry.entry["fact"]["drift"] == found.sha256


def test_the_same_again_changes_nothing_and_another_reference_is_another_version(
    desk: Desk,
) -> None:
    versions = desk.acting("olivia").versions
    made = versions.register("churn", "2", drift_reference=REFERENCE)
    assert versions.register("churn", "2", drift_reference=REFERENCE) == made
    for other in (OTHER, None):
        with pytest.raises(VersionExists):
            versions.register("churn", "2", drift_reference=other)
    assert versions.drift_reference("churn", "2").features == REFERENCE["features"]


def test_a_version_without_reference_has_none_and_cannot_get_one(desk: Desk) -> None:
    versions = desk.acting("olivia").versions
    assert versions.show("churn", "1.4.0").drift_reference is None
    with pytest.raises(NotFound):
        versions.drift_reference("churn", "1.4.0")
    with pytest.raises(VersionExists):
        versions.register("churn", "1.4.0", drift_reference=REFERENCE)


def test_a_reference_that_is_none_registers_nothing(desk: Desk) -> None:
    versions = desk.acting("olivia").versions
    with pytest.raises(DriftInvalid):
        versions.register("churn", "2", drift_reference={"features": {}})
    with pytest.raises(NotFound):
        versions.show("churn", "2")


def test_no_telemetry_may_touch_a_reference(desk: Desk) -> None:
    desk.acting("olivia").versions.register("churn", "2", drift_reference=REFERENCE)
    with pytest.raises(UnrecordedChange):
        desk.warden.telemetry(
            system("test"), lambda telemetry: telemetry.execute(drift_references.delete())
        )
    with desk.warden.store.database.reading() as connection:
        assert connection.execute(select(drift_references.c.version)).scalars().all() == ["churn@2"]
