"""A company on a database file, and the command line in this process, acting as one of its people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import typer.testing

from modelwarden.cli.main import app
from modelwarden.ledger.keys import SigningKey
from modelwarden.warden.warden import open_warden
from tests import tables

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = {
    "root": ("admin",),
    "alice": ("developer",),
    "dave": ("operator",),
    "frank": ("auditor",),
    "bob": ("approver",),
    "carol": ("approver",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON
        return json.loads(self.out)

    @property
    def error(self) -> Any:  # noqa: ANN401  # JSON
        return json.loads(self.err)["error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where commands are typed."""

    folder: Path
    url: str

    def run(self, *words: str, env: dict[str, str | None] | None = None) -> Ran:
        """Run a command as it is typed."""
        clean = {"MODELWARDEN_TOKEN": None, "MODELWARDEN_AS": None, "NO_COLOR": "1"}
        result = typer.testing.CliRunner().invoke(
            app, list(words), env=clean | {"MODELWARDEN_URL": self.url} | (env or {})
        )
        return Ran(code=result.exit_code, out=result.stdout, err=result.stderr)

    def done(self, name: str, *words: str) -> Any:  # noqa: ANN401  # JSON
        """Run a command as one of the people; it has to go well. Return its JSON."""
        ran = self.run(*words, "--as", name, "--json")
        assert ran.code == 0, ran
        return ran.json

    def refused(self, name: str, *words: str) -> Ran:
        """Run a command as one of the people; it has to end otherwise."""
        ran = self.run(*words, "--as", name, "--json")
        assert ran.code != 0, ran
        return ran

    def key(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    url = tables.fresh(folder)
    with open_warden(url) as warden:
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
        for name in ("bob", "carol"):
            key = SigningKey.generate()
            (folder / f"{name}.pem").write_bytes(key.to_pem(None))
            warden.acting_as("root").keys.confirm(warden.acting_as(name).keys.enrol(key).id)
    return Desk(folder=folder, url=url)
