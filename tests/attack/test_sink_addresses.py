"""A sink's address that is misspelt stops the start; a secret in one is repeated nowhere (LG-51, AC-80)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SettingInvalid
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2hunter2"  # noqa: S105  # the one that must not show
PLACE = "kafka://127.0.0.1:9/ledger"
MISSPELT = (
    f"kafak{PLACE[5:]}?required=true",
    f"{PLACE}?require=true",
    f"{PLACE}?Required=true",
    f"{PLACE}?required=yes",
    f"{PLACE}?required=true&required=false",
    f"{PLACE}?required=false&name=a&required=true",
    f"{PLACE}?required",
    f"{PLACE}#?required=true",
    f"{PLACE}&required=true",
    f"{PLACE};required=true",
    f"{PLACE}?required=true ",
    f" {PLACE}?required=true",
    f"{PLACE}?requ\tired=true",
    f"{PLACE}?required=true\n",
    f"{PLACE}?r\u0435quired=true",
    "kafka:///ledger?required=true",
    "kafka:?required=true",
    "?required=true",
)
TOLD = (
    f"{PLACE}?security=sasl_ssl&username=env:MODELWARDEN_USER&password={SECRET}",
    f"{PLACE}?username=ada&password={SECRET}",
    f"{PLACE}?security=ssl&password={SECRET}",
    f"kafka://ada:{SECRET}@127.0.0.1:9/ledger",
    f"kafka://{SECRET}@127.0.0.1:9/ledger",
    f"{PLACE}?security=sasl_ssl&username=file:/no/such&password=env:{SECRET[:3]}",
    f"{PLACE}?passwort={SECRET}",
    f"{PLACE}?required={SECRET}",
    f"{PLACE}?security={SECRET}",
    f"{PLACE}?name={SECRET}!",
)


@pytest.mark.parametrize("address", MISSPELT)
def test_a_required_sink_that_is_misspelt_stops_the_start(tmp_path: Path, address: str) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    with pytest.raises(SettingInvalid), open_warden(url, sinks=(address,)):
        pass
    with open_warden(url):  # and leaves nothing locked
        pass


@pytest.mark.parametrize("address", TOLD)
def test_a_secret_written_into_an_address_is_refused_and_repeated_nowhere(
    tmp_path: Path, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWARDEN_USER", "ada")
    url = f"sqlite:///{tmp_path}/warden.db"
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(SettingInvalid) as caught,
        open_warden(url, sinks=(address,)),
    ):
        pass
    assert SECRET not in str(caught.value) + caplog.text
