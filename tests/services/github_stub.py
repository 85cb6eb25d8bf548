"""A GitHub with one repository: real HTTP, App tokens, pages, ETags, refusals, check runs, deployments that wait.

It decides nothing about releases; a test moves its state while it runs. What it is asked and what it answers is held
against GitHub's published OpenAPI document: `faults` has to stay empty.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.services.github_document import faults_of_answer, faults_of_call
from tests.services.github_state import (
    APP,
    BOT,
    INSTALLATION,
    MAIN,
    REPOSITORY,
    START,
    GitHubState,
    Pull,
    commit,
    shown_app,
    shown_branch,
    shown_file,
    shown_repository,
    shown_run,
    user,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

METHODS = ["GET", "POST", "PUT", "PATCH"]


class GitHubStub(GitHubState):
    """That state, over HTTP."""

    async def token(self, request: Request) -> Response:
        if not self._is_app(request.headers.get("authorization", "")):
            return JSONResponse({"message": "A JSON web token could not be decoded"}, 401)
        made = f"ghs_{self._next():036d}"
        self.tokens[made] = self.now + self.token_life
        until = self.tokens[made].strftime("%Y-%m-%dT%H:%M:%SZ")
        may = {"metadata": "read"} | dict.fromkeys(self.may, "write")
        value = {"token": made, "expires_at": until, "permissions": may}
        self.faults += faults_of_answer("POST", request.url.path, 201, value)
        return JSONResponse(value, 201)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        query = dict(request.query_params)
        query.pop("page", None)  # as our own links go on
        self.faults += faults_of_call(request.method, request.url.path, query, body)
        reply = self._answer(request, body)
        self.calls.append((request.method, request.url.path, reply.status_code))
        while self.stall_after == f"{request.method} {request.url.path}":  # noqa: ASYNC110  # a test ends it
            await asyncio.sleep(0.05)  # it is done; nobody hears of it
        return reply

    def _answer(self, request: Request, body: bytes) -> Response:
        if self.refusal is not None:
            return self.refusal
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(given, START - timedelta(days=1)) <= self.now:
            return JSONResponse({"message": "Bad credentials"}, 401)
        if request.method != "GET":
            status, value = self._write(request, json.loads(body))
            if status < 400:
                self.faults += faults_of_answer(request.method, request.url.path, status, value)
            return Response(status_code=204) if status == 204 else JSONResponse(value, status)
        found = self._found(request)
        if found is None:
            return JSONResponse({"message": "Not Found"}, 404)
        self.faults += faults_of_answer("GET", request.url.path, 200, found)
        headers = {}
        if isinstance(found, list):
            found, headers = self._page(request, found)
        data = json.dumps(found).encode()
        headers["etag"] = f'W/"{hashlib.sha256(data).hexdigest()}"'
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type="application/json", headers=headers)

    def _found(self, request: Request) -> Any:  # noqa: ANN401, C901, PLR0911, PLR0912  # JSON; one route a line
        asked = request.query_params
        parts = [each for each in request.path_params["rest"].split("/") if each]
        match parts:
            case []:
                return shown_repository(1)
            case ["pulls"]:
                ref = asked["head"].partition(":")[2]
                return [p.shown() for p in self.pulls if p.ref == ref]
            case ["pulls", number]:
                return self._pull(number).shown()
            case ["pulls", number, "reviews"]:
                return self._pull(number).reviews
            case ["pulls", number, "commits"]:
                return self._pull(number).commits
            case ["pulls", number, "comments"]:
                return self.comments.get(int(number), [])
            case ["contents", name]:
                data = self.files.get((self._sha(asked["ref"]), name))
                return None if data is None else shown_file(name, data)
            case ["activity"]:
                ref = asked["ref"].removeprefix("refs/heads/")
                return [push for push in self.pushes if push["ref"] == ref]
            case ["git", "ref", "heads", *branch]:
                name = "/".join(branch)
                return None if name not in self.branches else self._shown_branch(name)
            case ["rules", *_]:
                return self.rules
            case ["branches", name]:
                return shown_branch(name, self.protection)
            case ["commits", sha, "check-runs"]:
                runs = [
                    each for each in self.checks
                    if each["head_sha"] == sha and each["name"] == asked["check_name"]
                ]  # fmt: skip
                return {"total_count": len(runs), "check_runs": runs}
            case ["actions", "runs", run]:
                sha = self.runs.get(int(run))
                return None if sha is None else shown_run(int(run), sha)
        return None

    def _write(self, request: Request, given: dict[str, Any]) -> tuple[int, Any]:
        parts = request.path_params["rest"].strip("/").split("/")
        match parts:
            case ["git", "refs"]:
                return self._branch(given["ref"].removeprefix("refs/heads/"))
            case ["contents", name]:
                return self._put(name, given)
            case ["pulls"]:
                return self._propose(given)
            case ["check-runs", *number]:
                return self._check(number, given)
            case ["actions", "runs", run, "deployment_protection_rule"]:
                return self._decide(int(run), given)
        return 404, {"message": "Not Found"}

    def _branch(self, name: str) -> tuple[int, Any]:
        if name in self.branches:
            return 422, {"message": "Reference already exists"}
        self.branches[name] = []
        return 201, self._shown_branch(name)

    def _propose(self, given: dict[str, Any]) -> tuple[int, Any]:
        pull = Pull(len(self.pulls) + 1, given["head"], given["body"], user(BOT, "Bot"))
        pull.commits = self.branches[given["head"]]
        self.pulls.append(pull)
        return 201, pull.shown()

    def _check(self, number: list[str], given: dict[str, Any]) -> tuple[int, Any]:
        if number:
            found = next(each for each in self.checks if each["id"] == int(number[0]))
            found.update(given)
            return 200, found
        made = {
            "id": self._next(), "app": shown_app(int(APP)), "conclusion": None, "external_id": "",
            "html_url": None, "pull_requests": [], **given,
        }  # fmt: skip
        self.checks.append(made)
        return 201, made

    def _decide(self, run: int, given: dict[str, Any]) -> tuple[int, Any]:
        if any(run == each for each, _ in self.answered):
            return 422, {"message": "No pending custom deployment requests"}
        self.answered.append((run, given))
        return 204, None

    def _put(self, name: str, given: dict[str, Any]) -> tuple[int, Any]:
        branch, before = given["branch"], self.files.get((self._sha(given["branch"]), name))
        if before is not None and given.get("sha") != shown_file(name, before)["sha"]:
            return 409, {"message": f"{name} does not match"}
        data, bot = base64.b64decode(given["content"]), user(BOT, "Bot")
        sha = hashlib.sha1(f"{self._next()}".encode(), usedforsecurity=False).hexdigest()
        made = commit(sha, bot, given["message"])
        self.branches[branch].append(made)
        self.files[(sha, name)] = data
        self._pushed("push", sha, branch, bot)
        return 201, {"content": shown_file(name, data), "commit": {"sha": sha}}

    def _sha(self, ref: str) -> str:
        """Return the commit of a branch, or what is one already."""
        commits = self.branches.get(ref)
        return ref if commits is None else str(commits[-1]["sha"]) if commits else MAIN

    def _shown_branch(self, name: str) -> dict[str, Any]:
        return {"ref": f"refs/heads/{name}", "object": {"type": "commit", "sha": self._sha(name)}}

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
        Route(f"/repos/{REPOSITORY}{{rest:path}}", stub.answer, methods=METHODS),
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
