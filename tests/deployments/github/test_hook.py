"""What GitHub delivers: whose signature counts, and what a body hints at (RL-50)."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.deployments.github.hook import Hint, Place, hinted, verified
from modelwarden.errors import WebhookInvalid
from tests.services.github_state import INSTALLATION, REPOSITORY, SECRET, GitHubState

AT: Final = Place("https://api.github.com", REPOSITORY, INSTALLATION)
REQUEST: Final = f"req_{'0' * 26}"
BODY: Final = b'{"zen": "Design for failure."}'


def event(**members: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    own = {"repository": {"full_name": REPOSITORY}, "installation": {"id": int(INSTALLATION)}}
    return own | members


def test_githubs_own_example_verifies() -> None:
    """From "Validating webhook deliveries" in GitHub's documentation."""
    signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = GitHubState().headers(b"", "push") | {"x-hub-signature-256": signed}
    assert verified(headers, b"Hello, World!", ["It's a Secret to Everybody"]).event == "push"


@pytest.mark.parametrize(
    "changed",
    [
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": "sha1=" + "0" * 40},
        {"x-hub-signature-256": "sha256=é"},
        {"x-github-hook-id": ""},
        {"x-github-delivery": "'; drop table"},
        {"x-github-event": "Push"},
    ],
)
def test_a_header_that_is_wrong_is_refused(changed: dict[str, str]) -> None:
    good = GitHubState().headers(BODY, "push")
    assert verified(good, BODY, [SECRET]).event == "push"
    with pytest.raises(WebhookInvalid):
        verified(good | changed, BODY, [SECRET])


def test_a_signature_holds_for_its_body_and_two_secrets_alone() -> None:
    headers = GitHubState().headers(BODY, "push")
    for body, secrets in (
        (BODY[:-1], [SECRET]),
        (BODY + b" ", [SECRET]),
        (BODY, []),
        (BODY, ["another"]),
        (BODY, ["new", "newer", SECRET]),
    ):
        with pytest.raises(WebhookInvalid):
            verified(headers, body, secrets)
    assert verified(headers, BODY, ["new", SECRET]).event == "push"


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (event(pull_request={"head": {"ref": f"modelwarden/{REQUEST}"}}), Hint(request=REQUEST)),
        (event(ref=f"refs/heads/modelwarden/{REQUEST}"), Hint(request=REQUEST)),
        (event(check_run={"external_id": REQUEST}), Hint(request=REQUEST)),
        (event(pull_request={"head": {"ref": "main"}}), None),
        (event(pull_request={"head": {"ref": f"modelwarden/{REQUEST}/x"}}), None),
        (event(pull_request={"head": {"ref": f"modelwarden/{REQUEST}\x00"}}), None),
        (event(ref="refs/heads/main"), None),
        (event(ref=f"modelwarden/{REQUEST}") | {"installation": {"id": 1}}, None),
        (event(ref=f"modelwarden/{REQUEST}") | {"repository": {"full_name": "a/b"}}, None),
        (event(ref=f"modelwarden/{REQUEST}") | {"repository": None}, None),
        ([], None),
        (None, None),
    ],
)
def test_what_a_body_hints_at(value: Any, hint: Hint | None) -> None:  # noqa: ANN401  # JSON
    assert hinted(value, at=AT) == hint


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["pull_request", "ref", "check_run", "action"]), JSON))
def test_no_body_makes_it_fall_over(members: dict[str, Any]) -> None:
    assert hinted(event(**members), at=AT) in {None, Hint()}


def test_a_name_that_can_not_be_kept_is_no_environment() -> None:
    url = f"{AT.base}/repos/{REPOSITORY}/actions/runs/7/deployment_protection_rule"
    value = event(action="requested", deployment_callback_url=url, environment="prod\x00")
    assert hinted(value, at=AT) is None
    assert hinted(value | {"environment": "prod"}, at=AT) == Hint(run=7, environment="prod")
    assert hinted(json.loads(json.dumps(value | {"environment": "\ud800"})), at=AT) is None
