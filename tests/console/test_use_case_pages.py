"""Use cases on plain pages: they show what the API shows, and forms do what it does."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from tests.console.readers import is_clean
from tests.safeguards.fleet import ROOT, bearer
from tests.sla.reporting import minute, part, wire

if TYPE_CHECKING:
    from tests.console.readers import Place

WORDS = {
    "name": "Retention <calls>", "description": "Call those who are likely to leave", "models": "churn",
    "impact_level": "high", "affected_systems": "crm dialler", "input_schema": '{"type": "object"}',
    "output_schema": '{"minimum": 0.5}',
}  # fmt: skip


def show(place: Place, path: str) -> Any:  # noqa: ANN401 - any JSON
    answer = httpx.get(f"{place.address}{ROOT}/{path}", headers=bearer(place.tokens["olivia"]))
    return answer.json()


def test_a_use_case_is_written_down_changed_submitted_and_ended(place: Place) -> None:
    olivia, dave = place.reader("olivia"), place.reader("dave")
    made = olivia.send("/use-cases", "create", usecase="calls", **WORDS)
    assert made.status_code == 200, made.text
    assert "Written down, as a draft" in made.text
    assert "Retention &lt;calls&gt;" in made.text
    known = show(place, "usecases/calls")
    assert (known["affected_systems"], known["output_schema"]) == (
        ["crm", "dialler"],
        {"minimum": 0.5},
    )
    wrong = olivia.send("/use-cases/calls", "update", **(WORDS | {"input_schema": "["}))
    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.text
    page = olivia.send("/use-cases/calls", "submit", comment="the retention team asks for it")
    assert "Asked for approval" in page.text
    assert "modelwarden usecases approve calls --key FILE" in page.text
    refused = dave.send("/use-cases/calls", "approve")
    assert refused.status_code == 403
    held = dave.send("/use-cases/calls", "deprecate", sunset="soon")
    assert held.status_code == 422
    ended = dave.send("/use-cases/calls", "deprecate", reason="over")
    assert "Deprecated" in ended.text
    assert "refused since" in ended.text
    assert show(place, "usecases/calls")["status"] == "deprecated"
    assert dave.send("/use-cases/calls", "nonsense").status_code == 422


def test_how_it_is_used_is_shown_as_guards_counted_it(place: Place) -> None:
    olivia = place.reader("olivia")
    olivia.send("/use-cases", "create", usecase="visits", **WORDS)
    empty = olivia.send("/use-cases/visits").text
    assert "No guard counted for this use case in production" in empty
    now = minute(datetime.now(UTC))
    data = wire(
        "00000000000000a1",
        part(now, 1, sli="guard:churn:visits", fallbacks=1, latencies=(0.1, 0.2)),
    )
    headers = bearer(place.guards) | {"Content-Type": "application/json"}
    sent = httpx.post(f"{place.address}{ROOT}/sla/slots", content=data, headers=headers)
    assert sent.status_code == 204, sent.text
    used = olivia.send("/use-cases/visits")
    assert "50\N{NO-BREAK SPACE}%" in used.text
    assert 'class="plot wide"' in used.text
    assert is_clean(used)
    staging = olivia.send("/use-cases/visits?environment=staging").text
    assert "No guard counted for this use case in staging" in staging
    assert olivia.send("/use-cases/visits?environment=moon").status_code == 422


def test_the_list_is_filtered_and_exported(place: Place) -> None:
    olivia = place.reader("olivia")
    for name in ("letters", "mails"):
        olivia.send("/use-cases", "create", usecase=name, **WORDS)
    olivia.send("/use-cases/mails", "submit", comment="the retention team asks for it")
    page = olivia.send("/use-cases?status=submitted").text
    assert "/use-cases/mails" in page
    assert "/use-cases/letters" not in page
    export = olivia.send("/use-cases?status=submitted", format="csv")
    rows = list(csv.DictReader(io.StringIO(export.text)))
    assert [row["usecase"] for row in rows] == ["mails"]
    assert olivia.send("/use-cases/nobody").status_code == 404
    assert olivia.send("/use-cases?status=asleep").status_code == 422
