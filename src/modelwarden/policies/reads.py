"""The authorised reads of policies, and what governs a release."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import unified_diff
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import yaml

from modelwarden.access.allowed import authorize, readable
from modelwarden.access.groups.queries import find_group
from modelwarden.access.queries import accounts_of, find_actor
from modelwarden.errors import (
    ActorNotFound,
    NotFound,
    PolicyInvalid,
    PolicyNotFound,
    PolicyWeakensParent,
    SettingInvalid,
)
from modelwarden.permissions import Permission
from modelwarden.policies import queries
from modelwarden.policies.built_in import built_in, editions
from modelwarden.policies.document import (
    Draft,
    PolicyDocument,
    draft,
    named_groups,
    named_persons,
    with_persons,
)
from modelwarden.policies.governing import PolicyRef, Requirements, join
from modelwarden.policies.inheriting import joined, unexcused
from modelwarden.policies.policy import PolicyVersion, document_in, split_reference
from modelwarden.policies.predicate import WrongType, holds
from modelwarden.policies.translating import Translated, translate
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model
from modelwarden.registry.use_cases.reads import as_policies_see
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest, PersonId, PolicyName
from modelwarden.values.pages import Listing, Page, cursor_for, listing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from modelwarden.policies.predicate import Condition, Json
    from modelwarden.registry.model import Model
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName

NO_VERSION: Final = 2**31 - 1
MOST_SCOPED: Final = 200
"""How many policies may choose for themselves what they govern: each is weighed at each gate."""
EXPOSED: Final = 2
"""Tiers up to this one have every policy enforced in production (RL-12)."""
PERSON: Final = "per_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """A document that could be published: `hash` is what the request to publish it names."""

    name: PolicyName
    hash: Digest
    document: PolicyDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a configuration file means as a policy.

    Attributes:
        hash: what publishing it would hash.
        beside: the version that the diff starts from: the newest of its name, else what it extends.
        diff: from there to the draft, both resolved, as lines of YAML.
    """

    translated: Translated
    hash: Digest
    beside: str | None
    diff: tuple[str, ...]


def requirements(
    view: View,
    model: ModelName | None,
    environment: Environment,
    *,
    registered: Model | None = None,
) -> Requirements:
    """Return what a release of this model to this environment has to meet (POL-6).

    What is assigned to the model, as a whole and for the environment, holds together; without any, what is assigned
    globally; without that, `default_policy`. Every policy whose `applies_to` is true of the model, or unknown, joins
    them. Asks for no permission: rooms above authorised the model. `registered` is that model, if read before.
    """
    if registered is None and model is not None:
        registered = find_model(view, model)
    known = None if registered is None else as_policies_see(view, registered)
    found = governing(view, model, environment, known=known)
    texts = tuple((version.ref, version.document) for version in found)
    return _joined_texts(texts, environment, enforced=_enforced(environment, known))


def requirements_with(
    view: View, model: Model, environment: Environment, *, drafted: tuple[PolicyRef, PolicyDocument]
) -> Requirements:
    """Return what a release would have to meet if a draft were published: in place of its name, or with the rest."""
    ref, document = drafted
    model = as_policies_see(view, model)
    found = governing(view, model.name, environment, known=model)
    names = _governing(view, model.name, environment)
    pinned = {split_reference(name)[0] for name in names if "@" in name}
    pairs = [(v.ref, v.parsed) for v in found if v.name != ref.name or v.name in pinned]
    named = ref.name in names
    if named or _applies(document.scope, model, environment, now=view.now):
        pairs.append(drafted)
    return join(pairs, environment, enforced=_enforced(environment, model))


def governing(
    view: View, model: ModelName | None, environment: Environment, *, known: Model | None
) -> list[PolicyVersion]:
    """Return the policies that hold together here; asks for no permission."""
    names = _governing(view, model, environment)
    found = {version.name: version for version in (_latest(view, name) for name in names)}
    if known is not None:
        for version in queries.scoped_versions(view, limit=MOST_SCOPED):
            if version.scope is not None and _applies(
                version.scope, known, environment, now=view.now
            ):
                found.setdefault(version.name, version)
    return list(found.values())


@lru_cache(maxsize=256)
def _joined_texts(
    texts: tuple[tuple[PolicyRef, str], ...], environment: Environment, *, enforced: bool
) -> Requirements:
    """Return what these texts ask for together; which ones govern is read anew each time."""
    pairs = [(ref, document_in(text)) for ref, text in texts]
    return join(pairs, environment, enforced=enforced)


def _enforced(environment: Environment, model: Model | None) -> bool:
    exposed = model is not None and model.risk_tier <= EXPOSED
    return exposed and environment is Environment.PRODUCTION


def policy(view: View, reference: str) -> PolicyVersion:
    """Return the latest version of `name`, or the one that `name@version` names. Raises PolicyNotFound."""
    found = find_policy_version(view, reference)
    if found is None or not readable(view, Permission.POLICY_READ):
        raise PolicyNotFound(reference)
    return found


def policies(view: View, page: Page) -> Listing[PolicyVersion]:
    """Return a page of the latest version of each policy, by name, those of the program among them."""
    authorize(view, Permission.POLICY_READ)
    after = page.after or ""
    own = queries.latest_after(view, after, limit=page.limit)
    given = [version for name, version in built_in().items() if name > after]
    both = sorted([*own, *given], key=lambda version: version.name)[: page.limit]
    full = len(both) == page.limit
    return Listing(tuple(both), cursor_for(both[-1].name) if full and both else None)


def policy_versions(view: View, name: str, page: Page) -> Listing[PolicyVersion]:
    """Return a page of a policy's versions, newest first. Raises PolicyNotFound."""
    policy(view, name)
    before = page.after_number or NO_VERSION
    if name in editions():
        found = [each for each in editions()[name] if each.version < before][: page.limit]
    else:
        found = queries.versions_before(view, name, before=before, limit=page.limit)
    return listing(found, page, key=str(found[-1].version) if found else None)


def prepare_policy(text: str) -> Draft:
    """Read a document before the change that publishes it. Raises PolicyInvalid, CheckUnknownType."""
    found = draft(text)
    if found.extends is None:
        found.document()
    return found


def lint(view: View, text: str) -> Lint:
    """Check a document and return what publishing would hash.

    Raises PolicyInvalid, CheckUnknownType, PolicyNotFound, PolicyWeakensParent, ActorNotFound.
    """
    authorize(view, Permission.POLICY_DRAFT)
    document = resolved(view, draft(text))
    return Lint(name=PolicyName(document.name), hash=document.hash, document=document)


def import_policy(
    view: View, text: str, *, name: str | None = None, leave_out: Iterable[str] = ()
) -> Imported:
    """Translate a configuration file of the source documents into a draft, and show it beside what is there (POL-8).

    Nothing is written. Raises NotPermitted, PolicyInvalid, PolicyWeakensParent, ActorNotFound.
    """
    authorize(view, Permission.POLICY_DRAFT)
    found = translate(text, name=name, leave_out=leave_out)
    source = draft(found.text)
    document = resolved(view, source)
    latest = next(iter(queries.latest_versions(view, [document.name])), None)
    before = latest
    if before is None and source.extends is not None:
        before = find_policy_version(view, source.extends)
    return Imported(
        translated=found,
        hash=document.hash,
        beside=None if before is None else before.id,
        diff=document_diff(before, document),
    )


def resolved(view: View, found: Draft) -> PolicyDocument:
    """Return a draft with all that its parent says, and with people named by their random ids (POL-2).

    Raises PolicyInvalid, PolicyNotFound, PolicyWeakensParent, ActorNotFound.
    """
    parent = None if found.extends is None else policy(view, found.extends)
    tree = None
    if parent is not None:
        tree = joined(found.tree, parent.parsed, reference=f"{parent.name}@{parent.version}")
    document = found.document(tree)
    if parent is None and document.overrides:
        raise PolicyInvalid(
            ("overrides: the policy extends none, so there is nothing to override",)
        )
    for group in sorted(named_groups(document)):
        if find_group(view, group) is None:
            raise NotFound("group", group)
    names = named_persons(document)
    if names:
        document = with_persons(document, {name: _person(view, name) for name in names})
    if parent is not None and (weak := unexcused(document, parent.parsed)):
        raise PolicyWeakensParent(tuple(f"{each.path}: {each.words}" for each in weak))
    return document


def find_policy_version(view: View, reference: str) -> PolicyVersion | None:
    """Return the version that a reference names, or None."""
    name, number = split_reference(reference)
    if name in editions():
        of = editions()[name]
        return next((each for each in of if number in {None, each.version}), None)
    if number is not None:
        return queries.find_version(view, name, version=number)
    return next(iter(queries.latest_versions(view, [name])), None)


def document_diff(before: PolicyVersion | None, after: PolicyDocument) -> tuple[str, ...]:
    """Return the unified diff of two resolved documents as YAML."""
    old = [] if before is None else as_yaml(before.document)
    lines = unified_diff(
        old,
        as_yaml(after.text),
        "nothing" if before is None else before.id,
        f"{after.name} (draft)",
        lineterm="",
    )
    return tuple(lines)


def as_yaml(document: str) -> list[str]:
    """Return a resolved document as lines of YAML, keys in order."""
    return yaml.safe_dump(json.loads(document), allow_unicode=True, width=100).splitlines()


def _governing(view: View, model: ModelName | None, environment: Environment) -> list[str]:
    """Return the names of the policies that hold together here."""
    assigned = queries.assignments_for(view, model, environment)
    own = {item.policy for item in assigned if item.model is not None}
    return sorted(own or {item.policy for item in assigned}) or [view.settings.default_policy]


def _applies(
    scope: Condition | None, model: Model, environment: Environment, *, now: datetime
) -> bool:
    """Tell whether a scope holds here, or can't be told; without one a policy governs whatever it is given (POL-6)."""
    if scope is None:
        return True
    try:
        return holds(scope, model_fields(model, environment), now=now) is not False
    except WrongType:
        return True


def model_fields(model: Model, environment: Environment) -> dict[str, Json]:
    """Return what conditions may ask of a model; what is not filled in is absent (`policies.fields`)."""
    known: dict[str, Json] = {
        "environment": environment.value,
        "model.name": model.name,
        "model.type": model.type or None,
        "model.team": model.team or None,
        "model.tags": list(model.tags),
        "model.risk_tier": model.risk_tier,
        "model.registered_at": timestamp(model.registered_at),
        "model.owner_confirmed": model.owner_confirmed,
        "model.purpose_confirmed": model.purpose_confirmed,
    }
    return {field: value for field, value in known.items() if value is not None}


def _latest(view: View, reference: str) -> PolicyVersion:
    found = find_policy_version(view, reference)
    if found is None:
        raise SettingInvalid(f"default_policy names {reference!r}, and there is no such policy")
    return found


def _person(view: View, name: str) -> PersonId:
    if name.startswith(PERSON) and accounts_of(view, PersonId(name)):
        return PersonId(name)
    actor = find_actor(view, name)
    if actor is None or not actor.is_human:
        raise ActorNotFound("user", name)
    return actor.person
