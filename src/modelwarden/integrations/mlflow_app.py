"""An MLflow server whose protected aliases only a deployment moves: `mlflow server --app-name modelwarden` (RL-57).

It stands between MLflow's handlers and its registry's store, so REST, GraphQL and the web page meet it alike. Whatever
names a live version is refused to everybody else: aliases, stages, deleting, renaming. It asks the control plane each
time, and refuses when nobody answers. Who writes into MLflow's database meets nothing here; the reconciler sees it.

    MODELWARDEN_URL              address of the control plane
    MODELWARDEN_TOKEN            a token that may read deployments and models, all of them
    MODELWARDEN_MLFLOW_ALIASES   as the setting `mlflow.aliases`; the same on both sides

With MLflow's own accounts: `--app-name modelwarden-basic-auth`.
"""

from __future__ import annotations

import importlib
import os
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NoReturn

from modelwarden.config import Settings
from modelwarden.deployments.mlflow.naming import our_name, protected_aliases
from modelwarden.deployments.mlflow.registry import GATE
from modelwarden.errors import (
    AliasProtected,
    ModelNotFound,
    SettingInvalid,
    VersionNotFound,
    WardenError,
)
from modelwarden.integrations.mlflow_asking import Asking
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATIENCE_S: Final = 5.0
HANDLERS: Final = "mlflow.server.handlers"
SWITCHES: Final = "mlflow.environment_variables"
UVICORN: Final = "mlflow.server.fastapi_app"
DRAFT: Final = "draft"
APPROVED: Final = "approved"
GUARDED: Final = (
    "set_registered_model_alias", "delete_registered_model_alias", "transition_model_version_stage",
    "delete_model_version", "delete_registered_model", "rename_registered_model",
)  # fmt: skip
"""Methods of MLflow's store by which a name comes to mean other bytes; `Rules` has one of each name."""


def create_app() -> Any:  # noqa: ANN401  # an ASGI application, or Flask's, as MLflow starts it
    """Return MLflow's application with its registry guarded. Raises SettingInvalid: then no server starts."""
    guard_registry()
    if os.environ.get("_MLFLOW_SGI_NAME", "uvicorn") == "uvicorn":
        return importlib.import_module(UVICORN).app
    return importlib.import_module("mlflow.server").app


def create_basic_auth_app() -> Any:  # noqa: ANN401  # the same
    """Do the same with MLflow's own accounts in front."""
    guard_registry()
    return importlib.import_module("mlflow.server.auth").create_app()


def guard_registry(environment: Mapping[str, str] = os.environ) -> None:
    """Put the rules before the store of this process, and say so to whoever asks. Raises SettingInvalid."""
    url, token = environment.get("MODELWARDEN_URL"), environment.get("MODELWARDEN_TOKEN")
    if not url or not token:
        raise SettingInvalid(
            "MLflow is not started without its gate: set MODELWARDEN_URL and MODELWARDEN_TOKEN"
        )
    pairs = environment.get("MODELWARDEN_MLFLOW_ALIASES", "").split() or Settings().mlflow_aliases
    protected = protected_aliases(pairs)
    rules = Rules(Asking(url, token, timeout_s=PATIENCE_S), protected)
    store = registry_store()
    for name in GUARDED:
        setattr(store, name, _guarded(getattr(store, name), getattr(rules, name)))
    _say(" ".join(f"{alias}={place}" for alias, place in protected.items()))


def _say(aliases: str) -> None:
    """Let every answer of MLflow's API name what is protected: whoever keeps it in step sees where nothing is."""

    def say(response: Any) -> Any:  # noqa: ANN401  # Flask's, whatever the route answers
        response.headers[GATE] = aliases
        return response

    importlib.import_module("mlflow.server").app.after_request(say)


def registry_store() -> Any:  # noqa: ANN401  # another program's object
    """Return the one store through which MLflow's handlers reach its registry. Raises SettingInvalid.

    MLflow has no public way to it. A store can be named by the scheme of an address, but then whoever starts the server
    with a plain address has no gate. So this leans on a private function, in the range that `tests/mlflow` names, and
    refuses to start where it is missing or gives each caller a store of its own.
    """
    workspaces = getattr(importlib.import_module(SWITCHES), "MLFLOW_ENABLE_WORKSPACES", None)
    if workspaces is not None and workspaces.get():
        raise SettingInvalid(
            "MLflow's workspaces give one name to several models: no gate stands before them"
        )
    handlers = importlib.import_module(HANDLERS)
    find = getattr(handlers, "_get_model_registry_store", None)
    store = find() if callable(find) else None
    is_one = callable(find) and store is not None and find() is store
    if not is_one or not all(hasattr(store, name) for name in GUARDED):
        raise SettingInvalid(
            "this release of MLflow keeps its registry in another way than Modelwarden's gate knows"
        )
    return store


def _guarded(act: Callable[..., Any], rule: Callable[..., None]) -> Callable[..., Any]:
    """Return the store's method, asking the rule of the same arguments first."""

    @wraps(act)
    def guarded(*given: Any, **named: Any) -> Any:  # noqa: ANN401  # as MLflow calls it
        try:
            rule(*given, **named)
        except WardenError as error:
            _refuse(f"Modelwarden did not allow it: {error}")
        return act(*given, **named)

    return guarded


def _refuse(words: str) -> NoReturn:
    exceptions = importlib.import_module("mlflow.exceptions")
    codes = importlib.import_module("mlflow.protos.databricks_pb2")
    raise exceptions.MlflowException(words, error_code=codes.PERMISSION_DENIED)


class Rules:
    """What may be done to a name: each raises a WardenError where it may not, and is called as MLflow's store is."""

    def __init__(self, asking: Asking, protected: Mapping[str, Environment]) -> None:
        self._asking, self._protected = asking, protected

    def set_registered_model_alias(self, name: str, alias: str, version: object) -> None:
        """Let a protected alias name what is live in its environment, and nothing else."""
        place = self._protected.get(alias.strip().lower())
        if place is None:
            return
        model = our_name(name)
        live = self._live(model, place)
        if live == str(version):
            return
        now = "nothing" if live is None else f"version {live}"
        raise AliasProtected(
            f"{alias} is protected and moves with a deployment: {now} of {model} is live in {place}."
            f" {self._outlook(model, str(version), place)}"
        )

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Keep a protected alias while something is live in its environment."""
        place = self._protected.get(alias.strip().lower())
        if place is None:
            return
        model = our_name(name)
        live = self._live(model, place)
        if live is not None:
            raise AliasProtected(
                f"{alias} is protected: version {live} of {model} is live in {place}"
            )

    def transition_model_version_stage(
        self, name: str, version: object, stage: str, archive_existing_versions: object
    ) -> None:
        """Let a version stand in the stage that it is live in, and nowhere else while it is live."""
        del archive_existing_versions  # those of the same stage: none of them is live there
        model, wanted = our_name(name), stage.strip().lower()
        places = self._live_in(model, str(version))
        highest = Environment.PRODUCTION if Environment.PRODUCTION in places else None
        fitting = {highest.value} if highest is not None else set(places)
        if wanted in set(Environment):
            if wanted not in fitting:
                raise AliasProtected(
                    f"stage {stage} is protected: version {version} of {model} is not live there alone."
                    f" {self._outlook(model, str(version), Environment(wanted))}"
                )
        elif places:
            raise AliasProtected(f"version {version} of {model} is live in {', '.join(places)}")

    def delete_model_version(self, name: str, version: object) -> None:
        """Keep a version while it is live."""
        model = our_name(name)
        if places := self._live_in(model, str(version)):
            raise AliasProtected(f"version {version} of {model} is live in {', '.join(places)}")

    def delete_registered_model(self, name: str) -> None:
        """Keep a model while a version of it is live."""
        model = our_name(name)
        for place in Environment:
            if (live := self._live(model, place)) is not None:
                raise AliasProtected(f"version {live} of {model} is live in {place}")

    def rename_registered_model(self, name: str, new_name: str) -> None:
        """Keep the name of a model while a version of it is live; and none takes the name of such a one."""
        self.delete_registered_model(name)
        try:
            self.delete_registered_model(new_name)
        except ModelNotFound:  # a name that means nothing yet
            return

    def _live(self, model: str, place: Environment) -> str | None:
        return self._asking.live(model, place.value)

    def _live_in(self, model: str, version: str) -> tuple[str, ...]:
        try:
            return self._asking.version(model, version).live_in
        except VersionNotFound:  # the model is known, and this of it was never imported
            return ()

    def _outlook(self, model: str, version: str, place: Environment) -> str:
        """Say what stands in the way of deploying it: as recorded, since the gate would hash the files for anybody."""
        try:
            found = self._asking.version(model, version)
        except VersionNotFound:
            return f"Version {version} is not registered: modelwarden mlflow import"
        state = found.approvals.get(place.value, DRAFT)
        if state == APPROVED:
            return f"It is approved: modelwarden deploy start {model}@{version} -e {place}"
        return f"Version {version} is {state} for {place}: modelwarden approvals request"
