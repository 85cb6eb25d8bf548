"""MLflow's registry follows ours: protected names, and tags that say how each version stands (RL-40, RL-56, RL-57).

One process looks, each minute, and soon after what concerns it: an entry of ours, or a webhook of MLflow's. A server
that does not answer is tried again, and harms nothing else.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.deployments.mlflow.marking import marks
from modelwarden.deployments.mlflow.naming import our_name, protected_aliases
from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import MlflowFailed, MlflowNotSetUp
from modelwarden.reactions.mlflow_names import ACTOR, LOG, Names
from modelwarden.values.ids import Label, version_name
from modelwarden.values.mlflow import MlflowSyncAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.config import Settings
    from modelwarden.deployments.mlflow.registry import MlflowVersion
    from modelwarden.deployments.mlflow.webhook import Hints
    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

NAME: Final = "mlflow"
EVERY_S: Final = 60.0
SOONEST_S: Final = 5.0
"""Between two looks, however often it is hinted that something changed."""
PATIENCE_S: Final = 10.0
A_PAGE: Final = 200
MOST_TAGGED: Final = 200
"""Versions whose tags one look writes, so that the first of many thousands holds up no alias."""
MOST_FAILURES: Final = 3
_AT_ONCE: Final = (b'"deployment.live"', b'"deployment.rolled_back"')
_SOON: Final = (b'"deployment.', b'"approval.', b'"version.')
"""One of them stands in the body of each entry that concerns MLflow: none need be parsed."""


class KeepMlflow:
    """A follower's step. Without an address it rests."""

    def __init__(
        self,
        warden: Acts,
        *,
        settings: Settings,
        hints: Hints | None = None,
        every_s: float = EVERY_S,
        soonest_s: float = SOONEST_S,
    ) -> None:
        self._warden, self._hints = warden, hints
        self._every_s, self._soonest_s = every_s, soonest_s
        self._url, self._puts_back = settings.mlflow_url, settings.mlflow_put_back
        self._protected = protected_aliases(settings.mlflow_aliases)
        self._looked_at = float("-inf")
        self._stirred = False
        self._counted = 0
        self._unguarded: tuple[str, ...] = ()

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Look at everything at once: whoever led before may have been killed in between."""
        self._looked_at = float("-inf")

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: ARG002
        """Look at once where something went live, and soon where a version moved otherwise."""
        if any(mark in stored.body for stored in batch for mark in _AT_ONCE):
            self._looked_at = float("-inf")
        elif any(mark in stored.body for stored in batch for mark in _SOON):
            self._stirred = True

    def idle(self) -> None:
        """Look, if it is time."""
        now = time.monotonic()
        waited_s = now - self._looked_at
        hints = 0 if self._hints is None else self._hints.count
        is_wanted = self._stirred or hints != self._counted
        if self._url is None or waited_s < (self._soonest_s if is_wanted else self._every_s):
            return
        self._looked_at, self._stirred, self._counted = now, False, hints
        try:
            found = self.look()
        except MlflowFailed as error:
            LOG.warning("MLflow's registry was not compared: %s", error)
        else:
            self._stirred = len(found.tagged) >= MOST_TAGGED

    def look(self) -> MlflowSyncAnswer:
        """Compare all of MLflow's registry with this one, and say what was done. Raises MlflowFailed."""
        if self._url is None:
            raise MlflowNotSetUp("no MLflow is set up here: mlflow.url")
        with MlflowRegistry(self._url, timeout_s=PATIENCE_S) as registry:
            self._look_for_gate(registry)
            models, versions = list(registry.models()), list(registry.versions())
            names = Names(
                self._warden, registry, protected=self._protected, puts_back=self._puts_back
            )
            names.compare(models, versions)
            tags = _Tags(self._warden, registry)
            tags.write(versions)
        return MlflowSyncAnswer(
            moved=tuple(names.moved),
            strayed=tuple(names.strayed),
            tagged=tuple(tags.written),
            failures=(*names.failures, *tags.failures),
            unguarded=self._unguarded,
        )

    def unguarded(self) -> tuple[str, ...]:
        """Return which aliases are protected here, and nobody keeps in MLflow. Raises MlflowFailed."""
        if self._url is None:
            raise MlflowNotSetUp("no MLflow is set up here: mlflow.url")
        with MlflowRegistry(self._url, timeout_s=PATIENCE_S) as registry:
            self._look_for_gate(registry)
        return self._unguarded

    def _look_for_gate(self, registry: MlflowRegistry) -> None:
        """Say so when it is first seen that nobody keeps what is protected; a move is seen by each look."""
        kept = set(registry.gate())
        missing = (a for a, place in self._protected.items() if f"{a}={place}" not in kept)
        before, self._unguarded = self._unguarded, tuple(missing)
        if self._unguarded and self._unguarded != before:
            names = ", ".join(self._unguarded)
            LOG.warning("%s lets anybody move %s: it runs without the gate", registry.url, names)


class _Tags:
    """The tags of one look: only what differs is written, so that nothing is kept of what was."""

    def __init__(self, warden: Acts, registry: MlflowRegistry) -> None:
        self._warden, self._registry = warden, registry
        self.written: list[str] = []
        self.failures: list[str] = []

    def write(self, versions: Sequence[MlflowVersion]) -> None:
        for start in range(0, len(versions), A_PAGE):
            page = versions[start : start + A_PAGE]
            called = {version_name(our_name(v.name), Label(v.version)): v for v in page}
            runs = {name: version.run for name, version in called.items()}
            wanted = self._warden.view(ACTOR, partial(marks, runs=runs))
            for name, tags in wanted.items():
                if len(self.written) >= MOST_TAGGED or len(self.failures) >= MOST_FAILURES:
                    return
                self._write(name, called[name], tags)

    def _write(self, name: str, version: MlflowVersion, tags: Mapping[str, str | None]) -> None:
        changed = {key: text for key, text in tags.items() if version.tags.get(key) != text}
        try:
            for key, text in changed.items():
                self._registry.set_tag(version.name, version.version, key, text)
        except MlflowFailed as error:  # deleted meanwhile, or nobody answers: the next look sees
            LOG.warning("%s keeps its tags in MLflow: %s", name, error)
            self.failures.append(f"{name}: {error}")
            return
        if changed:
            self.written.append(name)
