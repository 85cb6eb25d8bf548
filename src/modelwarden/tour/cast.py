"""Who is on the tour: invented people, each with one job and a signing key of their own."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.ledger.keys import SigningKey
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from modelwarden.ledger.keys import PublicKey
    from modelwarden.values.answers import KeyAnswer


class Person(NamedTuple):
    """Somebody on the tour. `roles` are what the administrator grants while the warden is set up."""

    name: str
    roles: tuple[str, ...]
    part: str


ADMIN: Final = "ada"
OWNER: Final = "mira"
FIRST: Final = "ben"
SECOND: Final = "noor"
OPERATOR: Final = "otto"
AUDITOR: Final = "ines"

ON_CALL: Final = "on-call"
"""A custom role: may let go what a switch stops, if the rules allow it."""

COLLEAGUES: Final = (
    Person(OWNER, ("developer", ON_CALL), "trains the models and owns them"),
    Person(FIRST, ("approver",), "approves releases"),
    Person(SECOND, ("approver", ON_CALL), "approves releases, and is on call"),
    Person(OPERATOR, ("operator",), "deploys and rolls back"),
    Person(AUDITOR, ("auditor",), "reads and verifies the ledger"),
)
SIGNING: Final = (OWNER, FIRST, SECOND)
"""Who has a key. The administrator confirms them: nobody confirms their own."""

SCORER: Final = "scoring"
"""The service account of the scoring process, and the custom role that it holds."""
WATCH: Final = "drift-watch"
"""The service account that acts for a trigger, and its custom role. The operator answers for it."""
CUSTOM: Final = MappingProxyType(
    {
        SCORER: ("model.read", "deployment.read", "guard.read", "guard.report"),
        WATCH: ("model.read", "switch.read", "switch.activate"),
        ON_CALL: ("model.read", "switch.read", "switch.release"),
    }
)
"""Custom roles, and what each of them may do."""


def new_key(folder: Path, name: str) -> SigningKey:
    """Draw a person's key and keep the private half in a file that the owner alone may read.

    It is not encrypted, so that commands can be tried afterwards; `modelwarden keys generate` encrypts.
    """
    key = SigningKey.generate()
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / f"{name}.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.to_pem(None))
    return key


def trust_file(keys: Iterable[tuple[KeyAnswer, str]], server: PublicKey) -> str:
    """Return `keys.json`: the keys that an auditor trusts and whose they are, and the server's (RL-28)."""
    people = [
        {
            "keyid": key.id,
            "pem": key.pem,
            "person": person,
            "valid_from": timestamp(key.valid_from),
            "valid_to": timestamp(key.valid_to),
            "revoked": None,
        }
        for key, person in keys
    ]
    gate = {
        "keyid": server.keyid,
        "pem": server.pem,
        "person": None,
        "valid_from": timestamp(datetime(2026, 1, 1, tzinfo=UTC)),
        "valid_to": None,
        "revoked": None,
    }
    return json.dumps([*people, gate], indent=2) + "\n"
