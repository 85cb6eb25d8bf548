"""Records of other systems on the command line: chunks, repeats, and where it stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk


def lines(count: int, *, start: int = 0) -> list[str]:
    """Return records as lines of JSON."""
    said = {"event_type": "RISK_DECISION", "component": "RiskAgent", "action": "ALLOW"}
    return [
        json.dumps(said | {"ref": f"r-{n}", "details": {"n": n, "score": 0.5}})
        for n in range(start, start + count)
    ]


def test_a_file_is_recorded_in_chunks_and_repeats_count_once(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join([*lines(1_500), ""]))
    made = desk.run("audit", "append", str(file), "--json").json
    assert (made["recorded"], made["repeated"]) == (1_500, 0)
    file.write_text("\n".join(lines(1_600)))
    again = desk.run("audit", "append", str(file), "--json").json
    assert (again["recorded"], again["repeated"], again["last"]) == (100, 1_500, made["last"] + 100)


def test_a_bad_line_is_named_and_what_came_before_stands(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join([*lines(1_001, start=5_000), '{"ref": "x", "n": NaN}']))
    ran = desk.run("audit", "append", str(file))
    assert (ran.code, "line 1002" in ran.err) == (1, True)
    file.write_text("\n".join([*lines(1_001, start=6_000), '{"ref": "x"}']))
    ran = desk.run("audit", "append", str(file))
    assert ran.code == 1
    assert "stopped at line 1002; 1000 records before stand" in ran.err
    assert desk.run("audit", "append", str(tmp_path / "none")).code == 1
