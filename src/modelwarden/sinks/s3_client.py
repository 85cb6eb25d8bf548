"""How we reach a bucket: by an address, with AWS's own client, and with our own errors for what it raises.

Credentials come from AWS's own chain (environment, shared files, the machine's role), never from an address.
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from modelwarden.errors import SettingInvalid, SinkUnusable

try:
    import boto3  # type: ignore[import-untyped]  # it brings no types
    from botocore.config import Config  # type: ignore[import-untyped]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    from botocore.session import get_session  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise SettingInvalid("S3 needs the extra: pip install 'modelwarden[s3]'") from error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from modelwarden.sinks.address import SinkAddress

__all__ = ["ClientError", "Place", "code_of", "open_place", "told"]

CONNECT_S: Final = 5
READ_S: Final = 30
ATTEMPTS: Final = 2
PLACE: Final = frozenset({"region", "endpoint", "profile"})
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Place(NamedTuple):
    """A client, and the bucket and prefix that it is for; the prefix is empty or ends with a slash."""

    client: Any
    bucket: str
    prefix: str


def open_place(address: SinkAddress, *, options: Collection[str] = ()) -> Place:
    """Return where an address leads; `options` are those it may have beside the place's own. Raises SettingInvalid."""
    found = address.known({*PLACE, *options})
    endpoint = found.get("endpoint")
    if not address.place:
        raise SettingInvalid(
            f"sink {address.name}: name a bucket, as {address.kind}://bucket/prefix"
        )
    if endpoint is not None:
        _require_safe(address.name, endpoint)
    try:
        asked = get_session()
        asked.register_component("data_loader", _descriptions())
        session = boto3.session.Session(
            botocore_session=asked,
            profile_name=found.get("profile"),
            region_name=found.get("region"),
        )
        client = session.client("s3", endpoint_url=endpoint, config=_config(endpoint))
    except (BotoCoreError, ValueError) as error:
        raise SettingInvalid(f"sink {address.name}: {error}") from error
    prefix = address.path.strip("/")
    return Place(client, address.place, f"{prefix}/" if prefix else "")


@cache
def _descriptions() -> Any:  # noqa: ANN401  # botocore's loader, without types
    """Return what AWS says of its services, which all clients share: reading it takes longer than all else of one."""
    return get_session().get_component("data_loader")


@contextlib.contextmanager
def told(bucket: str, what: str) -> Iterator[None]:
    """Raise whatever boto3 raises as SinkUnusable, without what the far end says beyond a code."""
    try:
        yield
    except ClientError as error:
        raise SinkUnusable(f"the bucket {bucket} refuses {what}: {code_of(error)}") from error
    except BotoCoreError as error:
        raise SinkUnusable(
            f"the bucket {bucket} does not answer when asked {what}: {error}"
        ) from error


def code_of(error: ClientError) -> str:
    """Return the code that the far end gave."""
    return str(error.response.get("Error", {}).get("Code", "no reason given"))


def _config(endpoint: str | None) -> Config:
    """Return how to ask: what carries no checksum of the caller's is signed whole, so none is added to it."""
    return Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )


def _require_safe(name: str, endpoint: str) -> None:
    parts = urlsplit(endpoint)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or "@" in parts.netloc or not parts.hostname:
        raise SettingInvalid(f"sink {name}: an endpoint is https://host, without user or password")
