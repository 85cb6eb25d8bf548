"""A guarded program as servers load it, with a pace that tests have time for. It tells who it is and what it decides.

What it is guarded by stands in its environment: GUARD_SOURCE, GUARD_STATE, and for a file GUARD_KEYS.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from modelwarden.guard.guard import Guard
from modelwarden.integrations.guard_asgi import GuardASGI
from modelwarden.integrations.guard_wsgi import GuardWSGI
from tests.guard.hosts import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

guard = Guard(
    os.environ["GUARD_SOURCE"], "churn", state_dir=os.environ["GUARD_STATE"], init_wait=30.0, pace=QUICK,
    keys=os.environ.get("GUARD_KEYS"),
)  # fmt: skip
predict = guard.protect(lambda: 0.4, returns="value")


def told() -> bytes:
    """Return what this process says of itself."""
    predict()
    told = {"pid": os.getpid(), "parent": os.getppid(), "instance": guard.status()["instance"]}
    return json.dumps(told).encode()


def program(_environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [told()]


async def asynchronous(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": told()})


wsgi = GuardWSGI(program, guard=guard)
asgi = GuardASGI(asynchronous, guard=guard)
