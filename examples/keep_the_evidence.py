"""Verify a ledger, then export it for somebody who trusts nobody's word; they verify it with one file.

    python examples/keep_the_evidence.py sqlite:///warden.db AUDITOR FOLDER

The folder must not exist yet. The key that is printed has to reach them another way than the export.
"""

from __future__ import annotations

import sys
from pathlib import Path

import modelwarden


def keep(url: str, auditor: str, folder: Path) -> str:
    """Write an export to the folder, and return the key by which it verifies."""
    with modelwarden.open(url) as warden:
        audit = warden.acting_as(auditor).audit
        found = audit.verify(strict=True, state=True)
        for problem in found.problems:
            print(f"{problem.code} at entry {problem.seq}: {problem.detail}", file=sys.stderr)
        if not found:
            raise SystemExit(1)
        written = audit.export(folder)
        key = audit.keys()[0]
    print(f"entries {written.first} to {written.last} are in {folder}")
    print(f"python {folder / 'verify.py'} --key '{key}'")
    return key


if __name__ == "__main__":
    keep(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
