"""Entries to a bucket with Object Lock: our step, read back after each segment, beside the bare client.

The store is moto in a process of its own, which keeps objects in memory: what is measured is what we add, not S3.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from benchmarks import table
from benchmarks.clockwork import Work, rates
from benchmarks.row import Row, at_least
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.s3 import open_copy, open_sink
from modelwarden.sinks.verifying import Asked, verify_copy
from modelwarden.store import entries
from modelwarden.store.follower import Follower
from modelwarden.store.opening import open_store
from modelwarden.values.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.workbench import Workbench
    from modelwarden.sinks.s3 import S3Sink
    from modelwarden.store.opening import Store

COUNT: Final = 100_000
SEGMENT: Final = 10_000
ROUNDS: Final = 3
READY_S: Final = 60
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def measure(bench: Workbench) -> list[Row]:
    os.environ.update(ENVIRONMENT)
    ledger = bench.ledger(20_000 if bench.quick else COUNT)
    with _server() as endpoint:
        client = _client(endpoint)
        store = open_store(ledger.settings, SystemClock())
        lines = _lines(store)
        numbers = itertools.count()
        addresses = [_fresh(client, numbers) for _ in range(1 + ROUNDS + 1)]
        steps = iter([_step(address, store) for address in addresses])
        works = {
            "ours": Work(len(lines), lambda: _follow(*next(steps), len(lines))),
            "bare": Work(len(lines), lambda: _put(_fresh(client, numbers), client, lines)),
        }
        rates(works, rounds=1)
        found = rates(works, rounds=ROUNDS)
        address = addresses[-1]
        started = time.process_time()
        _follow(*next(steps), len(lines))
        alone = len(lines) / (time.process_time() - started)
        store.close()
        read = {
            "ours": Work(len(lines), lambda: _verify(address, ledger.vkey)),
            "bare": Work(len(lines), lambda: _read(address)),
        }
        reading = rates(read, rounds=ROUNDS)
    mib = sum(map(len, lines)) / 1024**2
    what = f"{len(lines):,} entries, {mib:.0f} MiB, in segments of {SEGMENT:,}"
    return [
        Row(
            what=f"write {what}",
            ours=found["ours"],
            unit="/s",
            beside="the bare client, the same bytes",
            peer=found["bare"],
            is_limit=True,
            target=at_least(20_000),
        ),
        Row(what="the same, by the processor time of our process alone", ours=alone, unit="/s"),
        Row(
            what=f"verify {what}",
            ours=reading["ours"],
            unit="/s",
            beside="reading the lines alone",
            peer=reading["bare"],
            is_limit=True,
        ),
    ]


def _lines(store: Store) -> list[bytes]:
    with store.database.reading() as connection:
        size = entries.read_head(connection).size
        return list(entries.lines(connection, store.around.keyring.origin, 0, size - 1))


def _step(address: str, store: Store) -> tuple[Follower, S3Sink]:
    """Open a sink before the watch runs, as the bare client is: reading AWS's descriptions of itself is no rate."""
    parsed = parse_address(address)
    sink = open_sink(parsed, store)
    return Follower(follower_name(parsed.name), store, sink), sink


def _follow(follower: Follower, sink: S3Sink, size: int) -> None:
    while follower.follow_once():
        pass
    while (done := sink.idle()) is not None and done.next_seq < size:
        time.sleep(0.01)  # what was sent last is looked for once nothing more comes
    sink.close()


def _put(address: str, client: Any, lines: Sequence[bytes]) -> None:  # noqa: ANN401
    bucket = parse_address(address).place
    for first in range(0, len(lines), SEGMENT):
        client.put_object(
            Bucket=bucket, Key=f"{first:020d}", Body=b"".join(lines[first : first + SEGMENT])
        )


def _verify(address: str, key: str) -> None:
    found = verify_copy(address, Asked(trusted=(key,)))
    assert found.ok, found.problems[:3]


def _read(address: str) -> None:
    with contextlib.closing(open_copy(parse_address(address), origin=None)) as copy:
        for _ in copy.lines():
            pass


def _fresh(client: Any, numbers: Iterator[int]) -> str:  # noqa: ANN401
    """Make a bucket, and return an address in it under a name of its own."""
    number = next(numbers)
    client.create_bucket(Bucket=f"bench-{number}", ObjectLockEnabledForBucket=True)
    endpoint = client.meta.endpoint_url
    return (
        f"s3://bench-{number}?region=us-east-1&endpoint={endpoint}&name=bench{number}&segment_mb=16"
    )


def _client(endpoint: str) -> Any:  # noqa: ANN401
    return boto3.session.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        config=Config(s3={"addressing_style": "path"}),
    )


@contextlib.contextmanager
def _server() -> Iterator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(  # noqa: S603  # our own command
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait(endpoint := f"http://127.0.0.1:{port}")
            yield endpoint
        finally:
            process.terminate()


def _wait(endpoint: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with contextlib.suppress(BotoCoreError):
            _client(endpoint).list_buckets()
            return
        time.sleep(0.1)
    raise RuntimeError("moto does not answer")


CLAIM: Final = table.Claim("sink_s3", "Entries to S3", measure)

if __name__ == "__main__":
    table.run([CLAIM])
