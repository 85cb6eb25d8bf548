"""One look at the names by which MLflow calls what is live: aliases, stages, models that are gone (RL-40, RL-57).

State is compared, not events: a crash between MLflow's answer and our commit sets the same alias once more.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.deployments.mlflow import following, queries
from modelwarden.deployments.mlflow.alias import STAGE, alias_name
from modelwarden.deployments.mlflow.following import Place
from modelwarden.deployments.mlflow.naming import our_name
from modelwarden.errors import MlflowFailed
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.deployments.mlflow.alias import MlflowAlias
    from modelwarden.deployments.mlflow.following import Standing
    from modelwarden.deployments.mlflow.registry import MlflowModel, MlflowRegistry, MlflowVersion
    from modelwarden.reactions.acts import Acts
    from modelwarden.values.ids import ModelName

A_PAGE: Final = 500
OUT_OF_STAGES: Final = "None"
LOG: Final = logging.getLogger("modelwarden.mlflow")
ACTOR: Final = system("mlflow")


class _Seen(NamedTuple):
    """An alias as MLflow has it: `name` is what MLflow calls the model, `actual` the version it names."""

    name: str
    place: Place
    actual: str | None
    has_live: bool
    """Whether MLflow still has the version that is live here."""


class Names:
    """What one look found and did; one alias's failure keeps no other from its own."""

    def __init__(
        self,
        warden: Acts,
        registry: MlflowRegistry,
        *,
        protected: Mapping[str, Environment],
        puts_back: bool,
    ) -> None:
        self._warden, self._registry = warden, registry
        self._protected, self._puts_back = protected, puts_back
        self.moved: list[str] = []
        self.strayed: list[str] = []
        self.failures: list[str] = []

    def compare(self, models: Sequence[MlflowModel], versions: Sequence[MlflowVersion]) -> None:
        """Compare every model of MLflow that is registered here, and those that were there before.

        Raises MlflowFailed where MLflow does not list its models again.
        """
        kept = self._kept()
        labels: dict[str, set[str]] = defaultdict(set)
        for each in versions:
            labels[each.name].add(each.version)
        for model in models:
            for alias, environment in self._protected.items():
                place = Place(model=our_name(model.name), alias=alias, environment=environment)
                found = self._standing(place)
                if found is not None:
                    seen = _Seen(
                        model.name,
                        place,
                        model.aliases.get(alias),
                        found.live is None or found.live.label in labels[model.name],
                    )
                    self._tried(place, partial(self._settle, seen, found))
        self._compare_stages(versions, kept)
        self._find_gone({our_name(model.name) for model in models}, kept)

    def _kept(self) -> dict[str, MlflowAlias]:
        found: dict[str, MlflowAlias] = {}
        after: str | None = ""
        while after is not None:
            page = self._warden.view(
                ACTOR, partial(queries.kept_aliases, after=after, limit=A_PAGE)
            )
            found |= {each.name: each for each in page}
            after = page[-1].name if len(page) == A_PAGE else None
        return found

    def _standing(self, place: Place) -> Standing | None:
        return self._warden.view(ACTOR, partial(following.standing, place=place))

    def _tried(self, place: Place, act: Callable[[], None]) -> None:
        try:
            act()
        except MlflowFailed as error:
            name = alias_name(place.model, place.alias)
            LOG.warning("%s stays where it is: %s", name, error)
            self.failures.append(f"{name}: {error}")

    def _settle(self, seen: _Seen, found: Standing) -> None:
        """Do the one thing that an alias needs."""
        if found.is_due:
            self._move(seen, found)
        elif found.has_strayed(seen.actual):
            self._stray(seen, found)
        elif found.kept.strayed_to is not None:
            self._warden.change(ACTOR, partial(following.returned, place=seen.place))

    def _move(self, seen: _Seen, found: Standing) -> None:
        live = found.live
        if live is None:
            return
        if seen.actual != live.label:
            self._registry.set_alias(seen.name, seen.place.alias, live.label)
        self._warden.change(ACTOR, partial(following.moved, place=seen.place, live=live))
        self.moved.append(found.kept.name)

    def _stray(self, seen: _Seen, found: Standing) -> None:
        """Tell of it once; with `mlflow.put_back`, where something is live, put it back each time.

        The list was read before our own rows: what it says is asked again, lest our own move looks like a stranger's.
        """
        place = seen.place
        actual = self._registry.version_at(seen.name, place.alias)
        if not found.has_strayed(actual):
            return
        if found.kept.strayed_to != (actual or ""):
            reason = "alias_moved" if seen.has_live else "version_gone"
            tell = partial(following.strayed, place=place, actual=actual, reason=reason)
            self._warden.change(ACTOR, tell)
        if self._puts_back and found.live is not None and seen.has_live:
            self._registry.set_alias(seen.name, place.alias, found.live.label)
            self._warden.change(ACTOR, partial(following.returned, place=place))
            self.moved.append(found.kept.name)
        else:
            self.strayed.append(found.kept.name)

    def _compare_stages(
        self, versions: Sequence[MlflowVersion], kept: Mapping[str, MlflowAlias]
    ) -> None:
        """Compare who stands in MLflow's stages with what is live there."""
        standing: dict[Place, list[MlflowVersion]] = defaultdict(list)
        for row in kept.values():
            if row.strayed_to is not None and row.alias.startswith(STAGE):
                standing[_stage(row.model, Environment(row.alias.removeprefix(STAGE)))] = []
        for each in versions:
            if (word := each.stage.lower()) in set(Environment):
                standing[_stage(our_name(each.name), Environment(word))].append(each)
        for place, there in standing.items():
            found = self._standing(place)
            if found is not None:
                self._tried(place, partial(self._settle_stage, place, found, there))

    def _settle_stage(self, place: Place, found: Standing, there: Sequence[MlflowVersion]) -> None:
        live = None if found.live is None else found.live.label
        wrong = [each for each in there if each.version != live]
        seen = ",".join(sorted({each.version for each in wrong})) or None
        if seen != found.kept.strayed_to:
            labels = [each.version for each in wrong]
            self._warden.change(ACTOR, partial(following.staged, place=place, labels=labels))
        if not wrong:
            return
        if not self._puts_back:
            self.strayed.append(found.kept.name)
            return
        for each in wrong:
            self._registry.set_stage(each.name, each.version, OUT_OF_STAGES)
        self._warden.change(ACTOR, partial(following.staged, place=place, labels=()))
        self.moved.append(found.kept.name)

    def _find_gone(self, there: set[ModelName], kept: Mapping[str, MlflowAlias]) -> None:
        """Tell of models that are live here and gone from MLflow, deleted or renamed."""
        missing = [
            row for row in kept.values() if row.deployment is not None and row.model not in there
        ]
        if missing:  # the pages of a list are not read at one moment: what is gone is gone twice
            there |= {our_name(model.name) for model in self._registry.models()}
        for row in missing:
            environment = self._protected.get(row.alias)
            if row.model in there or environment is None:
                continue
            place = Place(model=row.model, alias=row.alias, environment=environment)
            found = self._standing(place)
            if found is None or not found.has_strayed(None):
                continue
            if found.kept.strayed_to is None:
                tell = partial(following.strayed, place=place, actual=None, reason="model_gone")
                self._warden.change(ACTOR, tell)
            self.strayed.append(row.name)


def _stage(model: ModelName, environment: Environment) -> Place:
    return Place(model=model, alias=f"{STAGE}{environment}", environment=environment)
