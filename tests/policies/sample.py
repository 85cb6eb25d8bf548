"""Documents that the tests of policies start from."""

from __future__ import annotations

from modelwarden.policies.document import PolicyDocument, parse
from modelwarden.policies.governing import PolicyRef
from modelwarden.values.ids import PolicyName

HEAD = "schema: modelwarden.policy/v1\nname: mine\n"


def policy(
    approvals: str = "{humans: 1}", *, name: str = "mine", staging: str = "", rollout: str = ""
) -> PolicyDocument:
    lines = [f"schema: modelwarden.policy/v1\nname: {name}", f"approvals: {approvals}"]
    lines += [f"rollout: {rollout}"] if rollout else []
    lines += [f"environments: {{staging: {staging}}}"] if staging else []
    return parse("\n".join(lines))


def governs(document: PolicyDocument) -> tuple[PolicyRef, PolicyDocument]:
    return PolicyRef(PolicyName(document.name), 1, document.hash), document
