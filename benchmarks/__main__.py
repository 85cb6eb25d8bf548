"""`python -m benchmarks`: all tables, one after the other; `--only NAME …` for some of them."""

from __future__ import annotations

from benchmarks import (
    appends,
    decide,
    growth,
    http,
    ingestion,
    proofs,
    search,
    sink_kafka,
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
            http.CLAIM,
            sink_kafka.CLAIM,
            startup.CLAIM,
            ingestion.CLAIM,
            search.CLAIM,
        ]
    )
