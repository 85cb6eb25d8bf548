"""The schema of a policy document, strict, and the rules that hold inside one document (POL-1, POL-5, POL-9). Pure."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from modelwarden.errors import CheckUnknownType, PolicyInvalid
from modelwarden.policies.check import Check
from modelwarden.policies.check_shapes import AnyCheck, CheckChange  # noqa: TC001  # read at run time by the shapes
from modelwarden.policies.condition import Invalid, condition
from modelwarden.policies.duration import duration
from modelwarden.policies.evaluate import TYPES
from modelwarden.policies.fields import OF_MODEL, OF_VERSION
from modelwarden.policies.leave import AutoApproval, Waivers  # noqa: TC001  # read at run time
from modelwarden.policies.reading import Source, place, read
from modelwarden.policies.rollout import RollbackWhen, Rollout
from modelwarden.policies.seats import BARRED, VOIDING, Approvals
from modelwarden.policies.severity_shapes import Severities  # noqa: TC001  # read at run time
from modelwarden.policies.shape import Name, Reason, Shape
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import NAME, Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelwarden.policies.check_shapes import Assured
    from modelwarden.policies.fields import Sort
    from modelwarden.policies.predicate import Condition
    from modelwarden.values.ids import PersonId

SCHEMA: Final = "modelwarden.policy/v1"
BUILT_IN: Final = "builtin/"
POLICY_NAME: Final = re.compile(rf"({BUILT_IN})?{NAME.pattern}")
MOST_CHECKS: Final = 100
NOT_YET: Final = frozenset({"audit", "frameworks", "monitoring"})
"""Keys of the format that this release can't enforce."""


class Place(Shape):
    """What an environment replaces; the rest is as at the top level (POL-9)."""

    approvals: Approvals | None = None
    rollout: Rollout | None = None
    rollback_when: RollbackWhen | None = None
    checks: dict[Name, CheckChange] | None = None


class Environments(Shape):
    """The environments that differ from production."""

    staging: Place = Place()


class Override(Shape):
    """Leave to be weaker than the parent in one place, with the reason that every reader sees (POL-4)."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    reason: Reason


class PolicyDocument(Shape):
    """A whole policy. The top level holds for production.

    What newer releases add is None where it is not said, so that a document keeps the hash it was published under.
    """

    schema_: Annotated[Literal["modelwarden.policy/v1"], Field(alias="schema")]
    name: Annotated[str, StringConstraints(pattern=rf"^{POLICY_NAME.pattern}$")]
    extends: str | None = None
    owner: Name | None = None
    applies_to: dict[str, Any] | None = None
    approvals: Approvals
    checks: Annotated[tuple[AnyCheck, ...], Field(max_length=MOST_CHECKS)] = ()
    rollout: Rollout = Rollout()
    rollback_when: RollbackWhen | None = None
    enforcement: Literal["observe", "warn", "block"] = "block"
    severity: Severities | None = None
    waivers: Waivers | None = None
    auto_approval: AutoApproval | None = None
    environments: Environments = Environments()
    overrides: Annotated[tuple[Override, ...], Field(max_length=MOST_CHECKS)] | None = None

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if self.approvals.humans < 1:
            raise ValueError("production needs at least one human (POL-5)")
        staging = self.environments.staging.rollout
        if staging is not None and staging.needs.staging is not None:
            raise ValueError("staging can't wait for staging")
        ids = [check.id for check in self.checks]
        if len(set(ids)) != len(ids):
            raise ValueError("two checks have one id")
        if unknown := sorted(set(self.environments.staging.checks or {}) - set(ids)):
            raise ValueError(f"environments.staging.checks names {unknown[0]}: no such check")
        if self.auto_approval is not None:
            _check_auto(self.auto_approval, self.approvals, ids)
        return self

    @property
    def scope(self) -> Condition | None:
        """Return the condition that says which models it governs unasked (POL-6), or None."""
        if self.applies_to is None:
            return None
        return condition(self.applies_to, fields=OF_MODEL, exists=True)

    def checks_in(self, environment: Environment, *, policy: str) -> tuple[Check, ...]:
        """Return the checks as they hold in an environment, for a policy known as `name@version`."""
        changes = self.environments.staging.checks or {}
        staged = environment is Environment.STAGING
        return tuple(
            _as_check(each, changes.get(each.id) if staged else None, self.enforcement, policy)
            for each in self.checks
        )

    def approvals_in(self, environment: Environment) -> Approvals:
        """Return the approvals that an environment asks for."""
        if environment is Environment.PRODUCTION:
            return self.approvals
        return self.environments.staging.approvals or self.approvals

    def rollout_in(self, environment: Environment) -> Rollout:
        """Return how a version goes live there."""
        if environment is Environment.PRODUCTION:
            return self.rollout
        return self.environments.staging.rollout or self.rollout.without_needs()

    def rollback_when_in(self, environment: Environment) -> RollbackWhen | None:
        """Return what takes a rollout back there."""
        if environment is Environment.PRODUCTION:
            return self.rollback_when
        return self.environments.staging.rollback_when or self.rollback_when

    @property
    def text(self) -> str:
        """Return the resolved document as canonical JSON: defaults written out (POL-2)."""
        whole = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        for part in _approvals_of(whole):
            part["barred"] = sorted({*BARRED, *part["barred"]})
            part["void_on"] = sorted({*VOIDING, *part["void_on"]})
        return encode_any(whole).decode()

    @property
    def hash(self) -> Digest:
        """Return the SHA-256 of the resolved document, which approvals and deployments name."""
        return Digest(sha256(self.text.encode()).hexdigest())


def _check_auto(auto: AutoApproval, approvals: Approvals, ids: list[str]) -> None:
    """Raise ValueError where a seat is filled that is none, or on checks that are none."""
    if not any(seat.role == auto.seat for seat in approvals.seats):
        raise ValueError(f"auto_approval.seat: no seat of its own is for role {auto.seat}")
    if unknown := sorted({each.check for each in auto.when.all} - set(ids)):
        raise ValueError(f"auto_approval.when names {unknown[0]}: no such check")


class Draft:
    """A document as it was read, before the policy that it extends is known."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tree = _known(source)

    @property
    def extends(self) -> str | None:
        """Return the reference of its parent, if it has one. Raises PolicyInvalid."""
        parent = self.tree.get("extends")
        if parent is not None and not isinstance(parent, str):
            self.source.blame(("extends",), "a policy by `name` or `name@version`")
            raise PolicyInvalid(tuple(self.source.problems))
        return parent

    def document(self, tree: Mapping[str, Any] | None = None) -> PolicyDocument:
        """Return the document, or the one that joining it with its parent gave. Raises PolicyInvalid."""
        if tree is None and self.extends is not None:
            self.source.blame(("extends",), "its parent is not known here")
        return _validated(self.tree if tree is None else tree, self.source)


def draft(text: str) -> Draft:
    """Read a document from YAML or JSON. Raises PolicyInvalid, CheckUnknownType."""
    found = Draft(read(text))
    _refuse_unknown_types(found)
    return found


def parse(text: str) -> PolicyDocument:
    """Read a policy that extends none. Raises PolicyInvalid with every problem, CheckUnknownType."""
    return draft(text).document()


def restored(text: str) -> PolicyDocument:
    """Return a document that was stored as `PolicyDocument.text`."""
    return PolicyDocument.model_validate_json(text)


def named_persons(document: PolicyDocument) -> frozenset[str]:
    """Return the handles and ids by which seats name people."""
    staging = document.environments.staging.approvals
    parts = (document.approvals, staging, document.waivers)
    seats = (seat for part in parts if part is not None for seat in part.seats)
    return frozenset(choice.person for seat in seats for choice in seat.choices if choice.person)


def named_groups(document: PolicyDocument) -> frozenset[str]:
    """Return the groups that seats name."""
    staging = document.environments.staging.approvals
    parts = (document.approvals,) if staging is None else (document.approvals, staging)
    seats = (seat for part in parts for seat in part.seats)
    return frozenset(choice.group for seat in seats for choice in seat.choices if choice.group)


def with_persons(document: PolicyDocument, persons: Mapping[str, PersonId]) -> PolicyDocument:
    """Return the document with people named by their random ids, since handles are personal data (LG-60).

    Raises PolicyInvalid when two names turn out to be one person's.
    """
    tree = json.loads(document.text)
    for part in (*_approvals_of(tree), tree.get("waivers", {})):
        for seat in part.get("seats", ()):
            for choice in (seat, *seat.get("of", ())):
                if "person" in choice:
                    choice["person"] = persons[choice["person"]]
    return _validated(tree, Source())


def _validated(tree: Mapping[str, Any], source: Source) -> PolicyDocument:
    for path, given, fields in _conditions(tree):
        _blame_condition(source, path, given, fields)
    try:
        document = PolicyDocument.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        _blame_shape(source, (), error)
        raise PolicyInvalid(tuple(source.problems)) from error
    _check_staging(document, source)
    if source.problems:
        raise PolicyInvalid(tuple(source.problems))
    return document


def _check_staging(document: PolicyDocument, source: Source) -> None:
    """Note what is wrong with checks as staging replaces them."""
    for shape in document.checks:
        change = (document.environments.staging.checks or {}).get(shape.id)
        place = ("environments", "staging", "checks", shape.id)
        try:
            check = _as_check(shape, change, document.enforcement, document.name)
        except ValidationError as error:
            _blame_shape(source, place, error)
        else:
            if change is not None and check.type == "field":
                where = (*place, "params", "where")
                _blame_condition(source, where, check.params["where"], OF_VERSION)


def _blame_shape(source: Source, at: tuple[str | int, ...], error: ValidationError) -> None:
    for problem in error.errors(include_url=False, include_context=False):
        path = (*at, *_untagged(problem["loc"]))
        source.blame(path, _message(problem["type"], problem["msg"]))


def _blame_condition(
    source: Source, path: tuple[str | int, ...], given: object, fields: Mapping[str, Sort]
) -> None:
    try:
        condition(given, fields=fields, exists=fields is OF_MODEL)
    except Invalid as error:
        for problem in error.problems:
            source.blame((*path, *problem.path), problem.words)


def _untagged(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the path of a problem without the check's type, which the shapes put in."""
    return (*path[:2], *path[3:]) if path[:1] == ("checks",) else path


def _conditions(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], object, Any]]:
    """Return every condition in a document, with its path and what it may ask."""
    if "applies_to" in tree:
        yield ("applies_to",), tree["applies_to"], OF_MODEL
    checks = tree.get("checks")
    for number, check in enumerate(checks if isinstance(checks, list) else ()):
        if isinstance(check, dict) and check.get("type") == "field":
            params = check.get("params")
            if isinstance(params, dict) and "where" in params:
                yield ("checks", number, "params", "where"), params["where"], OF_VERSION


def _as_check(shape: AnyCheck, change: CheckChange | None, enforcement: str, policy: str) -> Check:
    """Return a check as it holds, with what an environment replaces in it. Raises ValidationError."""
    if change is not None and change.skip is None:
        given = change.model_dump(mode="json", exclude_none=True)
        before = shape.model_dump(mode="json", exclude_none=True)
        params = {**before.get("params", {}), **given.get("params", {})}
        shape = type(shape).model_validate_json(json.dumps({**before, **given, "params": params}))
    age: str | None = getattr(shape, "max_age", None)
    assurance: Assured | None = getattr(shape, "assurance", None)
    return Check(
        policy=policy,
        id=shape.id,
        type=shape.type,
        params=shape.params.model_dump(mode="json", exclude_none=True),
        severity=shape.severity,
        on_unknown=shape.on_unknown or shape.severity,
        max_age=None if age is None else duration(age),
        witness=assurance is not None,
        skip=None if change is None else change.skip,
        enforcement=enforcement,
    )


def _known(source: Source) -> dict[str, Any]:
    if not isinstance(source.tree, dict):
        raise PolicyInvalid(("line 1: a policy is a mapping of keys to values",))
    for key in sorted(NOT_YET & source.tree.keys()):
        source.blame((key,), "this release can't enforce it; leave it out")
    return {key: item for key, item in source.tree.items() if key not in NOT_YET}


def _refuse_unknown_types(found: Draft) -> None:
    checks = found.tree.get("checks")
    unknown = [
        f"{place(('checks', number, 'type'), found.source.lines)}: {check['type']!s:.64}"
        for number, check in enumerate(checks if isinstance(checks, list) else ())
        # One without a type is its parent's, or a problem of another kind.
        if isinstance(check, dict) and "type" in check and str(check["type"]) not in TYPES
    ]
    if unknown:
        raise CheckUnknownType(
            f"no such check type: {'; '.join(unknown)}; there are {', '.join(sorted(TYPES))}"
        )


def _message(kind: str, words: str) -> str:
    if kind == "extra_forbidden":
        return "an unknown key, or one that this release can't enforce"
    return words.removeprefix("Value error, ")


def _approvals_of(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a resolved document that hold approvals, as they stand in its JSON."""
    staging = tree["environments"]["staging"]
    return [tree["approvals"], *([staging["approvals"]] if "approvals" in staging else [])]
