"""MLflow's real server with our application in it, on SQLite and a free port, and what is put into its registry."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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
                                pip_requirements=["mlflow"])
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mlflow_serving(
    folder: Path, port: int, *, app: str, environment: Mapping[str, str]
) -> Iterator[str]:
    """Start the server and yield its address."""
    words = [
        *("-m", "mlflow", "server", "--app-name", app, "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--uvicorn-opts", "--no-access-log"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
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
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-W", "ignore", "-c", code, *words],
        env=os.environ | QUIET | dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


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
