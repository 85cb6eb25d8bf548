"""What claims to come from MLflow: forged, old, repeated, too long; and that it is a hint alone (RL-56, RL-61)."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from modelwarden.api.app import create_app
from modelwarden.deployments.mlflow.webhook import DELIVERY, SIGNATURE, TIMESTAMP, sign
from modelwarden.errors import SettingInvalid
from modelwarden.warden.warden import open_warden
from tests.api.town import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

WEBHOOK: Final = "/api/governance/integrations/mlflow/webhook"
SYNC: Final = "/api/governance/integrations/mlflow/sync"
BODY: Final = json.dumps({"entity": "model_version", "action": "created"}).encode()
REFUSED: Final = (401, "webhook_invalid")
TAKEN: Final = (204, "")


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[tuple[Warden, httpx.Client]]:
    url = f"sqlite:///{folder / 'warden.db'}"
    with (
        open_warden(url, mlflow_url="http://127.0.0.1:9", write_rate=0, **settings) as warden,
        served(create_app(warden)) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield warden, client


def signed(secret: str, delivery: str, *, after_s: int = 0, body: bytes = BODY) -> dict[str, str]:
    stamp = str(int(time.time()) + after_s)
    return {
        SIGNATURE: sign(secret, delivery, stamp, body), DELIVERY: delivery, TIMESTAMP: stamp
    }  # fmt: skip


def send(client: httpx.Client, headers: dict[str, str], body: bytes = BODY) -> tuple[int, str]:
    answer = client.post(
        WEBHOOK, content=body, headers={"content-type": "application/json"} | headers
    )
    return answer.status_code, answer.json()["code"] if answer.content else ""


def test_a_signed_webhook_is_a_hint_once_and_others_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("new\nold\nforgotten\n", encoding="utf-8")
    with serving(tmp_path, mlflow_webhook_secret_file=file) as (warden, client):
        hints = warden.mlflow.hints
        good = signed("new", "d-1")
        for headers, body in (
            ({}, BODY),
            (signed("guessed", "d-1"), BODY),
            (signed("forgotten", "d-1"), BODY),  # two at most
            (signed("", "d-1"), BODY),
            (good, BODY + b" "),
            (good | {DELIVERY: "d-2"}, BODY),
            (good | {TIMESTAMP: str(int(time.time()) + 1)}, BODY),
            (good | {TIMESTAMP: "now"}, BODY),
            (good | {SIGNATURE: ""}, BODY),
            (signed("new", "d-1", after_s=-360), BODY),
            (signed("new", "d-1", after_s=360), BODY),
            (signed("new", ""), BODY),
            (signed("new", "d" * 200), BODY),
        ):
            assert send(client, headers, body) == REFUSED
        assert send(client, good, b"x" * 1_048_577) == (413, "body_too_large")
        assert hints.count == 0
        assert [send(client, good) for _ in range(3)] == [TAKEN] * 3
        assert hints.count == 1
        assert send(client, signed("old", "d-3")) == TAKEN
        assert hints.count == 2
        file.write_text("new", encoding="utf-8")
        assert send(client, signed("old", "d-4")) == REFUSED
        assert send(client, signed("new", "d-5", body=b"\xff"), b"\xff") == TAKEN  # never parsed


def test_without_a_secret_nothing_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with serving(tmp_path) as (_, client):
        assert send(client, signed("", "d-1")) == REFUSED
    with serving(tmp_path, mlflow_webhook_secret_file=tmp_path / "empty") as (_, client):
        assert send(client, signed("", "d-1")) == REFUSED
    with serving(tmp_path, mlflow_webhook_secret_file=tmp_path / "none") as (_, client):
        assert send(client, signed("", "d-1")) == (503, "external_unreadable")


def test_a_look_takes_the_right_to_register(tmp_path: Path) -> None:
    with serving(tmp_path) as (warden, client):
        for name, role, expected in (
            ("alice", "developer", (502, "mlflow_failed")),  # nobody answers at port 9
            ("erin", "auditor", (403, "not_permitted")),
        ):
            warden.add_user(name, roles=[role])
            secret = warden.acting_as(name).tokens.create().secret
            answer = client.post(SYNC, json={}, headers={"authorization": f"Bearer {secret}"})
            assert (answer.status_code, answer.json()["code"]) == expected
        assert client.post(SYNC, json={}).status_code == 401


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"mlflow_import_as": "importer"}, "needs mlflow.url and mlflow.folder"),
        (
            {"mlflow_import_as": "importer", "mlflow_folder": "/srv/kept", "embedded": False},
            "artifact.roots",
        ),
    ],
)
def test_settings_that_can_not_be_are_refused(
    tmp_path: Path, settings: dict[str, object], why: str
) -> None:
    with pytest.raises(SettingInvalid, match=why):
        open_warden(
            f"sqlite:///{tmp_path / 'warden.db'}", mlflow_url="http://127.0.0.1:9", **settings
        ).close()
