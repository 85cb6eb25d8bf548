"""`python -m benchmarks`: all tables, one after the other; `--only NAME …` for some of them."""

from __future__ import annotations

from benchmarks import (
    appends,
    conditions,
    console_pages,
    decide,
    drift,
    growth,
    guard,
    guard_asgi,
    guard_check,
    guard_checks,
    guard_receive,
    guard_start,
    http,
    ingestion,
    mlflow_alias,
    proofs,
    propagation,
    recorder,
    search,
    sink_kafka,
    sink_local,
    sink_s3,
    startup,
    table,
    verification,
)

if __name__ == "__main__":
    table.run(
        [
            appends.CLAIM,
            verification.CLAIM,
            proofs.CLAIM,
            growth.CLAIM,
            decide.CLAIM,
            conditions.CLAIM,
            guard.CLAIM,
            guard_asgi.CLAIM,
            guard_check.CLAIM,
            guard_receive.CLAIM,
            guard_start.CLAIM,
            propagation.CLAIM,
            console_pages.CLAIM,
            http.CLAIM,
            mlflow_alias.CLAIM,
            sink_kafka.CLAIM,
            sink_s3.CLAIM,
            sink_local.CLAIM,
            startup.CLAIM,
            ingestion.CLAIM,
            search.CLAIM,
            guard_checks.CLAIM,
            recorder.CLAIM,
            drift.CLAIM,
        ]
    )
