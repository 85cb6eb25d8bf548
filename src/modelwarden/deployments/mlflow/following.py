"""What a protected alias or stage should name, and what is told of it: we moved it, or somebody did (RL-57).

Nothing here speaks to MLflow: `reactions.mlflow` does, between a read and a change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize
from modelwarden.deployments import queries as deployments
from modelwarden.deployments.mlflow import queries
from modelwarden.deployments.rollout import Origin
from modelwarden.facts.deployments import AliasMoved, AliasReturned, BypassDetected
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.registry.queries import find_model, find_version
from modelwarden.values.ids import Label, version_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.deployments.mlflow.alias import MlflowAlias
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ModelName, VersionName


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A protected alias or stage of a model, and the environment whose live version it names."""

    model: ModelName
    alias: str
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of an alias here: what is live, and what was done about it last."""

    live: Deployment | None
    kept: MlflowAlias

    @property
    def is_due(self) -> bool:
        """Tell whether a deployment of ours went live that has not moved the alias yet (RL-40)."""
        live = self.live
        return live is not None and live.origin is Origin.WARDEN and live.id != self.kept.deployment

    def has_strayed(self, actual: str | None) -> bool:
        """Tell whether MLflow names another version than the one that is live."""
        return actual != (None if self.live is None else self.live.label)


def standing(view: View, place: Place) -> Standing | None:
    """Return how an alias stands; None where the model is not registered here."""
    if find_model(view, place.model) is None:
        return None
    return Standing(
        live=deployments.live(view, place.model, place.environment),
        kept=queries.kept_alias(view, place.model, place.alias),
    )


def may_sync_mlflow(view: View) -> None:
    """Refuse whoever may not have MLflow looked at now: it may register versions. Raises NotPermitted."""
    authorize(view, Permission.MODEL_REGISTER)


def moved(change: Change, place: Place, *, live: Deployment) -> MlflowAlias:
    """Tell that MLflow's alias names what a deployment took live. Told once a deployment."""
    kept = queries.locked_alias(change, place.model, place.alias)
    if kept.deployment == live.id and kept.strayed_to is None:
        change.unchanged("mlflow_alias", kept.name)
        return kept
    found = change.save(replace(kept, deployment=live.id, strayed_to=None))
    change.record(
        AliasMoved(
            deployment=live.id,
            model=place.model,
            version=live.version,
            environment=Code(place.environment),
            alias=Code(place.alias),
        )
    )
    return found


def strayed(
    change: Change, place: Place, *, actual: str | None, reason: str = "alias_moved"
) -> MlflowAlias:
    """Tell that an alias was moved, or taken away, past the gate. Told once for each place it strays to.

    Nothing is told where a deployment came in between: that alias is due, or where it belongs.
    """
    kept = queries.locked_alias(change, place.model, place.alias)
    seen = actual or ""
    now = Standing(live=deployments.live(change, place.model, place.environment), kept=kept)
    if kept.strayed_to == seen or now.is_due or not now.has_strayed(actual):
        change.unchanged("mlflow_alias", kept.name)
        return kept
    found = change.save(replace(kept, strayed_to=seen))
    change.record(
        BypassDetected(
            deployment=None,
            model=place.model,
            version=_registered(change, place.model, actual),
            environment=Code(place.environment),
            reasons=(Code(reason),),
            alias=Code(place.alias),
        )
    )
    return found


def staged(change: Change, place: Place, *, labels: Sequence[str]) -> MlflowAlias:
    """Tell which versions stand in a protected stage and are not live there. Told once for each set of them."""
    kept = queries.locked_alias(change, place.model, place.alias)
    live = deployments.live(change, place.model, place.environment)
    wrong = sorted(set(labels) - ({live.label} if live is not None else set()))
    seen = ",".join(wrong) or None
    if kept.strayed_to == seen:
        change.unchanged("mlflow_alias", kept.name)
        return kept
    found = change.save(replace(kept, strayed_to=seen))
    if not wrong:
        change.record(_came_back(place))
        return found
    change.record(
        BypassDetected(
            deployment=None,
            model=place.model,
            version=_registered(change, place.model, wrong[-1]),
            environment=Code(place.environment),
            reasons=(Code("stage_moved"),),
            alias=Code(place.alias),
        )
    )
    return found


def returned(change: Change, place: Place) -> MlflowAlias:
    """Tell that an alias which had strayed names again what is live."""
    kept = queries.locked_alias(change, place.model, place.alias)
    if kept.strayed_to is None:
        change.unchanged("mlflow_alias", kept.name)
        return kept
    found = change.save(replace(kept, strayed_to=None))
    change.record(_came_back(place))
    return found


def _came_back(place: Place) -> AliasReturned:
    return AliasReturned(
        model=place.model, environment=Code(place.environment), alias=Code(place.alias)
    )


def _registered(view: View, model: ModelName, label: str | None) -> VersionName | None:
    """Return the version of that label; None where MLflow has one that is not registered here."""
    found = None if label is None else find_version(view, version_name(model, Label(label)))
    return None if found is None else found.name
