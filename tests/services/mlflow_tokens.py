"""A check of MLflow's own, put where its accounts look: a token stands for the administrator, a password for itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flask import request
from mlflow.server.auth import authenticate_request_basic_auth, make_basic_auth_response
from werkzeug.datastructures import Authorization

if TYPE_CHECKING:
    from flask import Response


def authenticate() -> Authorization | Response:
    given = request.authorization
    if given is None or given.type != "bearer":
        return authenticate_request_basic_auth()
    if given.token != os.environ["MLFLOW_TEST_TOKEN"]:
        return make_basic_auth_response()
    return Authorization("basic", {"username": os.environ["MLFLOW_TEST_ADMIN"]})
