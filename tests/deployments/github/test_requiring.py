"""Whether the check is required where pull requests go; and a GitHub that answers byte by byte (RL-49, RL-62)."""

from __future__ import annotations

import contextlib
import socket
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.deployments.github.requiring import Required, required
from modelwarden.deployments.github.site import Installation, Site
from modelwarden.errors import Unreachable
from modelwarden.sinks.fetching import Calls
from modelwarden.values.clock import SystemClock
from tests.services.github_state import APP, INSTALLATION, REPOSITORY
from tests.services.github_stub import github

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.github_stub import GitHubStub

NAME = "modelwarden/release"


def site_of(stub: GitHubStub, base: str | None = None, **given: Any) -> Site:  # noqa: ANN401  # of calls
    place = Installation(base=base or stub.base, app=APP, number=INSTALLATION, key=lambda: stub.pem)
    return Site(place, Calls(**given), now=SystemClock().now)


def ruled(**check: object) -> list[dict[str, Any]]:
    parameters = {
        "required_status_checks": [{"context": NAME, **check}],
        "strict_required_status_checks_policy": False,
    }
    return [{"type": "required_status_checks", "parameters": parameters}]


@pytest.mark.parametrize(
    ("rules", "checks", "found"),
    [
        ([], [], Required("main", is_required=False, of_us=False)),
        ([], [{"context": "build", "app_id": 1}], Required("main", False, False)),  # noqa: FBT003
        ([], [{"context": NAME, "app_id": None}], Required("main", True, False)),  # noqa: FBT003
        ([], [{"context": NAME, "app_id": 1}], Required("main", True, False)),  # noqa: FBT003
        ([], [{"context": NAME, "app_id": int(APP)}], Required("main", True, True)),  # noqa: FBT003
        (ruled(), [], Required("main", True, False)),  # noqa: FBT003
        (ruled(integration_id=int(APP)), [], Required("main", True, True)),  # noqa: FBT003
    ],
)
def test_the_check_has_to_be_required_and_ours(
    rules: list[dict[str, Any]], checks: list[dict[str, Any]], found: Required
) -> None:
    with github() as stub:
        stub.now = SystemClock().now() + timedelta(minutes=4)
        stub.rules = rules
        contexts = [each["context"] for each in checks]
        stub.protection = {"required_status_checks": {"contexts": contexts, "checks": checks}}
        assert required(site_of(stub), REPOSITORY) == found
        assert stub.faults == []


@contextlib.contextmanager
def trickling() -> Iterator[str]:
    """Answer whoever calls with a header that never ends."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
                while not over.wait(0.05):
                    connection.sendall(b"a")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.close()
        thread.join()


def test_headers_that_trickle_end_at_the_deadline_of_the_whole_exchange() -> None:
    with github() as stub, trickling() as base:
        site = site_of(stub, base, deadline_s=1.0)
        with pytest.raises(Unreachable, match="too slow"):
            site.get("/repos/acme/releases")
