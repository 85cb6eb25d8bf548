"""Import from MLflow's registry: models, versions, their runs and dataset inputs, their files fingerprinted (RL-55).

Nothing that is here already is touched, so it may run again at any time, and goes on where it was stopped. Versions
start as drafts; owner and purpose are asked for at the first request (RL-1). Aliases stay MLflow's: the reconciler
compares them with what is live here (RL-57).
"""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from modelwarden.client.mlflow_artifacts import download
from modelwarden.deployments.mlflow.naming import our_name
from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import (
    ActorNotFound,
    MlflowFailed,
    ModelNotFound,
    ValueInvalid,
    VersionNotFound,
)
from modelwarden.fingerprints.artifact import Artifact, fingerprint
from modelwarden.registry.metric import METRIC_NAME, MOST_METRICS, decimal_text
from modelwarden.registry.version import (
    DATASET_NAME,
    FINGERPRINT,
    MOST_DATASETS,
    ROLE,
    checked_parameters,
)
from modelwarden.values.ids import REFERENCE
from modelwarden.values.mlflow import ImportedModelAnswer, MlflowImportAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from modelwarden.client.remote import Remote
    from modelwarden.deployments.mlflow.registry import MlflowModel, MlflowRun, MlflowVersion
    from modelwarden.values.answers import VersionAnswer
    from modelwarden.warden.rooms import Rooms

    AnyRooms: TypeAlias = Rooms | Remote

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the step, versions done, and versions in all."""

COMMIT: Final = "mlflow.source.git.commit"
USER: Final = "mlflow.user"
LONGEST_DESCRIPTION: Final = 4_000
_ODD: Final = re.compile(r"[^A-Za-z0-9._:/@+-]+")


def import_from_mlflow(
    rooms: AnyRooms,
    url: str,
    *,
    folder: str | PathLike[str],
    models: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> MlflowImportAnswer:
    """Register what MLflow's registry holds and is not here yet.

    Args:
        rooms: whose: `open(…).acting_as(…)` or `connect(…)`.
        url: address of the MLflow server.
        folder: where the files are kept, by model and version. Whoever runs the gate has to be able to read it: for a
            server it lies below `artifacts.roots`.
        models: only these, by MLflow's name; all unless given.
        progress: called after each version.

    Raises:
        MlflowFailed, ExtraMissing, NotPermitted.
    """
    place = Path(folder).absolute()
    with MlflowRegistry(url) as registry, alone_in(place):
        wanted = [one for one in registry.models() if not models or one.name in models]
        if missing := sorted(set(models) - {one.name for one in wanted}):
            raise MlflowFailed(f"{url} has no registered model {', '.join(missing)}")
        listed = [(one, sorted(registry.versions(one.name), key=_number)) for one in wanted]
        taking = Taking(rooms, registry, place, progress=progress)
        taking.total = sum(len(versions) for _, versions in listed)
        return MlflowImportAnswer(
            models=tuple(taking.model(one, versions) for one, versions in listed)
        )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder of kept files against other imports of this machine. Raises MlflowFailed while one is under way."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".importing").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MlflowFailed(f"another import into {folder} is under way") from error
        yield


def _number(version: MlflowVersion) -> int:
    return int(version.version)


class Taking:
    """One import under way; `alone_in` its folder.

    `owner` owns the models that are new; the actor unless given. With `waits`, a version whose run still goes on is
    left for later: it would come without the run's last figures.
    """

    def __init__(
        self,
        rooms: AnyRooms,
        registry: MlflowRegistry,
        folder: Path,
        *,
        progress: Progress | None = None,
        owner: str | None = None,
        waits: bool = False,
    ) -> None:
        self._rooms, self._registry, self._folder = rooms, registry, folder
        self._progress, self._owner, self._waits = progress, owner, waits
        self.total = self._done = 0

    def model(self, found: MlflowModel, versions: list[MlflowVersion]) -> ImportedModelAnswer:
        """Register those of its versions that are not here yet; what fails stands in the notes."""
        name = our_name(found.name)
        try:
            self._rooms.models.show(name)
        except ModelNotFound:
            self._rooms.models.register(name, owner=self._owner)
        added: list[str] = []
        known: list[str] = []
        notes: list[str] = []
        for version in versions:
            try:
                is_new = self._version(name, version, notes)
                (added if is_new else known).append(version.version)
            except MlflowFailed as error:  # the others come over; this one when it is run again
                notes.append(f"{version.version}: {error}")
            self._done += 1
            if self._progress is not None:
                self._progress("import", self._done, self.total)
        return ImportedModelAnswer(
            name=found.name,
            model=name,
            added=tuple(added),
            known=tuple(known),
            notes=tuple(notes),
        )

    def _version(self, model: str, version: MlflowVersion, notes: list[str]) -> bool:
        try:
            here = self._rooms.versions.show(model, version.version)
        except VersionNotFound:
            pass
        else:
            if here.run != version.run:
                notes.append(f"{version.version}: another version of this label is here already")
            return False
        run = None if version.run is None else self._registry.run(version.run)
        if self._waits and run is not None and not run.is_over:
            raise MlflowFailed(f"run {version.run} still goes on")
        files = self._fetched(model, version)
        seen = Artifact.of(fingerprint(files, sha256_too=True))
        told: dict[str, Any] = {
            "artifact": files.as_uri(),
            "fingerprints": [str(each) for each in seen.fingerprints],
            "size_bytes": seen.size_bytes,
            "description": version.description.strip()[:LONGEST_DESCRIPTION] or None,
            "run": version.run,
            **({} if run is None else _of_run(run, version.version, notes)),
        }
        made = self._registered(model, version.version, told, trained_by=_trainers(run))
        if made.trust != "verified":
            notes.append(
                f"{version.version}: the server can't read {files}; the gate will refuse it until"
                " the folder lies below its artifacts.roots"
            )
        return True

    def _registered(
        self, model: str, label: str, told: Mapping[str, Any], *, trained_by: tuple[str, ...]
    ) -> VersionAnswer:
        """Register it, and bar whoever MLflow says trained it from approving it, if that is somebody here.

        MLflow's name for a person proves nothing: it takes a right away and never gives one (AC-18).
        """
        try:
            return self._rooms.versions.register(model, label, trained_by=trained_by, **told)
        except ActorNotFound:
            return self._rooms.versions.register(model, label, **told)

    def _fetched(self, model: str, version: MlflowVersion) -> Path:
        """Fetch beside the place and rename: what lies there is whole."""
        place = self._folder / model / version.version
        arriving = place.with_name(f".{version.version}.arriving")
        for left in (arriving, place):  # of an import that was stopped before it was registered
            shutil.rmtree(left, ignore_errors=True)
        arriving.mkdir(parents=True)
        download(self._registry.url, version.name, version.version, to=arriving)
        arriving.rename(place)
        return place


def _trainers(run: MlflowRun | None) -> tuple[str, ...]:
    name = "" if run is None else run.tags.get(USER, "")
    return (name,) if name else ()


def _of_run(run: MlflowRun, label: str, notes: list[str]) -> dict[str, Any]:
    """Return the fields of a version that its run tells."""
    metrics: dict[str, str] = {}
    for name, value in sorted(run.metrics.items()):
        if not METRIC_NAME.fullmatch(name) or len(metrics) == MOST_METRICS:
            continue
        try:
            metrics[name] = decimal_text(value, name)
        except ValueInvalid:  # NaN, infinity
            continue
    if left := len(run.metrics) - len(metrics):
        notes.append(f"{label}: {left} metrics are no finite figures of a plain name")
    parameters: dict[str, object] = dict(run.parameters)
    try:
        checked_parameters(parameters)
    except ValueInvalid as error:
        notes.append(f"{label}: no parameters: {error}")
        parameters = {}
    commit = run.tags.get(COMMIT)
    return {
        "metrics": metrics,
        "parameters": parameters,
        "datasets": _datasets(run, label, notes),
        "source_commit": commit if commit and REFERENCE.fullmatch(commit) else None,
    }


def _datasets(run: MlflowRun, label: str, notes: list[str]) -> list[dict[str, Any]]:
    """Return inputs as `name@digest` and role; MLflow's digest is a hint and no fingerprint (LN-2)."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, digest, context, ours in run.datasets:
        role = _ODD.sub("-", context.lower())
        called = _ODD.sub("-", f"{name}@{digest}" if digest else name)
        role = role if ROLE.fullmatch(role) else "training"
        if not DATASET_NAME.fullmatch(called) or len(found) == MOST_DATASETS:
            notes.append(f"{label}: dataset {called[:128]!r} can't be named here")
            continue
        fingerprints = [ours] if ours and FINGERPRINT.fullmatch(ours) else []
        found[called, role] = {"name": called, "role": role, "fingerprints": fingerprints}
    return list(found.values())
