from __future__ import annotations

import pytest

from modelwarden.errors import ValueInvalid, VersionIsRetired, VersionLive
from modelwarden.registry.comparison import Difference, compared
from modelwarden.registry.lifecycle import ApprovalState, Environment
from modelwarden.registry.version import check_label, check_words, checked_datasets, digest
from tests.registry.sample import NOW, version

PRINT = f"sha256:{'a' * 64}"
A = ApprovalState


@pytest.mark.parametrize("label", ["", "-1", "a b", "x" * 65, "metrics", "retire", "a@b"])
def test_a_label_of_another_form_is_refused(label: str) -> None:
    with pytest.raises(ValueInvalid):
        check_label(label)


def test_a_live_version_is_not_retired() -> None:
    live = version().went_live(Environment.STAGING)
    with pytest.raises(VersionLive):
        live.retire(now=NOW)
    retired = live.ended(Environment.STAGING, rolled_back=False).retire(now=NOW)
    with pytest.raises(VersionIsRetired):
        retired.retire(now=NOW)


def test_new_figures_change_what_is_signed() -> None:
    before = version().evaluated({"roc_auc": "0.81"})
    after = before.evaluated({"roc_auc": "0.82", "f1": "0.7"})
    assert after.evaluation == {"roc_auc": "0.82", "f1": "0.7"}
    assert after.evaluation_digest == digest({"f1": "0.7", "roc_auc": "0.82"})
    assert after.evaluation_digest != before.evaluation_digest
    assert before.evaluated({"roc_auc": "0.81"}) == before


def test_figures_are_observed_by_default_only_after_an_approval() -> None:
    asked = version().moved(Environment.STAGING, A.PENDING)
    assert not asked.is_approved
    approved = asked.moved(Environment.STAGING, A.APPROVED)
    assert approved.is_approved
    assert approved.approval(Environment.PRODUCTION) is A.DRAFT


def test_datasets_are_named_by_pattern_and_once_in_a_role() -> None:
    found = checked_datasets(
        [{"name": "b", "role": "test", "fingerprints": [PRINT, PRINT]}, {"name": "a"}]
    )
    assert found == (
        {"name": "a", "role": "training", "fingerprints": []},
        {"name": "b", "role": "test", "fingerprints": [PRINT]},
    )


@pytest.mark.parametrize(
    "item",
    [
        {}, {"name": "a b"}, {"name": "a", "role": "Test set"}, {"name": "a", "fingerprints": "x"},
        {"name": "a", "fingerprints": ["md5:1"]}, {"name": "a", "note": "x"}, {"name": 1},
    ],
)  # fmt: skip
def test_a_dataset_of_another_form_is_refused(item: dict[str, object]) -> None:
    with pytest.raises(ValueInvalid):
        checked_datasets([item])


def test_a_dataset_stands_once_in_a_role() -> None:
    with pytest.raises(ValueInvalid):
        checked_datasets([{"name": "a"}, {"name": "a"}])


def test_a_reference_is_one_word_and_an_algorithm_a_name() -> None:
    check_words(
        run="run_1", source_commit="0" * 40, algorithm="Gradient boosting (v2)", parent=None
    )
    for field, word in (("run", "two words"), ("algorithm", "Ask Bob\nabout it"), ("run", "")):
        with pytest.raises(ValueInvalid):
            check_words(**{field: word})


def test_a_comparison_says_what_differs_and_by_how_much() -> None:
    a = version("1", evaluation={"f1": "0.7", "auc": "0.8"}, parameters={"depth": 3, "kind": "x"})
    b = version("2", evaluation={"auc": "0.75"}, parameters={"depth": 4, "kind": "x"}, run="run_2")
    found = compared(a, b)
    assert found.metrics == (
        Difference(name="auc", a="0.8", b="0.75", change="-0.05"),
        Difference(name="f1", a="0.7", b=None),
    )
    assert found.parameters == (Difference(name="depth", a="3", b="4"),)
    assert found.fields == (Difference(name="run", a=None, b="run_2"),)
    assert found.datasets == ()
