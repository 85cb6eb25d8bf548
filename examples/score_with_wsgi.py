"""A scoring service in plain WSGI behind a guard, without any package beside Modelwarden.

MODELWARDEN_URL=http://127.0.0.1:8321 MODELWARDEN_TOKEN=… python examples/score_with_wsgi.py 8000

curl -i 'http://127.0.0.1:8000/score?tenure=7'
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

import modelwarden
from modelwarden.integrations.guard_wsgi import GuardWSGI

if TYPE_CHECKING:
    from collections.abc import Callable

guard = modelwarden.Guard(
    os.environ["MODELWARDEN_URL"], "churn", token=os.environ.get("MODELWARDEN_TOKEN")
)


@guard.protect(low=0.0, high=1.0, returns="value")
def predict(tenure: float) -> float:
    """Return how likely a customer is to leave."""
    return 1.0 / (1.0 + tenure)


def program(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """Score one customer."""
    tenure = float(parse_qs(environ["QUERY_STRING"])["tenure"][0])
    body = json.dumps({"score": predict(tenure)}).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


app = GuardWSGI(
    program,
    guard=guard,
    endpoints={"/score": "score"},
    headers={"region": "X-Region"},  # set by our own proxy, which drops what callers send
)

if __name__ == "__main__":
    with make_server("127.0.0.1", int(sys.argv[1]), app) as server:
        print(f"listening on port {server.server_port}", flush=True)
        server.serve_forever()
