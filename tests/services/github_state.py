"""What a GitHub keeps of one repository, and what people do there. Bodies of its events have their published form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.services.github_document import faults_of_event

if TYPE_CHECKING:
    from starlette.responses import Response

APP, INSTALLATION, REPOSITORY = "4711", "815", "acme/releases"
START = datetime(2026, 11, 20, 10, tzinfo=UTC)
BOT, MAIN = 41898282, "0" * 40
HOOK, SECRET = "577001", "a secret that GitHub and we share".replace(" ", "-")
ALL = ("checks", "contents", "deployments", "pull_requests")


def user(number: int, kind: str = "User") -> dict[str, Any]:
    name = f"somebody-{number}"
    return {"id": number, "login": name, "type": kind, "html_url": f"https://github.example/{name}"}


def shown_repository(number: int) -> dict[str, Any]:
    place = f"https://github.example/{REPOSITORY}"
    return {
        "id": number, "name": "releases", "full_name": REPOSITORY, "html_url": place, "default_branch": "main",
        "created_at": "2026-11-01T10:00:00Z", "permissions": {},
    }  # fmt: skip


@dataclass
class Pull:
    """One pull request; commits are its own, the last one is its head."""

    number: int
    ref: str
    body: str
    user: dict[str, Any]
    state: str = "open"
    merged_at: str | None = None
    merge_commit: str | None = None
    repo: int = 1
    commits: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)

    @property
    def head(self) -> str:
        return str(self.commits[-1]["sha"])

    def shown(self) -> dict[str, Any]:
        title = self.body and self.body[:20]
        return {
            "id": 9000 + self.number, "number": self.number, "state": self.state, "title": title or "Release",
            "merged_at": self.merged_at, "merge_commit_sha": self.merge_commit, "body": self.body, "user": self.user,
            "created_at": "2026-11-20T10:00:00Z", "commits": len(self.commits),
            "html_url": f"https://github.example/{REPOSITORY}/pull/{self.number}",
            "head": {"ref": self.ref, "sha": self.head, "user": self.user, "repo": shown_repository(self.repo)},
            "base": {"ref": "main", "sha": MAIN, "user": self.user, "repo": shown_repository(1)},
        }  # fmt: skip


class GitHubState:
    """The state, and what people do at GitHub."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.tokens: dict[str, datetime] = {}
        self.token_life = timedelta(hours=1)
        self.now = START
        self.pulls: list[Pull] = []
        self.files: dict[tuple[str, str], bytes] = {}
        self.pushes: list[dict[str, Any]] = []
        self.branches: dict[str, list[dict[str, Any]]] = {"main": [{"sha": MAIN}]}
        self.checks: list[dict[str, Any]] = []
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.runs: dict[int, str] = {}
        self.answered: list[tuple[int, dict[str, Any]]] = []
        self.rules: list[dict[str, Any]] = []
        self.protection: dict[str, Any] = {}
        self.may: tuple[str, ...] = ()
        self.stall_after: str | None = None
        self.faults: list[str] = []
        self.page_size = 100
        self.calls: list[tuple[str, str, int]] = []
        self.refusal: Response | None = None
        self.elsewhere: str | None = None
        self.base = ""
        self._count = 0

    @property
    def pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()

    def open(self, request: str, lock: bytes, *, by: int, **changed: Any) -> Pull:  # noqa: ANN401  # fields
        pull = Pull(
            number=len(self.pulls) + 1,
            ref=f"modelwarden/{request}",
            body=f"The quarterly release.\r\n\r\nmodelwarden-request: {request}\r\n",
            user=user(by),
        )
        for name, value in changed.items():
            setattr(pull, name, value)
        self.pulls.append(pull)
        self.push(pull, lock, by=by)
        return pull

    def push(
        self,
        pull: Pull,
        lock: bytes | None,
        *,
        by: int,
        author: dict[str, Any] | int | None = 0,
        message: str = "Lock the release",
        force: bool = False,
    ) -> str:
        """Add a commit, or put one in the place of all (`force`). The author is who pushes unless said."""
        sha = hashlib.sha1(f"{self._next()}".encode(), usedforsecurity=False).hexdigest()
        wrote = user(by) if isinstance(author, int) and author == 0 else author
        wrote = user(wrote) if isinstance(wrote, int) else wrote
        made = commit(sha, wrote, message)
        pull.commits = [made] if force else [*pull.commits, made]
        if lock is not None:
            self.files[(sha, "release.lock.json")] = lock
        kind = "force_push" if force else "push"
        self._pushed(kind, sha, pull.ref, user(by))
        return sha

    def _pushed(self, kind: str, sha: str, ref: str, actor: dict[str, Any]) -> None:
        number = self._next()
        made = {"id": number, "activity_type": kind, "after": sha, "ref": ref, "actor": actor}
        self.pushes.insert(0, made)

    def review(
        self,
        pull: Pull,
        by: int,
        state: str = "APPROVED",
        *,
        kind: str = "User",
        words: str = "",
    ) -> dict[str, Any]:
        number = self._next()
        made = {
            "id": number, "user": user(by, kind), "state": state, "commit_id": pull.head, "body": words,
            "html_url": f"https://github.example/{REPOSITORY}/pull/{pull.number}#{number}",
            "submitted_at": (START + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
        pull.reviews.append(made)
        return made

    def comment(self, pull: Pull, by: int, words: str) -> dict[str, Any]:
        """Let somebody write about a line."""
        number = self._next()
        made = {
            "id": number, "user": user(by), "body": words, "commit_id": pull.head, "created_at": "2026-11-20T10:30:00Z",
            "html_url": f"https://github.example/{REPOSITORY}/pull/{pull.number}#{number}",
        }  # fmt: skip
        self.comments.setdefault(pull.number, []).append(made)
        return made

    def run(self, commit: str) -> int:
        """Let a workflow run at a commit come to where it waits; return its number."""
        number = 70_000 + self._next()
        self.runs[number] = commit
        return number

    def callback(self, run: int) -> str:
        return f"{self.base}/repos/{REPOSITORY}/actions/runs/{run}/deployment_protection_rule"

    def waiting(self, run: int, environment: str = "production", **changed: Any) -> bytes:  # noqa: ANN401  # JSON
        """Return the body of the event that a run waits for us."""
        value = {
            "action": "requested",
            "environment": environment,
            "event": "push",
            "deployment_callback_url": self.callback(run),
            "deployment": {
                "id": self._next(), "sha": self.runs.get(run, MAIN), "ref": "main", "environment": environment,
                "created_at": "2026-11-20T10:00:00Z",
            },
            "pull_requests": [],
            "repository": shown_repository(1),
            "installation": {"id": int(INSTALLATION)},
            "sender": user(11),
        }  # fmt: skip
        self.faults += faults_of_event("deployment-protection-rule-requested", value)
        return json.dumps(value | changed).encode()

    def reviewed(self, pull: Pull) -> bytes:
        """Return the body of the event that somebody reviewed."""
        value = {
            "action": "submitted",
            "review": pull.reviews[-1] | {"state": pull.reviews[-1]["state"].lower()},
            "pull_request": pull.shown(),
            "repository": shown_repository(1),
            "installation": {"id": int(INSTALLATION)},
            "sender": pull.reviews[-1]["user"],
        }
        self.faults += faults_of_event("pull-request-review-submitted", value)
        return json.dumps(value).encode()

    def headers(
        self, body: bytes, event: str, *, secret: str = SECRET, delivery: str | None = None
    ) -> dict[str, str]:
        """Return what GitHub sends beside a body."""
        signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {
            "content-type": "application/json",
            "x-github-event": event,
            "x-github-hook-id": HOOK,
            "x-github-delivery": delivery or f"72d3162e-cc78-11e3-81ab-{self._next():012d}",
            "x-hub-signature-256": f"sha256={signed}",
        }

    def _next(self) -> int:
        self._count += 1
        return self._count


def shown_app(number: int) -> dict[str, Any]:
    place, since = "https://github.example/apps/ours", "2026-11-01T10:00:00Z"
    return {"id": number, "name": "ours", "html_url": place, "created_at": since, "permissions": {}}


def shown_branch(name: str, protection: dict[str, Any]) -> dict[str, Any]:
    told = commit(MAIN, None, "First")
    return {"name": name, "commit": told, "protected": bool(protection), "protection": protection}


def commit(sha: str, by: dict[str, Any] | None, message: str) -> dict[str, Any]:
    said = {"message": message, "author": None, "committer": None}
    place = f"https://github.example/{REPOSITORY}/commit/{sha}"
    return {"sha": sha, "author": by, "committer": by, "commit": said, "html_url": place}


def shown_file(name: str, data: bytes) -> dict[str, Any]:
    sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    content = base64.encodebytes(data).decode()
    place = f"https://github.example/{REPOSITORY}/blob/main/{name}"
    return {"type": "file", "name": name, "sha": sha, "content": content, "html_url": place}


def shown_run(number: int, sha: str) -> dict[str, Any]:
    return {
        "id": number, "head_sha": sha, "head_commit": None, "status": "waiting", "conclusion": None, "event": "push",
        "html_url": f"https://github.example/{REPOSITORY}/actions/runs/{number}", "created_at": "2026-11-20T10:00:00Z",
        "repository": shown_repository(1), "pull_requests": [],
    }  # fmt: skip
