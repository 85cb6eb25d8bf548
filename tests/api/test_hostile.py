"""Whatever fits or breaks the description is answered, and never by falling over (schemathesis, bounded)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from schemathesis import APIOperation, Case

    from tests.api.town import Town

CHECKS = [response_schema_conformance, status_code_conformance, content_type_conformance]
EXAMPLES = 3
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
LEFT_OUT = frozenset({"/api/governance/audit-log/export"})
"""Answers with a file; tests/conformance/test_audit.py reads it."""

SIGNED = frozenset(
    {
        "/api/governance/integrations/github/webhook",
        "/api/governance/integrations/mlflow/webhook",
        "/api/governance/integrations/servicenow/webhook",
        "/api/governance/integrations/targets/{target}/acknowledge",
    }
)
"""Take no token but a signature, which nobody gives here."""


KNOWN = {
    "model": "churn",
    "version": "1",
    "user": "victim",
    "role": "analyst",
    "policy": "builtin/basic",
    "seq": 1,
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("person", "mode"),
    [
        ("carol", GenerationMode.POSITIVE),
        pytest.param("grace", GenerationMode.POSITIVE, marks=pytest.mark.soak),
        pytest.param("alice", GenerationMode.NEGATIVE, marks=pytest.mark.soak),
    ],
)
def test_no_call_makes_the_server_fall_over(town: Town, person: str, mode: GenerationMode) -> None:
    town.call("carol", "POST", "/users", {"handle": "victim"})
    town.call("alice", "POST", "/models/register", {"model": "churn", "version": "1"})
    document = town.call(None, "GET", "/openapi.json").json()
    del document["components"]["securitySchemes"]  # the token stays the right one
    for operations in document["paths"].values():
        for operation in operations.values():
            del operation["security"]
    schema = schemathesis.openapi.from_dict(document)
    tried = 0
    for found in schema.get_all_operations():
        if found.ok().path not in LEFT_OUT:
            tried += _try(town, found.ok(), person, mode)
    assert tried >= 60


def _try(town: Town, operation: APIOperation[Any, Any], person: str, mode: GenerationMode) -> int:
    """Send a few calls; return 0 for an operation that can't be called wrongly."""
    session = requests.Session()
    headers = {"Authorization": f"Bearer {town.tokens[person]}"}

    names = [one.name for one in operation.path_parameters]
    is_known = mode is GenerationMode.POSITIVE and bool(names) and KNOWN.keys() >= set(names)
    places = {name: KNOWN[name] for name in names} if is_known else None

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=places))
    def run(case: Case) -> None:
        response = case.call(base_url=town.url, session=session, headers=headers)
        assert response.status_code < 500, response.text
        assert (response.status_code == 401) is (operation.path in SIGNED)
        case.validate_response(response, checks=CHECKS)

    try:
        run()
    except Unsatisfiable:
        return 0
    finally:
        session.close()
    return 1
