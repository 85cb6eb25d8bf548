"""Records of other systems, words, files and reports: the same way everywhere."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    NotPermitted,
    RecordConflict,
    RecordFromFuture,
    RecordInvalid,
    TooManyRecords,
)
from modelwarden.integrations.audit_trail import AuditTrail

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.places import Company

RECORD = {"event_type": "RISK_DECISION", "component": "RiskAgent", "action": "BLOCK_TRADE"}


@pytest.fixture(scope="module", autouse=True)
def _recorder(company: Company) -> None:
    root = company.as_user("root")
    root.roles.define("recorder", permissions=["audit.append"])
    root.roles.grant("dave", "recorder", reason="dave's program records")


def test_a_record_is_taken_once_and_found_by_what_it_says(company: Company) -> None:
    dave, frank = company.as_user("dave"), company.as_user("frank")
    told = dave.audit.record(
        "ORDER", "Router", "route", ref="one", details={"n": 0.5}, compliance_tags=["SOX"],
        user_id="t1", severity="HIGH", timestamp="2026-01-02T03:04:05Z",
    )  # fmt: skip
    assert (told.ref, told.repeated) == ("one", False)
    again = dave.audit.record(
        "ORDER", "Router", "route", ref="one", details={"n": 0.5}, compliance_tags=["SOX"],
        user_id="t1", severity="HIGH", timestamp="2026-01-02T03:04:05Z",
    )  # fmt: skip
    assert (again.seq, again.repeated) == (told.seq, True)
    (found,) = frank.audit.search(component="Router").items
    assert (found.seq, found.entry["severity"]) == (told.seq, "HIGH")
    assert found.entry["fact"]["occurred_at"] == "2026-01-02T03:04:05.000000Z"
    made = dave.audit.append([RECORD | {"ref": f"r-{n}"} for n in range(3)])
    assert (made.recorded, [one.ref for one in made.records]) == (3, ["r-0", "r-1", "r-2"])


def test_what_is_not_taken_is_refused_alike(company: Company) -> None:
    dave = company.as_user("dave")
    dave.audit.append([RECORD | {"ref": "first"}])
    with pytest.raises(RecordConflict) as conflict:
        dave.audit.append(
            [RECORD | {"ref": "other"}, RECORD | {"ref": "first", "severity": "HIGH"}]
        )
    assert conflict.value.number == 1
    with pytest.raises(RecordInvalid) as invalid:
        dave.audit.append([RECORD | {"ref": "a"}, RECORD | {"ref": "b", "action": "x y"}])
    assert invalid.value.number == 1
    with pytest.raises(RecordInvalid) as first:
        dave.audit.append([RECORD | {"ref": "a", "severity": "high"}])
    assert first.value.number == 0
    with pytest.raises(RecordFromFuture):
        dave.audit.append([RECORD | {"ref": "a", "timestamp": "2999-01-01T00:00:00Z"}])
    with pytest.raises(TooManyRecords):
        dave.audit.append([RECORD | {"ref": f"m-{n}"} for n in range(1_001)])
    with pytest.raises(NotPermitted):
        company.as_user("frank").audit.append([RECORD | {"ref": "a"}])


def test_words_find_entries_and_say_how_far_they_know(company: Company) -> None:
    dave, frank = company.as_user("dave"), company.as_user("frank")
    seq = dave.audit.append([RECORD | {"ref": "words", "component": "Zebra"}]).records[0].seq
    deadline = time.monotonic() + 30
    found = frank.audit.search(text='zebra "block trade"')
    while (found.indexed_to or 0) <= seq:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        found = frank.audit.search(text='zebra "block trade"')
    assert [one.seq for one in found.items] == [seq]
    with pytest.raises(NotPermitted):
        frank.audit.search(text="zebra", include_texts=True)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "cloudevents"])
def test_a_file_for_other_programs_has_its_manifest_beside_it(company: Company, form: str) -> None:
    frank = company.as_user("frank")
    place = company.folder / f"ledger.{form}"
    made = frank.audit.export(place, format=form, first=1, last=5)
    assert (made.path, made.first, made.last, made.files) == (str(place), 1, 5, 2)
    manifest = (company.folder / f"ledger.{form}.manifest.dsse.json").read_bytes()
    assert made.manifest_sha256 == hashlib.sha256(manifest).hexdigest()
    told = frank.audit.search(type="ledger.exported", limit=1).items[0].entry["fact"]
    assert (told["form"], told["manifest"]) == (form, made.manifest_sha256)


def test_a_report_is_the_same_document_again(company: Company, tmp_path: Path) -> None:
    frank = company.as_user("frank")
    found = frank.audit.report("2026-01-01", "2030-01-01", tmp_path / "r.html")
    assert (found.total, found.verified) == (found.as_of, True)
    for ending in ("html", "md", "json"):
        places = [tmp_path / f"{n}.{ending}" for n in (1, 2)]
        for place in places:
            assert frank.audit.report("2026-01-01", "2030-01-01", place, as_of=found.as_of) == found
        assert places[0].read_bytes() == places[1].read_bytes()
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "r.html").read_bytes()
    assert json.loads((tmp_path / "1.json").read_text())["total"] == found.total


def test_an_audit_trail_leads_here(company: Company, tmp_path: Path) -> None:
    with AuditTrail(company.as_user("dave"), component="Trail", spool=tmp_path) as trail:
        refs = [trail.record("RISK_DECISION", "ALLOW", details={"n": n}) for n in range(20)]
        trail.flush(30)
        assert trail.counts.sent == 20
    found = company.as_user("frank").audit.search(component="Trail").items
    assert [one.entry["fact"]["ref"] for one in reversed(found)] == refs
