"""What GitHub delivers to our webhook: whether it is GitHub's, and what it hints at (RL-50). Pure.

Only the body is signed. What headers say names a delivery and is believed for nothing else; what the body says is a
hint to read again by API.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import WebhookInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_BYTES: Final = 1_048_576
MOST_SECRETS: Final = 2
"""While one is being replaced."""
SIGNATURE: Final = "x-hub-signature-256"
PING: Final = "ping"
_NAMES: Final = {
    "x-github-hook-id": re.compile(r"[0-9]{1,20}"),
    "x-github-delivery": re.compile(r"[0-9A-Za-z-]{1,64}"),
    "x-github-event": re.compile(r"[a-z_]{1,64}"),
}
_REQUEST: Final = re.compile(r"req_[0-9A-Z]{26}")
_BRANCH: Final = "modelwarden/"
_LONGEST_ENVIRONMENT: Final = 255


class Named(NamedTuple):
    """A delivery as its headers name it."""

    hook: str
    delivery: str
    event: str


class Hint(NamedTuple):
    """What to look at: the pull request of a request, or a run that waits for our word on an environment."""

    request: str | None = None
    run: int | None = None
    environment: str | None = None


class Place(NamedTuple):
    """Whose deliveries concern us: the API's address, `owner/name`, the App's installation."""

    base: str
    repository: str
    installation: str


def verified(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Named:
    """Return the names of a delivery that one of the secrets signed. Raises WebhookInvalid."""
    given = headers.get(SIGNATURE, "").encode("latin-1", "replace")
    expected = [
        b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        for secret in secrets[:MOST_SECRETS]
    ]
    if not any([hmac.compare_digest(given, each) for each in expected]):  # each is compared  # noqa: C419
        raise WebhookInvalid("no secret of ours signed this body")
    found = [headers.get(name, "") for name in _NAMES]
    if not all(form.fullmatch(each) for form, each in zip(_NAMES.values(), found, strict=True)):
        raise WebhookInvalid(f"expected the headers {', '.join(_NAMES)}")
    return Named(*found)


def hinted(value: Any, *, at: Place) -> Hint | None:  # noqa: ANN401  # JSON
    """Return what a delivery hints at; None where it concerns no release of ours.

    Raises WebhookInvalid where an answer would go to another place than the API.
    """
    if not isinstance(value, dict) or not _is_ours(value, at):
        return None
    if "deployment_callback_url" in value:
        return _waiting(value, at)
    branch = _text(value, "pull_request", "head", "ref") or _text(value, "ref")
    request = branch.removeprefix("refs/heads/").removeprefix(_BRANCH)
    if branch.endswith(f"{_BRANCH}{request}") and _REQUEST.fullmatch(request):
        return Hint(request=request)
    again = _text(value, "check_run", "external_id")
    return Hint(request=again) if _REQUEST.fullmatch(again) else None


def _is_ours(value: dict[str, Any], at: Place) -> bool:
    installation = value.get("installation")
    number = installation.get("id") if isinstance(installation, dict) else None
    named = _text(value, "repository", "full_name").lower() == at.repository.lower()
    return named and (number is None or str(number) == at.installation)


def _waiting(value: dict[str, Any], at: Place) -> Hint | None:
    """Return the run that a deployment waits in; its number alone is taken from the address."""
    form = re.compile(
        f"{re.escape(f'{at.base}/repos/{at.repository}')}/actions/runs/([0-9]{{1,15}})/deployment_protection_rule",
        re.IGNORECASE | re.ASCII,
    )
    found = form.fullmatch(_text(value, "deployment_callback_url"))
    if found is None:
        raise WebhookInvalid(
            "deployment_callback_url lies outside of github.url and the repository"
        )
    name = _text(value, "environment")
    if value.get("action") != "requested" or not 0 < len(name) <= _LONGEST_ENVIRONMENT:
        return None
    if not name.isprintable():  # NUL, or half of a character, can't be kept
        return None
    return Hint(run=int(found[1]), environment=name)


def _text(value: dict[str, Any], *path: str) -> str:
    """Return the text at the end of a path; empty where there is none."""
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""
