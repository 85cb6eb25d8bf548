"""Our server as `modelwarden serve` starts it, on a database that was prepared before, and calls to it.

Rate limits are set aside, as AC-70 lets an operator do; token, authorisation and ledger stay.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.requests import get, post
from benchmarks.servers import Command, started
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.servers import Server
    from modelwarden.config import Settings

MODELS: Final = "/api/governance/models"
READY: Final = "/api/governance/ready"


@contextlib.contextmanager
def served(folder: Path, settings: Settings | None = None) -> Iterator[Server]:
    """Start the server on the SQLite file in this folder, which it begins if there is none, or where settings say."""
    place = {} if settings is None else {"MODELWARDEN_KEYS_FOLDER": str(settings.keys_folder)}
    command = Command(
        words=[sys.executable, "-m", "modelwarden", "serve", "--port", "{port}"],
        ready=READY,
        environment={
            "MODELWARDEN_URL": url_in(folder) if settings is None else settings.url,
            "MODELWARDEN_READ_RATE": "0",
            "MODELWARDEN_WRITE_RATE": "0",
            **place,
        },
        folder=folder,
    )
    with started(command) as server:
        yield server


def prepared(folder: Path, models: Mapping[str, int]) -> str:
    """Write models with so many versions each, and return a developer's token."""
    with open_warden(url_in(folder)) as warden:
        warden.add_user("carol", roles=["admin"])
        warden.add_user("alice", roles=["developer"])
        alice = warden.acting_as("alice")
        for name, versions in models.items():
            alice.models.register(name)
            for number in range(versions):
                alice.versions.register(name, f"0.{number}")
        secret = alice.tokens.create().secret
    if secret is None:
        raise RuntimeError("a new token has a secret")
    return secret


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/warden.db"


def new_version(name: str, number: int, token: str) -> bytes:
    body = {
        "version": f"1.{number}",
        "artifact": f"s3://models/{name}/{number}",
        "description": f"Trained on the sample of week {number}.",
    }
    return post(f"{MODELS}/{name}/versions", body, token=token)


def get_model(name: str, token: str) -> bytes:
    return get(f"{MODELS}/{name}", token=token)
