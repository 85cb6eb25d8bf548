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
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from modelwarden.approvals.offline import trusted_keys
from modelwarden.client.mlflow_artifacts import download, mlflow_module
from modelwarden.client.remote import connect
from modelwarden.config import Settings
from modelwarden.deployments.mlflow.naming import our_name, protected_aliases
from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import (
    ArtifactMismatch,
    GateRefused,
    KeyExpired,
    MlflowFailed,
    SignatureInvalid,
    ValueInvalid,
)
from modelwarden.fingerprints.artifact import Artifact, fingerprint
from modelwarden.fingerprints.model_signature import read_signature, verify
from modelwarden.ledger.bundle import parse_bundle
from modelwarden.ledger.keys import PublicKey
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.client.remote import Remote
    from modelwarden.warden.rooms import Rooms

    AnyRooms: TypeAlias = Rooms | Remote

Require: TypeAlias = Literal["signed", "approved", "live"]
URI: Final = re.compile(r"models:/(?P<name>[^/@:]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]+))")
OURS: Final = "warden"
APPROVED: Final = "approved"
SIGNED: Final = "signed"


class _Wanted(NamedTuple):
    name: str
    version: str
    environment: str


def load_model(  # noqa: PLR0913  # what is loaded, from where, and on whose word
    uri: str,
    *,
    require: Require = "live",
    signature: str | os.PathLike[str] | None = None,
    trust: str | os.PathLike[str] | None = None,
    environment: str | None = None,
    rooms: AnyRooms | None = None,
    mlflow_url: str | None = None,
    load: Callable[[str], Any] | None = None,
) -> Any:  # noqa: ANN401  # whatever the flavour loads
    """Fetch a version into a private folder, compare it with what was signed, then load it.

    Args:
        uri: `models:/<name>@<alias>` or `models:/<name>/<version>`, in MLflow's names.
        require: `live`: it is live there, through the gate; `approved`: people approved it for there; `signed`: a
            person's key signed its files (`artifacts sign`, or OpenSSF `model_signing`), and no server is asked.
        signature: with `signed`, the file with the signature; it lies outside of the model.
        trust: with `signed`, the `keys.json` of `keys list --trust`: whose signature counts. A key that was revoked,
            whatever the cause, or that is not valid now, does not: a signature says not when it was made.
        environment: where; that of a protected alias, else production.
        rooms: of the control plane; unless given, `MODELWARDEN_URL` and `MODELWARDEN_TOKEN` say which.
        mlflow_url: address of MLflow; unless given, `MLFLOW_TRACKING_URI`.
        load: what loads the folder; `mlflow.pyfunc.load_model` unless given.

    Raises:
        GateRefused: `not_live` or `not_approved`.
        ArtifactMismatch: MLflow holds other bytes than were registered and signed. Nothing of them ran.
        SignatureInvalid, KeyExpired, EnvelopeMalformed: with `signed`.
        MlflowFailed, ModelNotFound, VersionNotFound, Unreachable, ExtraMissing, ValueInvalid.
    """
    signed = _required(require, signature, trust)
    address = mlflow_url or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not address.startswith(("http://", "https://")):
        raise ValueInvalid("mlflow_url", "the address of an MLflow server, http or https")
    wanted = _resolved(uri, address, environment)
    compare = _by_signature(*signed) if signed else _by_fingerprint(rooms, wanted, require)
    folder = Path(tempfile.mkdtemp(prefix="modelwarden-model-"))  # mode 0700
    try:
        download(address, wanted.name, wanted.version, to=folder)
        compare(folder)
        loader = load or mlflow_module("mlflow.pyfunc").load_model
        model = loader(str(folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _keep_with(model, folder)
    return model


def _required(
    require: str, signature: str | os.PathLike[str] | None, trust: str | os.PathLike[str] | None
) -> tuple[Path, Path] | None:
    """Return the files of a signature that is required. Raises ValueInvalid."""
    if require not in {SIGNED, APPROVED, "live"}:
        raise ValueInvalid("require", "signed, approved or live")
    given = None if signature is None or trust is None else (Path(signature), Path(trust))
    if (require == SIGNED) != (given is not None):
        raise ValueInvalid("require", "signed with signature= and trust=, anything else without")
    return given


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


@contextmanager
def connected(rooms: AnyRooms | None) -> Iterator[AnyRooms]:
    """Give these rooms, or those of the server that the environment names. Raises ValueInvalid."""
    if rooms is not None:
        yield rooms
        return
    url, token = os.environ.get("MODELWARDEN_URL", ""), os.environ.get("MODELWARDEN_TOKEN")
    if not url.startswith(("http://", "https://")) or not token:
        raise ValueInvalid("rooms", "rooms, or MODELWARDEN_URL and MODELWARDEN_TOKEN of a server")
    with connect(url, token=token) as remote:
        yield remote


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


def _by_fingerprint(
    rooms: AnyRooms | None, wanted: _Wanted, require: Require
) -> Callable[[Path], object]:
    """Return what compares a folder with what the control plane vouches for. Raises GateRefused."""
    with connected(rooms) as known:
        expected = _vouched(known, wanted, require)

    def compare(folder: Path) -> None:
        seen = Artifact.of(fingerprint(folder, sha256_too=True))
        if not expected & {str(each) for each in seen.fingerprints}:
            raise ArtifactMismatch(
                f"MLflow holds other bytes under {wanted.name} version {wanted.version} than were"
                " registered here; nothing was loaded"
            )

    return compare


def _by_signature(signature: Path, trust: Path) -> Callable[[Path], object]:
    """Return what compares a folder with what a person's key signed: every file of it. Raises as `load_model`."""
    data = signature.read_bytes()
    bundle = parse_bundle(data)
    known = trusted_keys(trust.read_text("utf-8"))
    found = [(key, PublicKey.from_pem(key.pem)) for key in known if key.person is not None]
    signers = [(key, public) for key, public in found if bundle.is_by(public)]
    if not signers:
        raise SignatureInvalid("no person's key among the trusted ones made this signature")
    key, public = signers[0]
    if key.revoked_at is not None or not key.was_valid(SystemClock().now()):
        raise KeyExpired(f"key {key.keyid[:16]}… was revoked, or is not valid now")
    said = read_signature(data, public)
    if said.ignore:  # else what is loaded could lie in what nobody signed
        said = replace(said, ignore=())
    return partial(verify, signature=said)


def _keep_with(model: object, folder: Path) -> None:
    """Delete the folder when the model goes; some read from it later."""
    try:
        weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
    except TypeError:  # no weak reference to it: when the process ends
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
