"""What is delivered as from GitHub: forged, replayed, late, cut off, too long, too much (RL-50, RL-61)."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

from modelwarden.api.app import create_app
from modelwarden.deployments.github import queries
from modelwarden.deployments.github.hook import Hint, Named
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden, open_warden
from tests.api.town import served
from tests.services.github_state import APP, INSTALLATION, REPOSITORY, SECRET, GitHubState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.store.change import Telemetry

WEBHOOK: Final = "/api/governance/integrations/github/webhook"
REFUSED: Final = (401, "webhook_invalid")
TAKEN: Final = (204, "")


def pushed(number: int = 0, **members: Any) -> bytes:  # noqa: ANN401  # JSON
    value = {
        "ref": f"refs/heads/modelwarden/req_{number:026d}",
        "repository": {"full_name": REPOSITORY},
        "installation": {"id": int(INSTALLATION)},
    }
    return json.dumps(value | members).encode()


@dataclass
class Door:
    warden: Warden
    client: httpx.Client
    stub: GitHubState
    secret: Path

    def send(self, body: bytes, **changed: str) -> tuple[int, str]:
        headers = self.stub.headers(body, "push")
        return self.send_as(body, headers | {k.replace("_", "-"): v for k, v in changed.items()})

    def send_as(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        answer = self.client.post(WEBHOOK, content=body, headers=headers)
        return answer.status_code, answer.json()["code"] if answer.content else ""

    def due(self) -> list[str | None]:
        found: list[queries.Due] = self.warden.view(system("github"), queries.due)
        return [each.request for each in found]


@contextmanager
def door(folder: Path, **settings: object) -> Iterator[Door]:
    secret, key = folder / "webhook", folder / "app.pem"
    secret.write_text(SECRET, encoding="utf-8")
    key.write_text("never used: nothing is called here")
    for each in (secret, key):
        each.chmod(0o600)
    given: dict[str, object] = {
        "github_url": "http://127.0.0.1:9",
        "github_repository": REPOSITORY,
        "github_app": APP,
        "github_installation": INSTALLATION,
        "github_key": f"file:{key}",
        "github_webhook_secret": f"file:{secret}",
        "read_rate": 0,
    } | settings
    with (
        open_warden(f"sqlite:///{folder / 'warden.db'}", **given) as warden,
        served(create_app(warden)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        for follower in warden.followers:
            follower.close()  # what is due stays where it can be seen
        yield Door(warden, client, GitHubState(), secret)


def test_forged_cut_off_and_rotated(tmp_path: Path) -> None:
    with door(tmp_path) as at:
        body = pushed(1)
        good = at.stub.headers(body, "push")
        assert at.send_as(body, {}) == REFUSED
        assert at.send_as(body, at.stub.headers(body, "push", secret="guessed")) == REFUSED  # noqa: S106
        assert at.send_as(body[:-1], good) == REFUSED
        assert at.send_as(pushed(2), good) == REFUSED
        assert at.send(b"{") == REFUSED
        assert at.send(b"[" * 100_000) == REFUSED
        assert at.send(b"x" * 1_048_577) == (413, "body_too_large")
        assert at.due() == []
        assert at.send_as(body, good) == TAKEN
        at.secret.write_text(f"newer\n{SECRET}\n", encoding="utf-8")
        assert at.send(pushed(2)) == TAKEN
        at.secret.write_text("newer\n", encoding="utf-8")
        assert at.send(pushed(3)) == REFUSED
        assert len(at.due()) == 2


def test_a_delivery_counts_once_and_a_body_under_other_headers_is_the_same(tmp_path: Path) -> None:
    with door(tmp_path) as at:
        body = pushed(1)
        for changed in (
            {},
            {"x_github_delivery": "reused"},
            {"x_github_hook_id": "577002"},
            {"x_github_event": "pull_request"},
        ):
            assert at.send(body, **changed) == TAKEN
        assert len(at.due()) == 1
        assert at.send(pushed(2), x_github_delivery="same") == TAKEN
        assert at.send(pushed(3), x_github_delivery="same") == TAKEN  # it was taken already
        assert len(at.due()) == 2
        assert at.send(pushed(4), x_github_delivery="same", x_github_hook_id="577002") == TAKEN
        assert len(at.due()) == 3
        due = at.warden.view(system("github"), queries.due)
        at.warden.telemetry(system("github"), lambda view: queries.done(view, due))
        assert at.send(body) == TAKEN  # replayed, when all is done
        assert at.due() == []


def test_a_ping_is_answered_and_what_is_no_release_leaves_nothing(tmp_path: Path) -> None:
    with door(tmp_path) as at:
        ping = json.dumps({"zen": "Keep it logically awesome.", "hook_id": 1}).encode()
        assert at.send(ping, x_github_event="ping") == TAKEN
        assert at.send(pushed(1, ref="refs/heads/main")) == TAKEN
        assert at.send(pushed(1, repository={"full_name": "acme/other"})) == TAKEN
        assert at.due() == []


def test_a_flood_of_hints_ends_and_runs_still_find_room(tmp_path: Path) -> None:
    with door(tmp_path) as at:
        fill(at.warden, [Hint(request=f"req_{number:026d}") for number in range(queries.MOST_DUE)])
        assert (
            at.send(pushed(queries.MOST_DUE)) == TAKEN
        )  # all are looked at in five minutes anyway
        at.stub.base = "http://127.0.0.1:9"
        assert at.send(at.stub.waiting(1)) == TAKEN
        waiting = at.warden.view(system("github"), queries.due)
        assert (len(waiting), waiting[0].run) == (queries.AT_ONCE, 1)
        fill(at.warden, [Hint(run=n, environment="x") for n in range(2, queries.MOST_DUE + 1)])
        assert at.send(at.stub.waiting(queries.MOST_DUE + 1)) == (429, "rate_limited")


def fill(warden: Warden, hints: list[Hint]) -> None:
    def keep(telemetry: Telemetry) -> None:
        for hint in hints:
            name = f"{hint.request}{hint.run}"
            named = Named("577001", name, "push")
            assert queries.keep_delivery(telemetry, named, hint, body_sha256=name)

    warden.telemetry(system("github"), keep)


def test_without_a_secret_nothing_is_taken(tmp_path: Path) -> None:
    with door(tmp_path, github_webhook_secret=None) as at:
        assert at.send(pushed(1)) == REFUSED
        at.secret.write_text("")
    with door(tmp_path) as at:
        at.secret.write_text(" \n")
        body = pushed(1)
        assert at.send_as(body, at.stub.headers(body, "push", secret="")) == REFUSED
