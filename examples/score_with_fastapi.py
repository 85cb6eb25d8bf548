"""A scoring service in FastAPI behind a guard: blocked requests get a 503, the header says how each answer came about.

    MODELWARDEN_URL=http://127.0.0.1:8321 MODELWARDEN_TOKEN=… uvicorn --app-dir examples score_with_fastapi:app

    curl -i 'http://127.0.0.1:8000/score/c-1?tenure=7'

MODELWARDEN_URL may be the path of a signed snapshot, too; MODELWARDEN_SNAPSHOT_KEYS then names who signs it.
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

import modelwarden
from modelwarden.integrations.guard_asgi import GuardASGI

guard = modelwarden.Guard(
    os.environ["MODELWARDEN_URL"], "churn", token=os.environ.get("MODELWARDEN_TOKEN")
)
app = FastAPI()
app.add_middleware(
    GuardASGI,
    guard=guard,
    headers={"region": "X-Region"},  # set by our own proxy, which drops what callers send
    passes=["/ready", "/metrics"],
)


@guard.protect(low=0.0, high=1.0, key="customer", returns="value")
def predict(tenure: float, *, customer: str) -> float:  # noqa: ARG001 - what the guard remembers answers by
    """Return how likely a customer is to leave."""
    return 1.0 / (1.0 + tenure)


@app.get("/score/{customer}")
def score(customer: str, tenure: float) -> dict[str, float]:
    """Score one customer."""
    return {"score": predict(tenure, customer=customer)}


@app.get("/ready")
def ready() -> dict[str, str]:
    """Say how the guard stands."""
    return {"guard": guard.state}


@app.get("/metrics")
def metrics() -> PlainTextResponse:
    """Show what the guard counts to Prometheus."""
    return PlainTextResponse(guard.metrics())
