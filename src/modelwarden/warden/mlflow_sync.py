"""MLflow's registry kept in step: what looks each minute, what registers what is new, and a look on demand (RL-56).

Versions are registered as a service account that the settings name, with its rights and no more; whoever owns it is
barred from approving them, as whoever registers is.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.access import rights
from modelwarden.access.accounts import actor_named
from modelwarden.client.mlflow_import import Taking, alone_in
from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.deployments.mlflow.webhook import Hints
from modelwarden.errors import SettingInvalid, WardenError
from modelwarden.reactions import mlflow as following
from modelwarden.values.mlflow import MlflowSyncAnswer
from modelwarden.values.principal import ActorKind, Via
from modelwarden.values.system import system
from modelwarden.warden.rooms import Rooms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.config import Settings
    from modelwarden.deployments.mlflow.registry import MlflowVersion
    from modelwarden.ledger.entry import Stored
    from modelwarden.store.change import View
    from modelwarden.store.follower import Position, Step
    from modelwarden.values.mlflow import ImportedModelAnswer
    from modelwarden.values.principal import Principal
    from modelwarden.warden.warden import Warden

IMPORT: Final = "mlflow-import"
FIRST_PAUSE_S: Final = 60.0
LONGEST_PAUSE_S: Final = 3_600.0
"""Between two tries of a version that did not come over: its files may be gone for good."""
LOG: Final = logging.getLogger("modelwarden.mlflow")
_ACTOR: Final = system("mlflow")


class MlflowSync:
    """What the process does about MLflow. Raises SettingInvalid for settings that can't be."""

    def __init__(self, warden: Warden) -> None:
        settings = warden.settings
        _check(settings)
        self.hints: Final = Hints(settings.mlflow_webhook_secret_file)
        self._names = following.KeepMlflow(warden, settings=settings, hints=self.hints)
        self._bring = Bring(warden, hints=self.hints)

    def steps(self) -> Mapping[str, Step]:
        """Return what follows the ledger and the clock, by name."""
        return {following.NAME: self._names, IMPORT: self._bring}

    def sync(self) -> MlflowSyncAnswer:
        """Register what is new, look at names and tags, and say what was done. Raises MlflowFailed."""
        models: tuple[ImportedModelAnswer, ...] = ()
        failures: tuple[str, ...] = ()
        try:
            models = self._bring.new()
        except WardenError as error:
            failures = (str(error),)
        found = self._names.look()
        return MlflowSyncAnswer(
            moved=found.moved,
            strayed=found.strayed,
            tagged=found.tagged,
            models=models,
            failures=(*failures, *found.failures),
            unguarded=found.unguarded,
        )

    def unguarded(self) -> tuple[str, ...]:
        """Return which aliases are protected here, and nobody keeps in MLflow. Raises MlflowFailed."""
        return self._names.unguarded()


class Bring:
    """A follower's step that registers what is new in MLflow. Without an account to do it as, it rests."""

    def __init__(
        self,
        warden: Warden,
        *,
        hints: Hints,
        every_s: float = following.EVERY_S,
        soonest_s: float = following.SOONEST_S,
    ) -> None:
        settings = warden.settings
        self._warden, self._hints = warden, hints
        self._every_s, self._soonest_s = every_s, soonest_s
        self._url, self._account = settings.mlflow_url, settings.mlflow_import_as
        self._folder = Path(settings.mlflow_folder or "").absolute()
        self._looked_at = float("-inf")
        self._counted = 0
        self._here: set[tuple[str, str]] = set()
        self._later: dict[tuple[str, str], tuple[float, float]] = {}

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # entries mean nothing
        """Look at once."""
        self._looked_at = float("-inf")

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Do nothing: MLflow has something new, not the ledger."""

    def idle(self) -> None:
        """Register what is new, if it is time."""
        now, hints = time.monotonic(), self._hints.count
        pause_s = self._every_s if hints == self._counted else self._soonest_s
        if self._account is None or now - self._looked_at < pause_s:
            return
        self._looked_at, self._counted = now, hints
        try:
            self.new()
        except WardenError as error:
            LOG.warning("nothing came over from MLflow: %s", error)

    def new(self) -> tuple[ImportedModelAnswer, ...]:
        """Register what is new and say of which models. Raises MlflowFailed, ActorNotFound, NotPermitted."""
        if self._url is None or self._account is None:
            return ()
        principal, owner = self._warden.view(_ACTOR, self._who)
        rooms = Rooms(self._warden, principal)
        found: list[ImportedModelAnswer] = []
        with MlflowRegistry(self._url) as registry, alone_in(self._folder):
            taking = Taking(rooms, registry, self._folder, owner=owner, waits=True)
            listed: dict[str, list[MlflowVersion]] = {}
            for version in registry.versions():
                if self._is_due(version):
                    listed.setdefault(version.name, []).append(version)
            for model in registry.models() if listed else ():
                versions = sorted(listed.get(model.name, ()), key=lambda each: int(each.version))
                if versions:
                    answer = taking.model(model, versions)
                    self._remember(answer, versions)
                    found.append(answer)
        return tuple(each for each in found if each.added or each.notes)

    def _who(self, view: View) -> tuple[Principal, str | None]:
        """Return the account and who owns it, and so the models that are new: programs own none."""
        actor = actor_named(view, self._account or "")
        if actor.kind is not ActorKind.SERVICE:
            raise SettingInvalid("mlflow.import_as names no service account")
        return rights.principal_of(view, actor, via=Via.PROCESS), actor.owner

    def _is_due(self, version: MlflowVersion) -> bool:
        key = (version.name, version.version)
        due, _ = self._later.get(key, (0.0, 0.0))
        return key not in self._here and time.monotonic() >= due

    def _remember(self, answer: ImportedModelAnswer, versions: Sequence[MlflowVersion]) -> None:
        """Remember what is here now, and when to try the others again."""
        here = {*answer.added, *answer.known}
        for version in versions:
            key = (version.name, version.version)
            if version.version in here:
                self._here.add(key)
                self._later.pop(key, None)
            else:
                _, last_s = self._later.get(key, (0.0, FIRST_PAUSE_S / 2))
                pause_s = min(2 * last_s, LONGEST_PAUSE_S)
                self._later[key] = (time.monotonic() + pause_s, pause_s)


def _check(settings: Settings) -> None:
    if settings.mlflow_import_as is None:
        return
    if settings.mlflow_url is None or settings.mlflow_folder is None:
        raise SettingInvalid("mlflow.import_as needs mlflow.url and mlflow.folder")
    folder = settings.mlflow_folder.absolute()
    if not settings.embedded and not any(
        folder.is_relative_to(root.absolute()) for root in settings.artifact_roots
    ):
        raise SettingInvalid(
            "mlflow.folder has to lie below one of artifact.roots: the gate reads what is kept there"
        )
