"""Taking what GitHub delivers: verified over the raw bytes, kept once, acted on later (RL-50)."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from modelwarden.deployments.github import queries
from modelwarden.deployments.github.hook import PING, Place, hinted, verified
from modelwarden.errors import RateLimited, WebhookInvalid
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.store.change import Telemetry
    from modelwarden.values.principal import Principal

T = TypeVar("T")
ACTOR: Final = system("github")
WAIT_S: Final = 60


class Keeps(Protocol):
    """What taking needs of the Warden."""

    def telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> T:
        """Run writes that are no change."""
        ...


class Hooks:
    """Where deliveries of one repository come in; `secret` reads what signs them, or is None: then nothing is taken."""

    def __init__(self, warden: Keeps, place: Place, *, secret: Callable[[], str] | None) -> None:
        self._warden, self._place, self._secret = warden, place, secret

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a signed delivery as a hint; one that came before, or concerns no release, does nothing.

        Raises WebhookInvalid, SettingInvalid where the secret can't be read, RateLimited where too many wait.
        """
        secrets = [] if self._secret is None else self._secret().split()
        named = verified(headers, body, secrets)
        if named.event == PING:
            return
        hint = hinted(_parsed(body), at=self._place)
        if hint is None:
            return
        digest = hashlib.sha256(body).hexdigest()
        keep = partial(queries.keep_delivery, named=named, hint=hint, body_sha256=digest)
        if not self._warden.telemetry(ACTOR, keep) and hint.run is not None:
            raise RateLimited("github", limit=queries.MOST_DUE, window_s=WAIT_S, wait_s=WAIT_S)


def _parsed(body: bytes) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise WebhookInvalid(
            "the body is no JSON: set the hook's content type to application/json"
        ) from None
