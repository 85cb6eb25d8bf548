"""Exports for other programs: each line is the ledger's own, no cell runs, a signed manifest ties it all to it."""

from __future__ import annotations

import csv
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from modelwarden.audit.forms import as_cloudevent, as_csv
from modelwarden.audit.tables import PAYLOAD_TYPE
from modelwarden.errors import FilterInvalid, NotPermitted, SizeUnknown, ValueInvalid
from modelwarden.ledger.dsse import parse_envelope, verify
from modelwarden.ledger.entry import Stored, parse_line
from modelwarden.ledger.lines import verify_lines
from tests.audit import sample
from tests.store.deeds import bodies

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden


@pytest.fixture
def house(warden: Warden) -> Warden:
    sample.populate(warden)
    record = {"ref": "r", "event_type": "TRADE", "component": "RiskAgent", "action": "BLOCK"}
    warden.audit.append([record | {"compliance_tags": ["-SOX", "MIFID_II"]}])
    return warden


def exported(house: Warden, place: Path, form: str, **bounds: int) -> dict[str, Any]:
    """Export, check the manifest against file and key, and return what it says."""
    made = house.acting_as("bob").audit.export(place, format=form, **bounds)
    data = place.with_name(f"{place.name}.manifest.dsse.json").read_bytes()
    envelope = parse_envelope(data)
    assert envelope.payload_type == PAYLOAD_TYPE
    verify(envelope, house.store.around.keyring.server_key.public)
    said: dict[str, Any] = json.loads(envelope.payload)
    assert said["sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()
    assert (said["first"], said["last"]) == (made.first, made.last)
    fact = bodies(house)[-1]["fact"]
    assert (fact["form"], fact["manifest"]) == (form, hashlib.sha256(data).hexdigest())
    return said


def test_lines_of_json_verify_by_themselves(house: Warden, tmp_path: Path) -> None:
    said = exported(house, tmp_path / "out.jsonl", "jsonl")
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
    assert verify_lines(lines, origin=said["origin"]).ok
    assert parse_line(lines[-1]).stored.entry_hash.hex() == said["last_entry_hash"]


def test_csv_has_a_row_an_entry_and_runs_no_formula(house: Warden, tmp_path: Path) -> None:
    said = exported(house, tmp_path / "out.csv", "csv", first=3)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["seq"]) for row in rows] == list(range(3, said["last"] + 1))
    assert rows[-1]["entry_hash"] == said["last_entry_hash"]
    (record,) = [row for row in rows if row["type"] == "external.recorded"]
    assert (record["tags"], record["component"]) == ("'-SOX MIFID_II", "RiskAgent")
    assert all(json.loads(row["entry"])["type"] == row["type"] for row in rows)


def test_parquet_holds_the_same_and_says_so_in_its_footer(house: Warden, tmp_path: Path) -> None:
    said = exported(house, tmp_path / "out.parquet", "parquet")
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column("seq").to_pylist() == list(range(said["last"] + 1))
    assert table.column("entry_hash").to_pylist()[-1] == said["last_entry_hash"]
    footer = parquet.read_metadata(tmp_path / "out.parquet").metadata
    assert footer[b"modelwarden.last_entry_hash"].decode() == said["last_entry_hash"]
    assert footer[b"modelwarden.origin"].decode() == said["origin"]


def test_cloudevents_carry_the_bytes_that_were_hashed(house: Warden, tmp_path: Path) -> None:
    said = exported(house, tmp_path / "out.events", "cloudevents")
    lines = (tmp_path / "out.events").read_bytes().splitlines()
    for seq, line in enumerate(lines):
        event = json.loads(line)
        assert (event["specversion"], event["id"], event["source"]) == (
            "1.0",
            str(seq),
            said["origin"],
        )
        body = line.partition(b',"data":')[2][:-1]
        assert hashlib.sha256(b"\0" + body).hexdigest() == event["leafhash"]
        assert event["type"] == event["data"]["type"]
    assert all(name.islower() and name.isalnum() for name in json.loads(lines[0]))


def test_what_can_not_be_exported_leaves_nothing_behind(house: Warden, tmp_path: Path) -> None:
    bob = house.acting_as("bob").audit
    size = len(bodies(house))
    with pytest.raises(NotPermitted):
        house.acting_as("alice").audit.export(tmp_path / "a", format="csv")
    with pytest.raises(FilterInvalid):
        bob.export(tmp_path / "b", format="xml")
    with pytest.raises(SizeUnknown):
        bob.export(tmp_path / "c", format="csv", last=10_000)
    (tmp_path / "d.manifest.dsse.json").write_text("")
    with pytest.raises(ValueInvalid):
        bob.export(tmp_path / "d", format="csv")
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("warden")}
    assert {name for name in left if not name.startswith("keys")} == {"d.manifest.dsse.json"}
    assert len(bodies(house)) == size + 1  # the refusal


def test_an_altered_entry_still_has_its_row() -> None:
    for body in (b"\xff not json", b'{"type": 3, "fact": []}', b'["=1+1"]'):
        stored = Stored(7, body, b"\1" * 32, b"\2" * 32)
        assert as_csv(stored, b"\3" * 32, "o").startswith(b"7,")
        assert as_cloudevent(stored, b"\3" * 32, "o").startswith(b'{"specversion"')
