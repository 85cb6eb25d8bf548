"""How MLflow's models are called here, which aliases are protected, and which addresses are taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.deployments.mlflow.naming import our_name, protected_aliases
from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import MlflowFailed, SettingInvalid
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.model import RESERVED
from modelwarden.values.ids import MODEL_NAME


@given(st.text(max_size=300))
def test_every_name_becomes_one_of_ours(name: str) -> None:
    ours = our_name(name)
    assert MODEL_NAME.fullmatch(ours)
    assert ours not in RESERVED
    assert ours == name or ours != our_name(name + "!")


def test_names_that_differ_by_spelling_alone_stay_apart() -> None:
    assert our_name("churn") == "churn"
    spelled = {our_name(name) for name in ("churn", "Churn", "CHURN", "churn ", "church", "live")}
    assert len(spelled) == 6


def test_aliases_name_environments() -> None:
    assert protected_aliases(["blue=staging"]) == {"blue": Environment.STAGING}
    for wrong in (
        "production",
        "production=",
        "=production",
        "a=nowhere",
        "Prod=production",
        "a b=staging",
    ):
        with pytest.raises(SettingInvalid, match=r"mlflow\.aliases"):
            protected_aliases([wrong])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "mlflow",
        "file:///etc",
        "ftp://host",
        "http://",
        "http://me:secret@host",
        "http://[",
        "http://a\n",
    ],
)
def test_an_address_is_http_and_names_no_account(address: str) -> None:
    with pytest.raises(MlflowFailed) as refused:
        MlflowRegistry(address)
    assert "secret" not in str(refused.value)
