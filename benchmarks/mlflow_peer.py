"""MLflow's tracking and registry server, the peer of our HTTP figures, in an environment of its own.

It runs as it comes, with what only adds work set aside: no telemetry, no access log, and no job processes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from benchmarks.requests import get, post, send_all
from benchmarks.servers import Command, started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.servers import Server

PLACE: Final = Path(__file__).resolve().parents[1] / ".venv-mlflow"
PYTHON: Final = PLACE / "bin" / "python"
CREATE_MODEL: Final = "/api/2.0/mlflow/registered-models/create"
CREATE_VERSION: Final = "/api/2.0/mlflow/model-versions/create"
GET_MODEL: Final = "/api/2.0/mlflow/registered-models/get"
GET_VERSION: Final = "/api/2.0/mlflow/model-versions/get"
SET_TAG: Final = "/api/2.0/mlflow/model-versions/set-tag"
SET_ALIAS: Final = "/api/2.0/mlflow/registered-models/alias"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def prepare() -> None:
    """Make the environment, once for this folder: it takes about a minute."""
    if not (PLACE / "bin" / "mlflow").exists():
        _run(sys.executable, "-m", "venv", str(PLACE))
        _run(str(PYTHON), "-m", "pip", "install", "--quiet", "mlflow")


def with_mlflow() -> str:
    """Return a Python that has MLflow: the one that runs, as the group `bench` makes it, else that of its own."""
    if find_spec("mlflow") is not None:
        return sys.executable
    prepare()
    return str(PYTHON)


def beside_us() -> str:
    """Return a Python that has MLflow and this program."""
    found = with_mlflow()
    if found != sys.executable:
        _run(found, "-m", "pip", "install", "--quiet", "--editable", str(PLACE.parent))
    return found


def release(at: str = str(PYTHON)) -> str:
    """Return the version that runs."""
    code = "import importlib.metadata as m; print(m.version('mlflow'))"
    return _run(at, "-c", code).strip()


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    workers: int,
    python: str = str(PYTHON),
    app: Sequence[str] = (),
    environment: Mapping[str, str] = NOTHING,
) -> Iterator[Server]:
    """Start the server on a fresh SQLite file in this folder; `app` says which application, if not its own."""
    words = [
        *(python, "-m", "mlflow", "server", *app, "--host", "127.0.0.1", "--port", "{port}"),
        *("--workers", str(workers), "--uvicorn-opts", "--no-access-log"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--default-artifact-root", str(folder / "artifacts")),
    ]
    path = f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    given = QUIET | {"PATH": path} | dict(environment)
    command = Command(words=words, ready="/health", environment=given, folder=folder)
    with started(command) as server:
        yield server


def add_model(server: Server, name: str, *, versions: int) -> None:
    """Register a model with this many versions."""
    send_all(server.port, [post(CREATE_MODEL, {"name": name})])
    send_all(server.port, [new_version(name, number) for number in range(versions)])


def new_version(name: str, number: int) -> bytes:
    body = {
        "name": name,
        "source": f"s3://models/{name}/{number}",
        "description": f"Trained on the sample of week {number}.",
    }
    return post(CREATE_VERSION, body)


def set_alias(name: str, alias: str, version: str) -> bytes:
    return post(SET_ALIAS, {"name": name, "alias": alias, "version": version})


def set_tag(name: str, version: str, key: str, value: str) -> bytes:
    return post(SET_TAG, {"name": name, "version": version, "key": key, "value": value})


def version_path(name: str, version: str) -> str:
    return f"{GET_VERSION}?name={name}&version={version}"


def get_model(name: str) -> bytes:
    return get(f"{GET_MODEL}?name={name}")


def _run(*words: str) -> str:
    done = subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    return done.stdout
