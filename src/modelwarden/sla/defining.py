"""Defining what is measured, and finding it: by its definition, or as what guards of a model count (SL-9)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.access.allowed import authorize, readable
from modelwarden.access.authorize import Resource
from modelwarden.errors import ModelNotFound, SliUnknown
from modelwarden.facts.kinds import Code
from modelwarden.facts.sla import SliDefined
from modelwarden.permissions import Permission
from modelwarden.registry.queries import find_model
from modelwarden.registry.reads import resource_of
from modelwarden.registry.use_cases.queries import find_use_case
from modelwarden.sla import queries
from modelwarden.sla.sli import PRODUCTION, Guarded, ResourceType, Sli, check_name, guarded
from modelwarden.values.ids import ModelName, SliName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.store.change import Change, View


class NewSli(NamedTuple):
    """What is to be measured; fields as in `Sli`."""

    resource_type: ResourceType
    resource: str
    labels: Mapping[str, str]
    thresholds: tuple[str, ...] = ()


def define_sli(change: Change, name: str, new: NewSli) -> Sli:
    """Define what is measured under a name, or define it anew; the same once more changes nothing.

    Raises:
        NotPermitted, ValueInvalid.
        ModelNotFound: it is about a model that the caller can't read.
    """
    before = queries.find_sli(change, check_name(name))
    drafted = Sli(
        name=SliName(name),
        resource_type=new.resource_type,
        resource=new.resource,
        labels=dict(sorted(new.labels.items())),
        thresholds=new.thresholds,
        defined_by=change.actor,
        defined_at=change.now,
        revision=0 if before is None else before.revision,
    )
    for each in (drafted,) if before is None else (before, drafted):
        authorize(change, Permission.SLA_DEFINE, on=resource_of_sli(change, each))
    _check_model(change, drafted)
    if before is not None and before.means(drafted):
        change.unchanged("sli", name)
        return before
    kept = change.save(drafted)
    change.record(
        SliDefined(
            sli=kept.name,
            resource_type=Code(kept.resource_type.value),
            model=kept.model,
            labels=tuple(map(Code, kept.labels)),
            thresholds=tuple(map(Decimal, kept.thresholds)),
        )
    )
    return kept


def _check_model(change: Change, sli: Sli) -> None:
    if sli.resource_type not in {ResourceType.MODEL, ResourceType.VERSION}:
        return
    model = find_model(change, ModelName(str(sli.model)))
    if model is None or not readable(change, Permission.MODEL_READ, on=resource_of(model)):
        raise ModelNotFound(str(sli.model))


def known_sli(view: View, name: str) -> Sli | None:
    """Return what is measured under a name, whoever asks; None where nothing is."""
    guard = guarded(name)
    return queries.find_sli(view, name) if guard is None else _of_guards(view, guard)


def _of_guards(view: View, guard: Guarded) -> Sli | None:
    model = find_model(view, ModelName(guard.model))
    if model is None or (guard.use_case and find_use_case(view, guard.use_case) is None):
        return None
    labels = {"environment": guard.environment}
    return Sli(
        name=guard.name,
        resource_type=ResourceType.MODEL,
        resource=model.name,
        labels=labels if guard.use_case is None else labels | {"use_case": guard.use_case},
        thresholds=(),
        defined_by=model.owner,
        defined_at=model.registered_at,
    )


def resource_of_sli(view: View, sli: Sli) -> Resource:
    """Return what scopes of roles select it by."""
    environment = sli.labels.get("environment", PRODUCTION)
    if sli.resource_type is ResourceType.USE_CASE:
        return Resource(use_case=sli.resource, environment=environment)
    if sli.model is None:
        return Resource(environment=environment)
    model = find_model(view, sli.model)
    if model is None:
        return Resource(model=sli.model, environment=environment)
    # Its owner defines nothing by owning it: whoever is measured must not choose the measure alone (AC-6).
    return replace(resource_of(model, environment), owner=None)


def readable_sli(view: View, name: str) -> Sli:
    """Return what is measured under a name. Raises SliUnknown, also where the caller may not read it (AC-13)."""
    found = known_sli(view, name)
    if found is None or not may_read(view, found):
        raise SliUnknown(name)
    return found


def may_read(view: View, sli: Sli) -> bool:
    """Say whether the caller may see what is measured: whoever may see what it is about, and the use case it is for."""
    of = guarded(sli.name)
    if of is not None and of.use_case is not None:
        case = Resource(use_case=of.use_case)
        if not readable(view, Permission.USE_CASE_READ, on=case):
            return False
    return readable(view, Permission.MODEL_READ, on=resource_of_sli(view, sli))
