"""MLflow's model registry, over the REST API of its server: what is read of it, and what is set.

Who asks is said by `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or else `MLFLOW_TRACKING_TOKEN`, as
MLflow's own client reads them from the environment. No message repeats them. MLflow itself is not imported.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import httpx

from modelwarden.errors import MlflowAccountRefused, MlflowFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = "/api/2.0/mlflow/"
TIMEOUT_S: Final = 30.0
A_PAGE: Final = 200
MOST_PAGES: Final = 10_000
FIRST_ERROR: Final = 400
UNKNOWN: Final = 401
FORBIDDEN: Final = 403
GATE: Final = "Modelwarden-Gate"
"""A header of each answer of a server that runs behind our gate: which aliases it protects."""
USER: Final = "MLFLOW_TRACKING_USERNAME"
PASSWORD: Final = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105  # the name of a variable
TOKEN: Final = "MLFLOW_TRACKING_TOKEN"  # noqa: S105  # likewise
GOING_ON: Final = frozenset({"RUNNING", "SCHEDULED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowModel:
    """A registered model; `aliases` is alias → version."""

    name: str
    description: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowVersion:
    """A version of a registered model; `stage` is one of MLflow's, in its spelling."""

    name: str
    version: str
    description: str = ""
    run: str | None = None
    stage: str = "None"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowRun:
    """A run: `metrics` are the last of each, `datasets` (name, digest, context, our fingerprint) of its inputs.

    `is_over` tells that it writes no more of its own accord.
    """

    metrics: Mapping[str, float | str]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    datasets: tuple[tuple[str, str, str, str | None], ...]
    is_over: bool = True


class MlflowRegistry:
    """The registry of one MLflow server. Close it at the end.

    Raises MlflowFailed for an address of another form, MlflowAccountRefused for a token of another form. Each method
    raises MlflowAccountRefused, too: where MLflow does not take the account, or does not let it do that.
    """

    def __init__(
        self, url: str, *, environment: Mapping[str, str] = os.environ, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.url: Final = _address(url)
        user, password = environment.get(USER), environment.get(PASSWORD)
        account = (user, password) if user and password else None
        token = None if account else _token(environment.get(TOKEN))
        self._given = f"the account of {USER}" if account else f"what {TOKEN} says" if token else ""
        self._http = httpx.Client(
            auth=account,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout_s,
        )
        self._kept = ""

    def models(self) -> Iterator[MlflowModel]:
        """Yield every registered model. Raises MlflowFailed."""
        for item in self._pages("registered-models/search", "registered_models", {}):
            yield MlflowModel(
                name=item["name"],
                description=item.get("description", ""),
                aliases={each["alias"]: str(each["version"]) for each in item.get("aliases", ())},
            )

    def versions(self, name: str | None = None) -> Iterator[MlflowVersion]:
        """Yield every version, or those of one model. Raises MlflowFailed."""
        quote = '"' if "'" in (name or "") else "'"
        wanted = {} if name is None else {"filter": f"name={quote}{name}{quote}"}
        for item in self._pages("model-versions/search", "model_versions", wanted):
            yield MlflowVersion(
                name=item["name"],
                version=str(item["version"]),
                description=item.get("description", ""),
                run=item.get("run_id") or None,
                stage=item.get("current_stage") or "None",
                tags=_tags(item),
            )

    def run(self, run_id: str) -> MlflowRun | None:
        """Return a run, or None where it was deleted for good. Raises MlflowFailed."""
        answer = self._answer("GET", "runs/get", {"run_id": run_id}, or_none=True)
        if answer is None:
            return None
        data = answer["run"].get("data", {})
        inputs = answer["run"].get("inputs", {}).get("dataset_inputs", ())
        return MlflowRun(
            metrics={each["key"]: each.get("value", 0.0) for each in data.get("metrics", ())},
            parameters={each["key"]: each.get("value", "") for each in data.get("params", ())},
            tags=_tags(data),
            datasets=tuple(_dataset(each) for each in inputs),
            is_over=answer["run"]["info"].get("status") not in GOING_ON,
        )

    def version_at(self, name: str, alias: str) -> str | None:
        """Return the version that an alias names, or None. Raises MlflowFailed."""
        asked = {"name": name, "alias": alias}
        answer = self._answer("GET", "registered-models/alias", asked, or_none=True)
        return None if answer is None else str(answer["model_version"]["version"])

    def place_of(self, name: str, version: str) -> str:
        """Return the address of a version's files. Raises MlflowFailed."""
        asked = {"name": name, "version": version}
        answer = self._answer("GET", "model-versions/get-download-uri", asked) or {}
        return str(answer.get("artifact_uri", ""))

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a version. Raises MlflowFailed."""
        body = {"name": name, "alias": alias, "version": version}
        self._answer("POST", "registered-models/alias", body)

    def set_stage(self, name: str, version: str, stage: str) -> None:
        """Let a version stand in a stage. Raises MlflowFailed."""
        body = {"name": name, "version": version, "stage": stage}
        path = "model-versions/transition-stage"
        self._answer("POST", path, body | {"archive_existing_versions": False})

    def set_tag(self, name: str, version: str, key: str, value: str | None) -> None:
        """Set a tag of a version, or take it away. Raises MlflowFailed."""
        body = {"name": name, "version": version, "key": key}
        if value is None:
            self._answer("DELETE", "model-versions/delete-tag", body)
        else:
            self._answer("POST", "model-versions/set-tag", body | {"value": value})

    def gate(self) -> tuple[str, ...]:
        """Return which aliases its gate protects, as `alias=environment`: none where it runs without ours.

        Raises MlflowFailed.
        """
        self._answer("GET", "registered-models/search", {"max_results": "1"})
        return tuple(self._kept.split())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pages(self, path: str, items: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        token = ""
        for _ in range(MOST_PAGES):
            paged = {**query, "max_results": str(A_PAGE)} | ({"page_token": token} if token else {})
            answer = self._answer("GET", path, paged) or {}
            yield from answer.get(items, ())
            token = answer.get("next_page_token", "")
            if not token:
                return
        raise MlflowFailed(f"{self.url} lists {items} without an end")

    def _answer(
        self, method: str, path: str, given: Mapping[str, Any], *, or_none: bool = False
    ) -> dict[str, Any] | None:
        where = f"{self.url}{ROOT}{path}"
        try:
            if method == "GET":
                reply = self._http.get(where, params=dict(given))
            else:
                reply = self._http.request(method, where, json=dict(given))
        except httpx.HTTPError as error:
            raise MlflowFailed(f"{self.url} does not answer: {error}") from error
        self._kept = reply.headers.get(GATE, "")
        try:
            answer = reply.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):  # MLflow's accounts answer in plain words
            raise self._refused(reply.status_code, f"{method} {path}")
        if reply.status_code < FIRST_ERROR:
            return answer
        code = str(answer.get("error_code", reply.status_code))
        missing = code == "RESOURCE_DOES_NOT_EXIST" or (
            code == "INVALID_PARAMETER_VALUE" and "alias" in path
        )
        if or_none and missing:
            return None
        raise MlflowFailed(f"{self.url}: {code}: {str(answer.get('message', ''))[:500]}")

    def _refused(self, status: int, what: str) -> MlflowFailed:
        """Return what to say of an answer that is none of MLflow's API."""
        if status == FORBIDDEN:
            return MlflowAccountRefused(
                f"{self.url} does not let this account do {what}: it needs READ on models and experiments to import,"
                " EDIT on models to set tags and aliases"
            )
        if status != UNKNOWN:
            return MlflowFailed(f"what answers at {self.url} is no MLflow server")
        return MlflowAccountRefused(
            f"{self.url} does not take {self._given or 'anybody without an account'}: set {USER} and {PASSWORD}, or"
            f" {TOKEN}, where Modelwarden runs, and start it again"
        )


def _token(text: str | None) -> str | None:
    """Return a token that a header can carry: what refuses one later repeats it. Raises MlflowAccountRefused."""
    if text and not (text.isascii() and text.isprintable() and " " not in text):
        raise MlflowAccountRefused(
            f"{TOKEN} is not one word of plain ASCII: a line's end, or a space, came along?"
        )
    return text


def _address(url: str) -> str:
    """Return the address; messages repeat it, so it names no account."""
    plain = url.rstrip("/")
    try:
        parts = urlsplit(plain if plain.isprintable() else "")
        known = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    except ValueError:
        known = False
    if not known:
        raise MlflowFailed(
            f"MLflow's address is http://… or https://…, and names no account: that stands in {USER} and {PASSWORD}"
        )
    return plain


def _tags(data: Mapping[str, Any]) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in data.get("tags", ())}


def _dataset(given: Mapping[str, Any]) -> tuple[str, str, str, str | None]:
    dataset, tags = given["dataset"], _tags(given)
    context = tags.get("mlflow.data.context", "")
    ours = tags.get("modelwarden.fingerprint")
    return dataset["name"], dataset.get("digest", ""), context, ours
