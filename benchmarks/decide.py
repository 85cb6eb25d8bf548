"""May this person do that, here and now? Beside cedarpy and pycasbin, each in its fastest form.

All three know the same three bindings of one person, each with a scope and an end, and the end of a token; before
anything is timed they have to give the same answers. cedarpy has its policies and entities parsed before, and is asked
a thousand questions in a call; pycasbin looks only at the rules of that person and permission (FastEnforcer).
What is timed is the allowing answer, which is the slowest of ours.
"""

from __future__ import annotations

import json
import timeit
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import casbin
import cedarpy
from casbin.model import FastModel

from benchmarks import table
from benchmarks.clockwork import bests
from benchmarks.row import Row, at_most, times_better
from modelwarden.access.authorize import Resource, decide
from modelwarden.permissions import ROLE_PERMISSIONS, BuiltInRole, Permission
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import ActorId, BindingId, PersonId
from modelwarden.values.principal import ActorKind, Grant, Principal, Via

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workbench import Workbench

NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER: Final = NOW + timedelta(days=30)
TOKEN_ENDS: Final = NOW + timedelta(days=90)
BATCH: Final = 1_000

MODEL: Final = """
[request_definition]
r = person, permission, team, environment, now, token_ends
[policy_definition]
p = person, permission, team, environment, ends
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.person == p.person && r.permission == p.permission && r.team == p.team \
&& r.environment == p.environment && r.now < p.ends && r.now < r.token_ends
"""
POLICY: Final = """
permit(principal == User::"bob", action in [{actions}], resource)
when {{ resource.team == "{team}" && context.environment == "{environment}"
  && context.now < {ends} && context.now < context.token_ends }};
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What Bob wants to do, and when."""

    permission: Permission = Permission.APPROVAL_DECIDE
    team: str = "risk"
    environment: str = "production"
    now: datetime = NOW


@dataclass(frozen=True, slots=True)
class Binding:
    """A role of Bob's, where and until when."""

    role: BuiltInRole
    team: str
    environment: str


ASKED: Final = Question()
ANSWERS: Final = (
    (ASKED, True),
    (replace(ASKED, environment="staging"), True),
    (replace(ASKED, team="growth"), False),
    (replace(ASKED, permission=Permission.ROLE_MANAGE), False),
    (replace(ASKED, now=LATER), False),
    (replace(ASKED, permission=Permission.MODEL_REGISTER, team="growth"), True),
    (replace(ASKED, permission=Permission.MODEL_REGISTER), False),
)
BINDINGS: Final = (
    Binding(BuiltInRole.DEVELOPER, "growth", "production"),
    Binding(BuiltInRole.APPROVER, "risk", "staging"),
    Binding(BuiltInRole.APPROVER, "risk", "production"),
)


def measure(bench: Workbench) -> list[Row]:
    enforcer, rules, entities = _casbin(), _cedar_rules(), _cedar_entities()
    principal = _principal()
    for question, answer in ANSWERS:
        given = (
            decide(principal, question.permission, _resource(question), question.now).allow,
            cedarpy.is_authorized(_cedar_request(question), rules, entities).allowed,
            enforcer.enforce(*_casbin_request(question)),
        )
        assert given == (answer, answer, answer), (question, given)
    several = [_cedar_request(ASKED)] * BATCH
    ours = partial(
        decide, principal, ASKED.permission, _resource(ASKED), ASKED.now
    )  # the call that doors make, without their loading of the resource
    times = 20_000 if bench.quick else 200_000
    runs: dict[str, Callable[[], object]] = {
        "ours": partial(timeit.Timer(ours).timeit, times),
        "batch": partial(cedarpy.is_authorized_batch, several, rules, entities),
        "single": partial(
            timeit.Timer(
                partial(cedarpy.is_authorized, _cedar_request(ASKED), rules, entities)
            ).timeit,
            BATCH,
        ),
        "casbin": partial(
            timeit.Timer(partial(enforcer.enforce, *_casbin_request(ASKED))).timeit, BATCH
        ),
    }
    found = bests(runs, rounds=3 if bench.quick else 9)
    return _rows(
        found["ours"] / times * 1e6,
        *(found[n] / BATCH * 1e6 for n in ("batch", "single", "casbin")),
    )


def _rows(ours: float, batch: float, single: float, enforced: float) -> list[Row]:
    what = "one decision: scope, binding's end, token's end"
    line = partial(Row, what=what, ours=ours, unit="µs")
    return [
        line(target=at_most(1)),
        line(beside="cedarpy, a thousand in a call", peer=batch, target=times_better(30)),
        line(beside="cedarpy, one in a call", peer=single),
        line(beside="pycasbin FastEnforcer", peer=enforced, target=times_better(100)),
    ]


def _principal() -> Principal:
    grants: dict[str, tuple[Grant, ...]] = {}
    for number, binding in enumerate(BINDINGS):
        grant = Grant(
            binding=BindingId(f"bnd_{number}"),
            role=binding.role,
            scope=(("team", binding.team), ("environment", binding.environment)),
            expires_at=LATER,
        )
        for permission in ROLE_PERMISSIONS[binding.role]:
            grants[permission] = (*grants.get(permission, ()), grant)
    return Principal(
        actor=ActorId("act_bob"),
        kind=ActorKind.USER,
        person=PersonId("act_bob"),
        via=Via.TOKEN,
        credential_expires_at=TOKEN_ENDS,
        grants=grants,
    )


def _resource(question: Question) -> Resource:
    return Resource(model="churn", team=question.team, environment=question.environment)


def _casbin() -> casbin.FastEnforcer:
    model = FastModel([0, 1])  # person and permission find the rules to look at
    model.load_model_from_text(MODEL)
    enforcer = casbin.FastEnforcer(model, cache_key_order=[0, 1])
    for binding in BINDINGS:
        for permission in ROLE_PERMISSIONS[binding.role]:
            enforcer.add_policy(
                "bob", permission.value, binding.team, binding.environment, timestamp(LATER)
            )
    return enforcer


def _casbin_request(question: Question) -> tuple[str, ...]:
    return (
        "bob",
        question.permission.value,
        question.team,
        question.environment,
        timestamp(question.now),
        timestamp(TOKEN_ENDS),
    )


def _cedar_rules() -> cedarpy.PolicySet:
    policies = [
        POLICY.format(
            actions=", ".join(f'Action::"{name}"' for name in sorted(ROLE_PERMISSIONS[one.role])),
            team=one.team,
            environment=one.environment,
            ends=int(LATER.timestamp()),
        )
        for one in BINDINGS
    ]
    return cedarpy.PolicySet.from_str("\n".join(policies))


def _cedar_entities() -> cedarpy.Entities:
    models = [
        {"uid": {"type": "Model", "id": team}, "attrs": {"team": team}, "parents": []}
        for team in ("risk", "growth")
    ]
    bob = {"uid": {"type": "User", "id": "bob"}, "attrs": {}, "parents": []}
    return cedarpy.Entities.from_json_str(json.dumps([bob, *models]))


def _cedar_request(question: Question) -> dict[str, object]:
    context = {
        "environment": question.environment,
        "now": int(question.now.timestamp()),
        "token_ends": int(TOKEN_ENDS.timestamp()),
    }
    return {
        "principal": {"type": "User", "id": "bob"},
        "action": {"type": "Action", "id": question.permission.value},
        "resource": {"type": "Model", "id": question.team},
        "context": json.dumps(context),
    }


CLAIM: Final = table.Claim("decide", "Authorisation", measure)

if __name__ == "__main__":
    table.run([CLAIM])
