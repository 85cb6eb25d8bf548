"""What is pushed from ServiceNow: forged, old, repeated, too long; and that it is a hint alone (RL-53, RL-61)."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from modelwarden.api.app import create_app
from modelwarden.errors import SettingInvalid
from modelwarden.notify.webhook import new_secret, signed_headers
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.services.servicenow_stub import CLIENT, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

WEBHOOK: Final = "/api/governance/integrations/servicenow/webhook"
FLOOD: Final = 50
BODY: Final = json.dumps({"sys_id": "1" * 32}).encode()


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[tuple[Warden, httpx.Client]]:
    (folder / "secret").write_text(SECRET, encoding="utf-8")
    with (
        open_warden(
            f"sqlite:///{folder / 'warden.db'}",
            servicenow_url="http://127.0.0.1:9",
            servicenow_client_id=CLIENT,
            servicenow_secret_file=folder / "secret",
            **settings,
        ) as warden,
        served(create_app(warden)) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        for follower in warden.followers:
            follower.close()  # the hint stays where it can be seen
        yield warden, client


def send(client: httpx.Client, headers: dict[str, str], body: bytes = BODY) -> tuple[int, str]:
    answer = client.post(
        WEBHOOK, content=body, headers={"content-type": "application/json"} | headers
    )
    return answer.status_code, answer.json()["code"] if answer.content else ""


def test_a_signed_push_is_a_hint_and_others_are_refused(tmp_path: Path) -> None:
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    file = tmp_path / "push"
    file.write_text(f"{new}\n{old}\n", encoding="utf-8")
    refused = (401, "webhook_invalid")
    with serving(tmp_path, servicenow_push_secret_file=file) as (warden, client):
        source = warden.servicenow
        assert source is not None
        good = signed_headers([new], "1", BODY, now=now)
        assert send(client, {}) == refused
        assert send(client, signed_headers([new_secret()], "1", BODY, now=now)) == refused
        assert send(client, good, BODY + b" ") == refused
        late, early = (now + timedelta(minutes=m) for m in (-6, 6))
        assert send(client, signed_headers([new], "1", BODY, now=late)) == refused
        assert send(client, signed_headers([new], "1", BODY, now=early)) == refused
        assert send(client, good | {"webhook-timestamp": str(int(time.time()) + 1)}) == refused
        assert send(client, good, b"x" * 70_000) == (413, "body_too_large")
        assert not source.take_hint()
        assert send(client, good) == (204, "")
        assert source.take_hint()
        assert send(client, signed_headers([old], "2", BODY, now=now)) == (204, "")
        file.write_text(new, encoding="utf-8")  # the old secret is gone
        assert send(client, signed_headers([old], "3", BODY, now=now)) == refused


def test_without_a_secret_nothing_is_taken(tmp_path: Path) -> None:
    with serving(tmp_path) as (warden, client):
        forged = signed_headers([new_secret()], "1", BODY, now=datetime.now(UTC))
        assert send(client, forged) == (401, "webhook_invalid")
        assert warden.servicenow is not None
        assert not warden.servicenow.take_hint()


@pytest.mark.parametrize("door", [WEBHOOK, "/api/governance/integrations/targets/shop/acknowledge"])
def test_a_flood_of_pushes_is_bounded_and_never_keeps_a_model_from_being_stopped(
    tmp_path: Path, door: str
) -> None:
    with serving(tmp_path, write_rate=1) as (warden, client):  # one a second for each address
        warden.add_user("olga", roles=["operator"])
        token = warden.acting_as("olga").tokens.create(days=1).secret
        forged = signed_headers([new_secret()], "1", BODY, now=datetime.now(UTC))
        flood = [
            client.post(door, content=BODY, headers={"content-type": "application/json"} | forged)
            for _ in range(FLOOD)
        ]
        assert {answer.status_code for answer in flood} == {401, 429}
        stop = {"scope": {"model": "churn"}, "reason": "answers are wrong", "allow_unknown": True}
        stopped = client.post(
            "/api/governance/kill-switches", json=stop, headers={"authorization": f"Bearer {token}"}
        )
        assert stopped.status_code == 201, stopped.text


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"servicenow_url": "http://dev.service-now.com"}, "https"),
        ({"servicenow_url": "https://user:word@dev.service-now.com"}, "scheme and host alone"),
        ({"servicenow_url": "https://dev.service-now.com/api"}, "scheme and host alone"),
        ({"servicenow_client_id": None}, "client_id"),
        ({"servicenow_states": ()}, "states"),
        ({"servicenow_states": ("-2^state!=x",)}, "states"),
        ({"servicenow_approvers": 0}, "approvers"),
        ({"servicenow_cab_group": "the board"}, "cab_group"),
        ({"servicenow_type": "routine"}, "servicenow.type"),
        ({"servicenow_type": "standard"}, "servicenow.template"),
        ({"servicenow_template": "a" * 32}, "servicenow.template"),
        ({"servicenow_type": "standard", "servicenow_template": "../x"}, "sys_id"),
        ({"servicenow_closes": ("3^4",)}, "closes"),
        ({"servicenow_closes": ("3", "3")}, "closes"),
    ],
)
def test_settings_that_can_not_be_are_refused(
    tmp_path: Path, settings: dict[str, object], why: str
) -> None:
    given: dict[str, object] = {
        "servicenow_url": "https://dev.service-now.com",
        "servicenow_client_id": CLIENT,
        "servicenow_secret_file": tmp_path / "secret",
    } | settings
    with pytest.raises(SettingInvalid, match=why):
        open_warden(f"sqlite:///{tmp_path / 'warden.db'}", **given).close()
