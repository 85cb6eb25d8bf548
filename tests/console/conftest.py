"""A server as it runs, with people, a model, and tokens for guards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.server import create_server_app
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.api.town import served
from tests.console.busy import busy_place
from tests.console.readers import PEOPLE, PURPOSE, Place
from tests.safeguards.fleet import guard_token
from tests.services import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.console.busy import Busy


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("console")
    url = tables.fresh(folder)
    tokens = {}
    with open_warden(url) as warden:
        warden.add_user("root", roles=["admin"])
        tokens["root"] = warden.acting_as("root").tokens.create().secret or ""
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
            issuer = warden.acting_as("root" if not roles else name)
            tokens[name] = issuer.tokens.create(user=name).secret or ""
        for model in ("churn", "fraud"):
            warden.acting_as("olivia").models.register(
                model, owner="olivia", business_purpose=PURPOSE
            )
        guards = guard_token(warden, owner="olivia")
    with open_warden(url, embedded=False, write_rate=0, read_rate=0) as warden:
        app = create_server_app(warden.settings, warden=warden)
        with served(app) as address:
            yield Place(address, tokens, guards)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.running() as started:
        yield started


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Busy, Place]]:
    with busy_place(tmp_path_factory.mktemp("busy")) as found:
        yield found
