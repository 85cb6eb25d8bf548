"""Cut the parts of GitHub's OpenAPI document that the stub in `tests/services` is held against.

    python tests/services/github_api/cut.py api.github.com.json webhooks/api.github.com.json > document.json

Both files are of the npm packages `@octokit/openapi` and `@octokit/openapi-webhooks`. What is left of a schema are the
members that are read or written here; which of those are required stays as it was.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

CALLS: Final = (
    ("POST", "/app/installations/{installation_id}/access_tokens"),
    ("GET", "/repos/{owner}/{repo}"),
    ("GET", "/repos/{owner}/{repo}/pulls"),
    ("POST", "/repos/{owner}/{repo}/pulls"),
    ("GET", "/repos/{owner}/{repo}/pulls/{pull_number}"),
    ("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews"),
    ("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/commits"),
    ("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/comments"),
    ("GET", "/repos/{owner}/{repo}/contents/{path}"),
    ("PUT", "/repos/{owner}/{repo}/contents/{path}"),
    ("GET", "/repos/{owner}/{repo}/activity"),
    ("GET", "/repos/{owner}/{repo}/git/ref/{ref}"),
    ("POST", "/repos/{owner}/{repo}/git/refs"),
    ("POST", "/repos/{owner}/{repo}/check-runs"),
    ("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}"),
    ("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs"),
    ("GET", "/repos/{owner}/{repo}/actions/runs/{run_id}"),
    ("POST", "/repos/{owner}/{repo}/actions/runs/{run_id}/deployment_protection_rule"),
    ("GET", "/repos/{owner}/{repo}/rules/branches/{branch}"),
    ("GET", "/repos/{owner}/{repo}/branches/{branch}"),
)
EVENTS: Final = ("deployment-protection-rule-requested", "pull-request-review-submitted", "ping")
MEMBERS: Final = frozenset(
    {
        "token", "expires_at", "permissions", "actions", "administration", "checks", "contents", "deployments",
        "metadata", "pull_requests", "default_branch", "full_name", "id", "login", "type", "number", "state",
        "merged_at", "merge_commit_sha", "body", "user", "commits", "html_url", "head", "base", "ref", "sha",
        "repo", "object", "author", "committer", "commit", "message", "submitted_at", "commit_id", "content",
        "activity_type", "after", "actor", "check_runs", "total_count", "external_id", "status", "conclusion",
        "output", "title", "summary", "app", "name", "head_sha", "created_at", "branch", "environment_name",
        "comment", "parameters", "required_status_checks", "context", "integration_id", "action", "environment",
        "deployment_callback_url", "deployment", "installation", "repository", "pull_request", "review", "zen",
        "hook_id", "protected", "protection", "contexts", "app_id", "sender", "event",
    }
)  # fmt: skip
KEPT: Final = frozenset(
    {
        "type",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "items",
        "required",
        "properties",
        "pattern",
        "maxLength",
    }
)


class Cutting:
    """One document, its references put in place."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """Return a call: names of its query, its body, its answers."""
        found = self._document["paths"][path][method.lower()]
        asked = [self._at(each) for each in found.get("parameters", [])]
        body = found.get("requestBody", {}).get("content", {}).get("application/json")
        return {
            "query": {
                each["name"]: self.cut(each["schema"]) for each in asked if each["in"] == "query"
            },
            "body": None if body is None else self.cut(body["schema"], whole=True),
            "answers": {
                status: self._answer(self._at(each)) for status, each in found["responses"].items()
            },
        }

    def event(self, name: str) -> Any:  # noqa: ANN401  # a schema
        """Return the body of a webhook's event."""
        body = self._document["webhooks"][name]["post"]["requestBody"]
        return self.cut(body["content"]["application/json"]["schema"])

    def cut(self, schema: Any, *, whole: bool = False, path: tuple[str, ...] = ()) -> Any:  # noqa: ANN401  # a schema
        """Return what is left of a schema; a body that we send is left whole, so that nothing else passes."""
        reference = schema.get("$ref", "")
        if reference in path:
            return {}
        schema, path = self._at(schema), (*path, reference) if reference else path
        found = {key: value for key, value in schema.items() if key in KEPT}
        for key in ("anyOf", "oneOf", "allOf"):
            if key in found:
                found[key] = [self.cut(each, whole=whole, path=path) for each in found[key]]
        if "items" in found:
            found["items"] = self.cut(found["items"], whole=whole, path=path)
        if "properties" in found:
            found["properties"] = {
                name: self.cut(each, whole=whole, path=path)
                for name, each in found["properties"].items()
                if whole or name in MEMBERS
            }
            found["required"] = [
                each for each in found.get("required", []) if each in found["properties"]
            ]
            if whole and schema.get("additionalProperties") is not True:
                found["additionalProperties"] = False
            if schema.get("additionalProperties") is False:
                found["additionalProperties"] = False
        return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") else found

    def _answer(self, answer: dict[str, Any]) -> Any:  # noqa: ANN401  # a schema
        content = answer.get("content", {}).get("application/json")
        return None if content is None else self.cut(content["schema"])

    def _at(self, found: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in found:
            here: Any = self._document
            for name in found["$ref"].removeprefix("#/").split("/"):
                here = here[name]
            found = here
        return found


def main(api: str, webhooks: str) -> None:
    """Write what is left of both documents to the standard output."""
    calls = Cutting(json.loads(Path(api).read_text("utf-8")))
    events = Cutting(json.loads(Path(webhooks).read_text("utf-8")))
    made = {
        "calls": {f"{method} {path}": calls.operation(method, path) for method, path in CALLS},
        "events": {name: events.event(name) for name in EVENTS},
    }
    json.dump(made, sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
