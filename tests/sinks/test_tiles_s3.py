"""A static log in a bucket: the same files as in a folder, with headers to be served as they are."""

from __future__ import annotations

import itertools
from contextlib import closing
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from modelwarden.errors import SettingInvalid, SinkDiffers, SinkUnusable
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.shelf import open_shelf
from tests.sinks import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from botocore.client import BaseClient

    from modelwarden.warden.warden import Warden

NUMBERS = itertools.count()

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run an S3 server on the loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture
def client(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseClient]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with closing(boto3.client("s3", endpoint_url=endpoint)) as opened:
        yield opened


@pytest.fixture
def bucket(client: BaseClient) -> str:
    name = f"log-{next(NUMBERS)}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def address(bucket: str, endpoint: str) -> str:
    return f"tiles+s3://{bucket}/ledger?endpoint={endpoint}"


def _objects(client: BaseClient, bucket: str) -> dict[str, bytes]:
    rows = client.list_objects_v2(Bucket=bucket).get("Contents", ())
    return {
        row["Key"].removeprefix("ledger/"): client.get_object(Bucket=bucket, Key=row["Key"])[
            "Body"
        ].read()
        for row in rows
    }


def test_a_bucket_holds_what_a_folder_does(
    sqlite_warden: Warden, tmp_path: Path, client: BaseClient, bucket: str, address: str
) -> None:
    for size in (100, 300, 600):
        logs.grow(sqlite_warden, size)
        logs.follow(sqlite_warden, address)
        logs.follow(sqlite_warden, f"tiles://{tmp_path}/log")
    folder = tmp_path / "log"
    assert _objects(client, bucket) == {
        str(path.relative_to(folder)): path.read_bytes() for path in logs.files(folder)
    }
    result = logs.verified(sqlite_warden, address)
    assert (result.problems, result.size, result.uncovered) == ((), 600, 0)


def test_objects_carry_the_headers_to_be_served(
    sqlite_warden: Warden, client: BaseClient, bucket: str, address: str
) -> None:
    logs.grow(sqlite_warden, 257)
    logs.follow(sqlite_warden, address)
    found = {
        key: client.head_object(Bucket=bucket, Key=f"ledger/{key}")
        for key in ("checkpoint", "tile/0/000")
    }
    assert {key: (head["ContentType"], head["CacheControl"]) for key, head in found.items()} == {
        "checkpoint": ("text/plain; charset=utf-8", "public, max-age=2"),
        "tile/0/000": ("application/octet-stream", "public, max-age=31536000, immutable"),
    }


def test_a_changed_object_is_found_and_never_written_over(
    sqlite_warden: Warden, client: BaseClient, bucket: str, address: str
) -> None:
    logs.grow(sqlite_warden, 300)
    logs.follow(sqlite_warden, address)
    client.put_object(Bucket=bucket, Key="ledger/tile/0/000", Body=bytes(8_192))
    assert not logs.verified(sqlite_warden, address).ok
    client.delete_object(Bucket=bucket, Key="ledger/checkpoint")
    with pytest.raises(SinkDiffers, match="holds other bytes"):
        logs.follow(sqlite_warden, f"{address}&name=again")


def test_a_checkpoint_that_moved_meanwhile_is_not_replaced(address: str) -> None:
    shelf = open_shelf(parse_address(address))
    assert shelf.replace("checkpoint", b"one", was=None)
    assert not shelf.replace("checkpoint", b"two", was=None)
    assert not shelf.replace("checkpoint", b"two", was=b"on")
    assert shelf.replace("checkpoint", b"two", was=b"one")
    assert shelf.get("checkpoint", most=10) == b"two"


def test_a_bucket_is_tried_for_real(
    sqlite_warden: Warden, client: BaseClient, bucket: str, address: str
) -> None:
    assert logs.sink_at(sqlite_warden, address).probe() == f"bucket {bucket}, prefix ledger/"
    assert _objects(client, bucket) == {}
    client.delete_bucket(Bucket=bucket)
    with pytest.raises(SinkUnusable, match="NoSuchBucket"):
        logs.sink_at(sqlite_warden, address).probe()


@pytest.mark.parametrize(
    "address",
    ["tiles+s3:///prefix", "tiles+s3://b/p?endpoint=http://example.org", "tiles+s3://b/p?secret=x"],
)
def test_wrong_addresses_are_refused(sqlite_warden: Warden, address: str) -> None:
    with pytest.raises(SettingInvalid):
        logs.sink_at(sqlite_warden, address)
