from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    ModelNotFound,
    NotPermitted,
    ValueInvalid,
    VersionExists,
    VersionIsRetired,
    VersionLive,
    VersionNotFound,
)
from modelwarden.registry import queries
from modelwarden.registry.actions import (
    NewModel,
    NewVersion,
    compare,
    metrics,
    prepare_artifact,
    record_metrics,
    record_upload,
    register_model,
    register_version,
    retire_version,
    store_upload,
    version,
)
from modelwarden.registry.lifecycle import ApprovalState, Environment
from modelwarden.registry.metric import MetricKind
from modelwarden.values.ids import Digest, VersionName
from modelwarden.values.pages import Page
from tests.registry.live import goes_live
from tests.registry.org import Org, org
from tests.registry.test_artifacts import SHA, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change

FULL = NewVersion(
    model="churn",
    label="1.0.0",
    description="Gradient boosting on the second quarter of the bureau data",
    datasets=({"name": "bureau-q2", "fingerprints": [f"sha256:{'a' * 64}"]},),
    parameters={"learning_rate": 0.1, "max_depth": None},
    metrics={"roc_auc": 0.81},
    trainers=("bob",),
    algorithm="Gradient boosting",
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Org]:
    with org(tmp_path) as found:
        found.does("alice", partial(register_model, new=NewModel(name="churn")))
        yield found


def registers(house: Org, new: NewVersion = FULL, *, file: Path | None = None) -> Version:
    seen = file and prepare_artifact(str(file), settings=house.warden.settings)
    return house.does("alice", partial(register_version, new=new, artifact=seen))


def records(house: Org, figures: dict[str, float], kind: MetricKind | None = None) -> Version:
    action = partial(record_metrics, model="churn", label="1.0.0", metrics=figures, kind=kind)
    return house.does("alice", action)


def approve(change: Change) -> Version:
    found = queries.find_version(change, VersionName("churn@1.0.0"))
    assert found is not None
    place = Environment.PRODUCTION
    moved = found.moved(place, ApprovalState.PENDING).moved(place, ApprovalState.APPROVED)
    change.save(moved)
    return record_metrics(change, "churn", label="1.0.0", metrics={"latency_ms": 12.5})


def test_a_version_is_named_by_its_digests_and_the_ledger_shows_it(
    house: Org, tmp_path: Path
) -> None:
    file = tmp_path / "alice-model.bin"
    file.write_bytes(WORDS)
    kept = registers(house, file=file)
    entry = house.last()
    assert entry["type"] == "version.registered"
    assert entry["fact"]["subject_sha256"] == kept.subject_sha256 == SHA
    assert entry["fact"]["size_bytes"] == len(WORDS)
    assert {"model:churn", "version:churn@1.0.0"} <= set(entry["about"])
    assert "alice-model" not in str(house.entries())
    assert house.sees("erin", lambda view: view.words(kept.artifact)) == str(file.resolve())
    assert kept.parameters == {"learning_rate": "0.1", "max_depth": None}
    assert kept.trainers == (house.principal("bob").person,)
    assert house.sees("erin", partial(version, model_name="churn", label="1.0.0")) == kept


def test_the_same_again_is_the_same_version(house: Org, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(WORDS)
    first = registers(house, file=file)
    before = len(house.entries())
    assert registers(house, file=file) == first
    assert len(house.entries()) == before


@pytest.mark.parametrize(
    "other",
    [
        {"description": "Another text about another thing"}, {"description": None},
        {"metrics": {"roc_auc": 0.82}}, {"parameters": {}}, {"trainers": ()}, {"run": "run_1"},
        {"datasets": ()}, {"algorithm": None}, {"source_commit": "abc"}, {"snapshot": "s"},
        {"feature_version": "2"},
    ],
)  # fmt: skip
def test_other_content_under_the_same_label_is_refused(
    house: Org, other: dict[str, object]
) -> None:
    registers(house)
    with pytest.raises(VersionExists):
        registers(house, replace(FULL, **other))


def test_other_bytes_under_the_same_label_are_refused(house: Org, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(WORDS)
    registers(house, file=file)
    file.write_bytes(b"another")
    with pytest.raises(VersionExists):
        registers(house, file=file)
    other = tmp_path / "other.bin"
    other.write_bytes(WORDS)
    with pytest.raises(VersionExists):
        registers(house, file=other)


def test_a_repeat_is_known_by_what_was_registered_not_by_later_figures(house: Org) -> None:
    registers(house)
    later = records(house, {"f1": 0.7})
    assert registers(house) == later


def test_a_version_makes_its_model_when_new(house: Org) -> None:
    new = replace(FULL, model="fraud")
    create = NewModel(name="fraud")
    house.does("alice", partial(register_version, new=new, create=create))
    assert house.types()[-2:] == ["model.registered", "version.registered"]
    made = house.warden.acting_as("erin").models.show("fraud")
    assert made.business_purpose == FULL.description
    assert (made.owner, made.owner_confirmed, made.purpose_confirmed) == ("alice", False, False)
    with pytest.raises(ModelNotFound):
        registers(house, replace(FULL, model="nothing"))


def test_who_may_not_register_is_refused(house: Org) -> None:
    for name in ("bob", "carol", "dave", "erin"):
        with pytest.raises(NotPermitted):
            house.does(name, partial(register_version, new=FULL))


def test_a_parent_is_a_version_of_the_same_model(house: Org) -> None:
    with pytest.raises(VersionNotFound):
        registers(house, replace(FULL, parent="0.9"))
    registers(house)
    child = registers(house, replace(FULL, label="2", parent="1.0.0", metrics={"roc_auc": 0.8}))
    assert child.parent == "1.0.0"
    found = house.sees("erin", partial(compare, model_name="churn", a="1.0.0", b="2"))
    assert [(d.name, d.change) for d in found.metrics] == [("roc_auc", "-0.01")]


def test_evaluation_figures_change_what_is_signed_until_an_approval(house: Org) -> None:
    first = registers(house)
    second = records(house, {"f1": 0.7})
    assert second.evaluation == {"roc_auc": "0.81", "f1": "0.7"}
    assert second.evaluation_digest != first.evaluation_digest
    assert house.last()["fact"]["evaluation"] == second.evaluation_digest
    before = len(house.entries())
    assert records(house, {"f1": 0.7}) == second
    assert len(house.entries()) == before
    approved = house.does("alice", approve)
    assert approved.evaluation_digest == second.evaluation_digest
    assert house.last()["fact"]["kind"] == "observed"
    voiding = records(house, {"f1": 0.9}, MetricKind.EVALUATION)
    assert voiding.evaluation_digest != second.evaluation_digest


def test_observed_figures_are_kept_beside(house: Org) -> None:
    registers(house)
    records(house, {"b": 2, "a": 0.5}, MetricKind.OBSERVED)
    assert "objects" not in house.last()
    found = house.sees("erin", lambda view: metrics(view, "churn", "1.0.0", page=Page()))
    assert {(figure.name, figure.value) for figure in found.items} == {("a", "0.5"), ("b", "2")}


@pytest.mark.parametrize("figures", [{}, {"x": float("nan")}, {"a b": 1}])
def test_what_is_no_figure_is_refused(house: Org, figures: dict[str, float]) -> None:
    registers(house)
    with pytest.raises(ValueInvalid):
        records(house, figures)


def test_figures_need_the_permission(house: Org) -> None:
    registers(house)
    record = partial(record_metrics, model="churn", label="1.0.0", metrics={"x": 1})
    house.does("dave", record)
    with pytest.raises(NotPermitted):
        house.does("bob", record)


def test_a_live_version_is_retired_only_after_it_left(house: Org) -> None:
    registers(house)
    name = VersionName("churn@1.0.0")
    house.does("dave", partial(goes_live, name=name, place=Environment.STAGING))
    retire = partial(retire_version, model="churn", label="1.0.0", reason="superseded")
    with pytest.raises(VersionLive):
        house.does("dave", retire)
    house.does("dave", partial(goes_live, name=name, place=Environment.STAGING, back=True))
    house.does("dave", retire)
    assert house.last()["type"] == "version.retired"
    with pytest.raises(VersionIsRetired):
        records(house, {"x": 1})
    with pytest.raises(VersionIsRetired):
        house.does("dave", retire)


def test_an_upload_is_recorded_once(house: Org) -> None:
    size_bytes = store_upload(house.warden.settings, SHA, [WORDS])
    record = partial(record_upload, sha256=SHA, size_bytes=size_bytes)
    kept = house.does("alice", record)
    assert house.last()["type"] == "artifact.uploaded"
    before = len(house.entries())
    assert house.does("alice", record) == kept
    assert len(house.entries()) == before
    with pytest.raises(NotPermitted):
        house.does("erin", partial(record_upload, sha256=Digest("0" * 64), size_bytes=1))
    seen = prepare_artifact(f"sha256:{SHA}", settings=house.warden.settings)
    made = house.does("alice", partial(register_version, new=FULL, artifact=seen))
    assert (made.artifact_kind, made.trust) == ("upload", "verified")
