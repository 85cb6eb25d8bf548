"""A GitHub with one repository: real HTTP, App tokens, pages, ETags, refusals; built from public documentation.

It keeps what the real one keeps and decides nothing about releases. A test moves its state while it runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

APP, INSTALLATION, REPOSITORY = "4711", "815", "acme/releases"
START = datetime(2026, 11, 20, 10, tzinfo=UTC)


def user(number: int, kind: str = "User") -> dict[str, Any]:
    return {"id": number, "login": f"somebody-{number}", "type": kind}


@dataclass
class Pull:
    """One pull request; commits are its own, the last one is its head."""

    number: int
    ref: str
    body: str
    user: dict[str, Any]
    state: str = "open"
    merged_at: str | None = None
    repo: int = 1
    commits: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)

    @property
    def head(self) -> str:
        return str(self.commits[-1]["sha"])

    def shown(self) -> dict[str, Any]:
        return {
            "number": self.number, "state": self.state, "merged_at": self.merged_at, "body": self.body,
            "user": self.user, "commits": len(self.commits),
            "html_url": f"https://github.example/{REPOSITORY}/pull/{self.number}",
            "head": {"ref": self.ref, "sha": self.head, "repo": {"id": self.repo}},
            "base": {"ref": "main", "sha": "0" * 40, "repo": {"id": 1}},
        }  # fmt: skip


class GitHubStub:
    """The state, and what people do at GitHub."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.tokens: dict[str, datetime] = {}
        self.token_life = timedelta(hours=1)
        self.now = START
        self.pulls: list[Pull] = []
        self.files: dict[tuple[str, str], bytes] = {}
        self.pushes: list[dict[str, Any]] = []
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
        made = {"sha": sha, "author": wrote, "committer": wrote, "commit": {"message": message}}
        pull.commits = [made] if force else [*pull.commits, made]
        if lock is not None:
            self.files[(sha, "release.lock.json")] = lock
        kind = "force_push" if force else "push"
        self.pushes.insert(
            0, {"activity_type": kind, "after": sha, "ref": pull.ref, "actor": user(by)}
        )
        return sha

    def review(
        self, pull: Pull, by: int, state: str = "APPROVED", *, kind: str = "User"
    ) -> dict[str, Any]:
        number = self._next()
        made = {
            "id": number, "user": user(by, kind), "state": state, "commit_id": pull.head, "body": "",
            "submitted_at": (START + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
        pull.reviews.append(made)
        return made

    def _next(self) -> int:
        self._count += 1
        return self._count

    # --- HTTP -------------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        if not self._is_app(request.headers.get("authorization", "")):
            return JSONResponse({"message": "A JSON web token could not be decoded"}, 401)
        made = f"ghs_{self._next():036d}"
        self.tokens[made] = self.now + self.token_life
        until = self.tokens[made].strftime("%Y-%m-%dT%H:%M:%SZ")
        return JSONResponse({"token": made, "expires_at": until}, 201)

    async def answer(self, request: Request) -> Response:
        reply = self._answer(request)
        self.calls.append((request.method, request.url.path, reply.status_code))
        return reply

    def _answer(self, request: Request) -> Response:
        if self.refusal is not None:
            return self.refusal
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(given, START - timedelta(days=1)) <= self.now:
            return JSONResponse({"message": "Bad credentials"}, 401)
        found = self._found(request)
        if found is None:
            return JSONResponse({"message": "Not Found"}, 404)
        headers = {}
        if isinstance(found, list):
            found, headers = self._page(request, found)
        body = json.dumps(found).encode()
        headers["etag"] = f'W/"{hashlib.sha256(body).hexdigest()}"'
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    def _found(self, request: Request) -> Any:  # noqa: ANN401, PLR0911  # JSON; one route a line
        asked = request.query_params
        parts = request.path_params["rest"].split("/")
        match parts:
            case ["pulls"]:
                ref = asked["head"].partition(":")[2]
                return [p.shown() for p in self.pulls if p.ref == ref]
            case ["pulls", number]:
                return self._pull(number).shown()
            case ["pulls", number, "reviews"]:
                return self._pull(number).reviews
            case ["pulls", number, "commits"]:
                return self._pull(number).commits
            case ["contents", name]:
                data = self.files.get((asked["ref"], name))
                return None if data is None else {"content": base64.encodebytes(data).decode()}
            case ["activity"]:
                ref = asked["ref"].removeprefix("refs/heads/")
                return [push for push in self.pushes if push["ref"] == ref]
        return None

    def _pull(self, number: str) -> Pull:
        return self.pulls[int(number) - 1]

    def _page(self, request: Request, found: list[Any]) -> tuple[list[Any], dict[str, str]]:
        page = int(request.query_params.get("page", "1"))
        size = self.page_size
        part, rest = found[(page - 1) * size : page * size], found[page * size :]
        if not rest:
            return part, {}
        url = self.elsewhere or str(request.url.include_query_params(page=page + 1))
        return part, {"link": f'<{url}>; rel="next", <{url}>; rel="last"'}

    def _is_app(self, authorization: str) -> bool:
        try:
            head, claims, signature = authorization.removeprefix("Bearer ").split(".")
            self.key.public_key().verify(
                _decoded(signature),
                f"{head}.{claims}".encode(),
                padding.PKCS1v15(),
                hashes.SHA256(),
            )
        except (ValueError, InvalidSignature):
            return False
        said, alg = json.loads(_decoded(claims)), json.loads(_decoded(head))["alg"]
        now = self.now.timestamp()
        lives = said["iat"] <= now < said["exp"] <= said["iat"] + 600
        return bool(alg == "RS256" and said["iss"] == APP and lives)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def github() -> Iterator[GitHubStub]:
    """Run one on a free port of the loopback, until the end of the block."""
    stub = GitHubStub()
    routes = [
        Route(f"/app/installations/{INSTALLATION}/access_tokens", stub.token, methods=["POST"]),
        Route(f"/repos/{REPOSITORY}/{{rest:path}}", stub.answer),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes), host="127.0.0.1", port=0, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    stub.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield stub
    finally:
        server.should_exit = True
        thread.join()
