"""A company with a rollout on its way, as a server shows it: people, tokens, and a clock that tests move."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.server import create_server_app
from tests.api.town import served
from tests.approvals.org import Org
from tests.console.readers import Place
from tests.deployments.fleet import STEPS, govern, stepped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD: Final = "<script>alert(1)</script>"
PEOPLE: Final = ("root", "alice", "bob", "carol", "dave", "frank")


@dataclass
class Release:
    """The company, its pages, and the deployment of 1.1.0 that is at 5 %."""

    org: Org
    place: Place
    rollout: str


@contextmanager
def releasing(folder: Path, *, notes: str = BAD) -> Iterator[Release]:
    """Serve a company in which 1.0.0 is live and 1.1.0 on its way; frank may nothing."""
    org = Org(folder, write_rate=0, read_rate=0)
    govern(org, STEPS)
    rollout = stepped(org, notes=notes).id
    with org.warden, shown(org) as place:
        yield Release(org, place, rollout)


@contextmanager
def shown(org: Org) -> Iterator[Place]:
    """Serve a company's pages to its people, and to frank, who may nothing."""
    org.warden.add_user("frank")
    tokens = {}
    for name in PEOPLE:
        issuer = org.warden.acting_as("root" if name == "frank" else name)
        tokens[name] = issuer.tokens.create(user=name).secret or ""
    app = create_server_app(org.warden.settings, warden=org.warden)
    with served(app) as address:
        yield Place(address, tokens, "")
