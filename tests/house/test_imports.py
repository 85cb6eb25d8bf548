"""What import-linter cannot see: what really gets loaded when somebody imports us.

An auditor verifies with the standard library alone, so the ledger's mathematics import where no
package is installed; `import modelwarden` is quick because nothing heavy comes with it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tests.house.source import PACKAGE, SRC

if TYPE_CHECKING:
    from pathlib import Path

HEAVY: Final = ("cryptography", "fastapi", "httpx", "numpy", "pandas", "pydantic", "sqlalchemy")
LIGHT: Final = ("errors", "facts", "guard", "ledger", "permissions", "values")


def run(code: str, *flags: str, path: Path = SRC) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds our source first."""
    start = f"import sys; sys.path.insert(0, {str(path)!r})\n"
    return subprocess.run(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, *flags, "-c", start + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def light_modules() -> list[str]:
    """Return every module that has to load without any package, as dotted names."""
    stems = {p.relative_to(SRC).with_suffix("") for p in PACKAGE.rglob("*.py")}
    names = (stem.parts for stem in stems if len(stem.parts) > 1 and stem.parts[1] in LIGHT)
    return sorted(".".join(parts).removesuffix(".__init__") for parts in names)


def without_packages(modules: list[str], *, path: Path = SRC) -> subprocess.CompletedProcess[str]:
    """Import the modules where site-packages are out of reach."""
    code = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    return run(code, "-S", "-I", path=path)


def loaded_by(statement: str, *, path: Path = SRC) -> list[str]:
    """Return the heavy packages that a statement loads."""
    code = f"{statement}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = run(code, "-I", path=path)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_ledger_and_the_values_need_the_standard_library_alone() -> None:
    names = light_modules()
    assert {"modelwarden.ledger", "modelwarden.values"} <= set(names)
    done = without_packages(names)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import modelwarden") == []


def test_an_audit_trail_loads_nothing_heavy_before_it_sends() -> None:
    used = "import modelwarden as mw; mw.AuditTrail('http://127.0.0.1:1'); mw.AuditHandler; mw.governance_audit"
    assert loaded_by(used) == []


def test_importing_the_errors_loads_nothing_heavy() -> None:
    assert loaded_by("import modelwarden.errors") == []


def test_a_breach_is_seen(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text("import sqlalchemy\n", encoding="utf-8")
    assert without_packages(["heavy"], path=tmp_path).returncode != 0
    assert "sqlalchemy" in loaded_by("import heavy", path=tmp_path)
