"""Deployments' webhook targets: what goes out to them, and whose word comes back (RL-40). Reads alone.

A target is a webhook endpoint: its address, secrets and owner's rights hold here as for news (NO-5, NO-7). The body of
a message holds ids, digests and numbers, and is the same at each try.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import readable
from modelwarden.deployments.targets.step import step_id
from modelwarden.errors import NotFound, WebhookInvalid
from modelwarden.notify import queries, rights
from modelwarden.notify.endpoint import EndpointState
from modelwarden.notify.message import Message
from modelwarden.notify.trying import address_of, secrets_of
from modelwarden.notify.webhook import signed_headers, verify_webhook
from modelwarden.permissions import Permission
from modelwarden.values.canonical import encode
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.deployments.rollout import Deployment
    from modelwarden.deployments.targets.step import TargetStep
    from modelwarden.notify.address import Address
    from modelwarden.store.change import View
    from modelwarden.values.ids import TargetStepId

ACKNOWLEDGED: Final = "target.acknowledged"
MOST_STEP: Final = 100
_DEPLOYMENT: Final = re.compile(r"dep_[0-9A-Z]{26}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Ready(NamedTuple):
    """A message to a target, signed now."""

    address: Address
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Ready({self.address.shown}, signature hidden)"


class Said(NamedTuple):
    """What a target says: at which step, and by which bytes it serves."""

    step: TargetStepId
    reported: Digest


def message_of(asked: TargetStep, deployment: Deployment, *, origin: str) -> Message:
    """Return what a target is told of a step. Its id is the step's, so that twice is once."""
    told = {
        "v": 1,
        "ledger": origin,
        "type": "target.asked",
        "deployment": asked.deployment,
        "model": deployment.model,
        "environment": deployment.environment.value,
        "strategy": deployment.strategy.value,
        "target": asked.target,
        "step": asked.step,
        "version": asked.version,
        "traffic": asked.traffic,
        "sha256": asked.artifact,
        "asked_at": timestamp(asked.asked_at),
        "due_at": timestamp(asked.due_at),
    }
    return Message(asked.id, 0, 0, encode(told))


def ready(view: View, asked: TargetStep, deployment: Deployment) -> Ready | None:
    """Return the message to a target; None while its endpoint is disabled or its owner may not read deployments.

    Raises NotFound where there is no such endpoint, or its secret was erased, and EndpointAddressRefused.
    """
    endpoint = queries.find_endpoint(view, asked.target)
    if endpoint is None:
        raise NotFound("endpoint", asked.target)
    own = rights.owner_view(view, endpoint)
    is_served = own is not None and readable(own, Permission.DEPLOYMENT_READ)
    if endpoint.state is EndpointState.DISABLED or not is_served:
        return None
    message = message_of(asked, deployment, origin=view.keyring.origin)
    headers = signed_headers(secrets_of(view, endpoint), message.id, message.body, now=view.now)
    return Ready(address_of(view, endpoint), headers, message.body)


def said(view: View, target: str, headers: Mapping[str, str], body: bytes) -> Said:
    """Return what a target says, signed with a secret of its endpoint not long ago.

    It is bound to one deployment and step by its own words, and settled once: a copy sent again moves nothing.

    Raises WebhookInvalid, in the same words for a target that there is none of.
    """
    told = verify_webhook(headers, body, _secrets(view, target), now=view.now)
    step, deployment, sha256 = told.get("step"), told.get("deployment"), told.get("sha256")
    if told.get("type") != ACKNOWLEDGED:  # what we sent ourselves, given back, is no word of theirs
        raise WebhookInvalid(f"the body's type is not {ACKNOWLEDGED}")
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step <= MOST_STEP:
        raise WebhookInvalid("the body has no step")
    if not isinstance(deployment, str) or _DEPLOYMENT.fullmatch(deployment) is None:
        raise WebhookInvalid("the body has no deployment")
    if not isinstance(sha256, str) or _SHA256.fullmatch(sha256) is None:
        raise WebhookInvalid("the body has no sha256 of 64 small hex digits")
    return Said(step_id(deployment, step, target), Digest(sha256))


def _secrets(view: View, target: str) -> list[str]:
    endpoint = queries.find_endpoint(view, target)
    is_there = endpoint is not None and endpoint.name == target
    if endpoint is None or not is_there or endpoint.state is EndpointState.DISABLED:
        return []
    try:
        return secrets_of(view, endpoint)
    except NotFound:  # it was erased
        return []
