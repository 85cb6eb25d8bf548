"""A ServiceNow instance on this machine, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments.servicenow.instance import Account, Instance
from tests.deployments.servicenow.company import Company
from tests.services.servicenow_stub import CLIENT, SECRET, ServiceNow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.approvals.org import Org


@pytest.fixture
def servicenow() -> Iterator[ServiceNow]:
    with ServiceNow().running() as running:
        yield running


@pytest.fixture
def account(servicenow: ServiceNow, tmp_path: Path) -> Account:
    secret = tmp_path / "servicenow.secret"
    secret.write_text(SECRET + "\n", encoding="utf-8")
    return Account(url=servicenow.url, client_id=CLIENT, secret_file=secret)


@pytest.fixture
def instance(account: Account) -> Iterator[Instance]:
    found = Instance(account)
    yield found
    found.close()


@pytest.fixture
def company(org: Org, servicenow: ServiceNow, instance: Instance) -> Company:
    return Company(org, servicenow, instance)
