"""An S3 server on the loopback: moto's, in this process; it can be stopped, and keeps what it holds until it starts.

It honours `If-None-Match`, refuses to delete a locked version, and lets retention be shortened, as an attacker would.
"""

from __future__ import annotations

import itertools
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
REGION: Final = "eu-west-1"


class _Forgetting(list[Any]):
    """Where moto would keep what it makes for good, with each copy that a listing makes: gigabytes after some kills."""

    def append(self, _: object, /) -> None:
        """Keep nothing."""


class S3:
    """A server, and a client with every right: what tests look through, and what attackers act with."""

    def __init__(self) -> None:
        import boto3  # noqa: PLC0415  # slow to import, only where a server is wanted
        from botocore.config import Config  # noqa: PLC0415

        self._numbers = itertools.count()
        self._server: Any = None
        self.port = 0
        self.start()
        self.client: Any = boto3.session.Session().client(
            "s3",
            region_name=REGION,
            endpoint_url=self.endpoint,
            config=Config(
                s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
            ),
        )

    @property
    def endpoint(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server, on the port that it had."""
        import moto.s3.models  # noqa: F401, PLC0415  # fills the list below
        from moto.core.model_instances import model_data  # noqa: PLC0415
        from moto.server import ThreadedMotoServer  # noqa: PLC0415

        for model in model_data["s3"].values():
            model.instances_tracked = _Forgetting()
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        _, self.port = self._server.get_host_and_port()

    def stop(self) -> None:
        """Stop it; nobody answers at its port any more."""
        self._server.stop()

    def bucket(self, *, locked: bool = True) -> str:
        """Make a bucket of its own."""
        name = f"archive-{next(self._numbers)}"
        where = {"LocationConstraint": REGION}
        self.client.create_bucket(
            Bucket=name, ObjectLockEnabledForBucket=locked, CreateBucketConfiguration=where
        )
        return name

    def address(self, bucket: str, *, endpoint: str | None = None, **options: object) -> str:
        """Return a sink's address in a bucket, below a prefix."""
        found = {"region": REGION, "endpoint": endpoint or self.endpoint} | options
        return f"s3://{bucket}/ledger?{urlencode({key: str(item) for key, item in found.items()})}"

    def keys(self, bucket: str, folder: str = "seg/") -> list[str]:
        """Return the keys below a folder of the prefix, one for each version."""
        found = self.client.list_object_versions(Bucket=bucket, Prefix=f"ledger/{folder}")
        return [row["Key"].removeprefix("ledger/") for row in found.get("Versions", ())]

    def oldest(self, bucket: str, key: str) -> str:
        """Return the oldest version of a key."""
        found = self.client.list_object_versions(Bucket=bucket, Prefix=f"ledger/{key}")
        return str(found["Versions"][-1]["VersionId"])

    def head(self, bucket: str, key: str) -> dict[str, Any]:
        """Return what the newest version of a key says of itself."""
        return dict(self.client.head_object(Bucket=bucket, Key=f"ledger/{key}"))

    def read(self, bucket: str, key: str) -> bytes:
        """Return the bytes of a key's newest version."""
        return bytes(self.client.get_object(Bucket=bucket, Key=f"ledger/{key}")["Body"].read())

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Put an object, as anybody with rights could."""
        self.client.put_object(Bucket=bucket, Key=f"ledger/{key}", Body=data)


@contextmanager
def running() -> Iterator[S3]:
    """Run a server; it ends with the block."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        server = S3()
        try:
            yield server
        finally:
            server.stop()
