"""MLflow's real server with our application in it, on SQLite and a free port, and what is put into its registry."""

from __future__ import annotations

import atexit
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE_S: Final = 120
API: Final = "/api/2.0/mlflow/"
QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
HOOKS: Final = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(32)).decode(),
}
"""By which MLflow sends webhooks to this machine: as it comes it sends to https and public addresses alone."""

FORKS: Final = """
import atexit, json, os, signal, sys, traceback
import mlflow, mlflow.pyfunc, pandas
import modelwarden.cli.main, modelwarden.client.mlflow_import, modelwarden.integrations.mlflow_model
for line in sys.stdin:
    asked = json.loads(line)
    if (child := os.fork()) == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
for number, path in ((0, os.devnull), (1, asked["printed"]), (2, asked["said"])):
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
signal.alarm(120)
os.environ.clear()
os.environ.update(asked["environment"])
sys.argv[1:] = asked["words"]
code = 1
try:
    exec(asked["code"])
    code = 0
except SystemExit as ended:
    code = ended.code or 0
except BaseException:
    traceback.print_exc()
atexit._run_exitfuncs()
for stream in (sys.stdout, sys.stderr):
    stream.flush()
os._exit(code)
"""
"""A process that has imported MLflow's client, and forks off whatever is to run beside it.

To import it takes seconds of a processor, and to take it down again half a second: that is left out.
"""

ACCOUNTS: Final = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/auth.db
admin_username = {admin}
admin_password = {password}
authorization_function = {function}
auth_cache_ttl_seconds = 600
"""
"""Remembered, since each look at a password takes a tenth of a second of the processor."""
BY_PASSWORD: Final = "mlflow.server.auth:authenticate_request_basic_auth"  # noqa: S105  # MLflow's own


def accounts(
    folder: Path, admin: tuple[str, str], *, function: str = BY_PASSWORD
) -> dict[str, str]:
    """Set up MLflow's own accounts in a folder; return the variables that a server with them needs."""
    config = folder / "auth.ini"
    told = ACCOUNTS.format(folder=folder, admin=admin[0], password=admin[1], function=function)
    config.write_text(told, encoding="utf-8")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": os.urandom(16).hex(),
    }


TRAIN: Final = """
import mlflow, pandas, sys
from mlflow.pyfunc import PythonModel

class Same(PythonModel):
    def __init__(self, answer):
        self.answer = answer
    def predict(self, context, model_input, params=None):
        return [self.answer] * len(model_input)

name, count = sys.argv[1], int(sys.argv[2])
frame = pandas.DataFrame({"tenure": [1.0, 2.0]})
for number in range(1, count + 1):
    with mlflow.start_run() as run:
        mlflow.log_params({"depth": number})
        mlflow.log_metrics({"roc_auc": (80 + number) / 100, "worst": float("nan")})
        mlflow.log_input(mlflow.data.from_pandas(frame, name="customers"), context="training")
        mlflow.pyfunc.log_model(name="model", python_model=Same(number), registered_model_name=name,
                                pip_requirements=["mlflow; python_version < '3'"])
"""
"""Its requirement holds nowhere: for one that holds MLflow walks through every installed file, to save and to load."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mlflow_serving(
    folder: Path, port: int, *, app: str, environment: Mapping[str, str], beside: Path | None = None
) -> Iterator[str]:
    """Start the server and yield its address; `beside` another, it has that one's database and files."""
    kept = beside or folder
    words = [
        *("-m", "mlflow", "server", "--app-name", app, "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--uvicorn-opts", "--no-access-log"),
        *("--backend-store-uri", f"sqlite:///{kept}/mlflow.db"),
        *("--artifacts-destination", str(kept / "artifacts")),
    ]
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # MLflow, as its users start it
            [sys.executable, *words],
            cwd=folder,
            env=os.environ | QUIET | dict(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends and process.poll() is None:
            try:
                httpx.get(f"{address}/health")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE_S)


def run_python(code: str, *words: str, environment: Mapping[str, str]) -> str:
    """Run code beside MLflow's client, in a process of its own, and return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        printed, said = Path(folder, "stdout"), Path(folder, "stderr")
        asked = {
            "code": code,
            "words": words,
            "environment": os.environ | QUIET | dict(environment),
            "printed": str(printed),
            "said": str(said),
        }
        forks = _forks()
        assert forks.stdin is not None
        assert forks.stdout is not None
        forks.stdin.write(f"{json.dumps(asked)}\n")
        forks.stdin.flush()
        ended = forks.stdout.readline()
        assert ended == "0\n", said.read_text(encoding="utf-8")[-3000:]
        return printed.read_text(encoding="utf-8")


@cache
def _forks() -> subprocess.Popen[str]:
    """Start what FORKS says: one process a session."""
    process = subprocess.Popen(  # noqa: S603  # our own code
        [sys.executable, "-W", "ignore", "-c", FORKS],
        env=os.environ | QUIET,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)  # it ends with its input
    return process


def call(
    address: str,
    method: str,
    path: str,
    *,
    root: str = API,
    auth: tuple[str, str] | None = None,
    **body: object,
) -> httpx.Response:
    return httpx.request(method, f"{address}{root}{path}", json=body, auth=auth, timeout=60)
