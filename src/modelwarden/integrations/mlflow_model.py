"""Load a model out of MLflow only as what the gate let pass: the very bytes, and while it stands (RL-58).

    model = modelwarden.load_model("models:/churn@production")

Loading runs code out of the files, so they are compared first, in a folder that nobody else writes to.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from modelwarden.client.mlflow_artifacts import download, mlflow_module
from modelwarden.client.remote import connect
from modelwarden.config import Settings
from modelwarden.deployments.mlflow.naming import our_name, protected_aliases
from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import ArtifactMismatch, GateRefused, MlflowFailed, ValueInvalid
from modelwarden.fingerprints.artifact import Artifact, fingerprint
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.client.remote import Remote
    from modelwarden.warden.rooms import Rooms

    AnyRooms: TypeAlias = Rooms | Remote

Require: TypeAlias = Literal["approved", "live"]
URI: Final = re.compile(r"models:/(?P<name>[^/@:]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]+))")
OURS: Final = "warden"
APPROVED: Final = "approved"


class _Wanted(NamedTuple):
    name: str
    version: str
    environment: str


def load_model(
    uri: str,
    *,
    require: Require = "live",
    environment: str | None = None,
    rooms: AnyRooms | None = None,
    mlflow_url: str | None = None,
    load: Callable[[str], Any] | None = None,
) -> Any:  # noqa: ANN401  # whatever the flavour loads
    """Fetch a version into a private folder, compare it with what was signed, then load it.

    Args:
        uri: `models:/<name>@<alias>` or `models:/<name>/<version>`, in MLflow's names.
        require: `live`: it is live there, through the gate; `approved`: people approved it for there.
        environment: where; that of a protected alias, else production.
        rooms: of the control plane; unless given, `MODELWARDEN_URL` and `MODELWARDEN_TOKEN` say which.
        mlflow_url: address of MLflow; unless given, `MLFLOW_TRACKING_URI`.
        load: what loads the folder; `mlflow.pyfunc.load_model` unless given.

    Raises:
        GateRefused: `not_live` or `not_approved`.
        ArtifactMismatch: MLflow holds other bytes than were registered and signed. Nothing of them ran.
        MlflowFailed, ModelNotFound, VersionNotFound, Unreachable, ExtraMissing, ValueInvalid.
    """
    if require not in {"approved", "live"}:
        raise ValueInvalid("require", "approved or live")
    address = mlflow_url or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not address.startswith(("http://", "https://")):
        raise ValueInvalid("mlflow_url", "the address of an MLflow server, http or https")
    wanted = _resolved(uri, address, environment)
    if rooms is None:
        with _connected() as remote:
            expected = _vouched(remote, wanted, require)
    else:
        expected = _vouched(rooms, wanted, require)
    folder = Path(tempfile.mkdtemp(prefix="modelwarden-model-"))  # mode 0700
    try:
        download(address, wanted.name, wanted.version, to=folder)
        _compare(folder, expected, wanted)
        loader = load or mlflow_module("mlflow.pyfunc").load_model
        model = loader(str(folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _keep_with(model, folder)
    return model


def _resolved(uri: str, address: str, environment: str | None) -> _Wanted:
    found = URI.fullmatch(uri)
    if found is None:
        raise ValueInvalid("uri", "models:/<name>@<alias> or models:/<name>/<version>")
    name, alias, version = found["name"], found["alias"], found["version"]
    if alias is not None:
        with MlflowRegistry(address) as registry:
            version = registry.version_at(name, alias)
        if version is None:
            raise MlflowFailed(f"{address} has no {name}@{alias}")
    bound = protected_aliases(Settings().mlflow_aliases).get((alias or "").lower())
    place = environment or (bound or Environment.PRODUCTION).value
    return _Wanted(name, version, place)


def _connected() -> Remote:
    url, token = os.environ.get("MODELWARDEN_URL", ""), os.environ.get("MODELWARDEN_TOKEN")
    if not url.startswith(("http://", "https://")) or not token:
        raise ValueInvalid("rooms", "rooms, or MODELWARDEN_URL and MODELWARDEN_TOKEN of a server")
    return connect(url, token=token)


def _vouched(rooms: AnyRooms, wanted: _Wanted, require: Require) -> frozenset[str]:
    """Return the fingerprints that the bytes must have. Raises GateRefused."""
    model = our_name(wanted.name)
    version = rooms.versions.show(model, wanted.version)
    about = (("model", model), ("version", f"{model}@{wanted.version}"))
    if require == APPROVED:
        if version.approvals.get(wanted.environment) != APPROVED:
            raise GateRefused(
                f"{model}@{wanted.version} is not approved for {wanted.environment}",
                about=about,
                reasons=("not_approved",),
            )
    elif not _is_live(rooms, model, wanted):
        raise GateRefused(
            f"{model}@{wanted.version} is not live in {wanted.environment}, or did not come through the gate",
            about=about,
            reasons=("not_live",),
        )
    return frozenset(version.fingerprints)


def _is_live(rooms: AnyRooms, model: str, wanted: _Wanted) -> bool:
    """Tell whether it is live by a deployment that the gate let pass: a recorded one vouches for nothing."""
    live = rooms.deployments.live(model, environment=wanted.environment)
    if live.version != wanted.version or live.deployment is None:
        return False
    return rooms.deployments.show(live.deployment).origin == OURS


def _compare(folder: Path, expected: frozenset[str], wanted: _Wanted) -> None:
    seen = Artifact.of(fingerprint(folder, sha256_too=True))
    if not expected & {str(each) for each in seen.fingerprints}:
        raise ArtifactMismatch(
            f"MLflow holds other bytes under {wanted.name} version {wanted.version} than were"
            " registered here; nothing was loaded"
        )


def _keep_with(model: object, folder: Path) -> None:
    """Delete the folder when the model goes; some read from it later."""
    try:
        weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
    except TypeError:  # no weak reference to it: when the process ends
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
