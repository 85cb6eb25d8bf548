"""A company behind a real server whose clock is the test's: time passes, and what looks at it looks, when a story says.

alice builds, owns, and may approve; bob and carol approve; dave and erin operate; frank audits; root administers, and
ruth too: whoever asks for something gave no approver the role.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from modelwarden.api.app import create_app
from modelwarden.guard.fallback import Default
from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.guard.held import Clocks
from modelwarden.ledger.keys import SigningKey
from modelwarden.reactions.rollouts import KeepRollouts
from modelwarden.safeguards.by_version import queries
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import LOST
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.access.company import HeldClock
from tests.api.town import served
from tests.guard.hosts import soon
from tests.safeguards.fleet import guard_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.safeguards.fleet.instance import Instance
    from modelwarden.warden.warden import Warden

PEOPLE: Final = {
    "root": ("admin",),
    "ruth": ("admin",),
    "alice": ("developer", "approver"),
    "dave": ("operator",),
    "erin": ("operator",),
    "frank": ("auditor",),
    "bob": ("analyst",),
    "carol": ("analyst",),
}
DECIDERS: Final = {"alice": "ed25519", "bob": "ed25519", "carol": "p256"}
POLICY: Final = """\
schema: modelwarden.policy/v1
name: gradual
approvals: {{humans: 2, signature: personal{external}}}
environments: {{staging: {{approvals: {{humans: 1}}, rollout: {{strategy: direct, steps: [{{traffic: 100}}]}}}}}}
rollout: {{strategy: canary, steps: [{{traffic: 5, bake: PT1M}}, {{traffic: 50, bake: PT1M}}, {{traffic: 100}}]}}
rollback_when: {{any: [{{metric: error_rate, above_baseline: 0.05, for: PT1M, min_samples: 200}}]}}
"""
BY_HAND: Final = frozenset({"rollouts", "github", "servicenow"})
"""Followers that look each so many seconds: a story says when."""
WHY: Final = "a third approver, so that an owner may be one of them"
SYSTEM: Final = system("test")
KEYS: Final = count()


class Model:
    """A version that works until it is told not to."""

    def __init__(self, answer: float) -> None:
        self.answer, self.is_broken = answer, False

    def __call__(self, customer: str) -> float:
        if self.is_broken:
            raise RuntimeError(customer)
        return self.answer


class Office:
    """The company, its server and its people's credentials."""

    def __init__(
        self, warden: Warden, clock: HeldClock, folder: Path, url: str, stack: ExitStack
    ) -> None:
        self.warden, self.clock, self.folder, self.url, self.stack = (
            warden, clock, folder, url, stack,
        )  # fmt: skip
        self.keys: dict[str, SigningKey] = {}
        self.tokens: dict[str, str] = {}
        self.guards = 0
        for follower in warden.followers:
            if follower.name in BY_HAND:
                follower.close()
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
            self.tokens[name] = warden.acting_as(name).tokens.create().secret or ""

    def govern(self, external: str = "") -> None:
        """Put the policy in force over the model, while root may still do so alone; then let people approve."""
        root = self.warden.acting_as("root")
        text = POLICY.format(external=f", external: {external}" if external else "")
        root.policies.publish(text)
        root.policies.assign("gradual", model="churn")
        self.warden.acting_as("ruth").roles.grant("bob", "approver")
        for name, kind in DECIDERS.items():
            key = SigningKey.generate(kind)
            root.keys.confirm(self.warden.acting_as(name).keys.enrol(key).id)
            (self.folder / f"{name}.pem").write_bytes(key.to_pem(None))
            self.keys[name] = key
        grant = {"user": "carol", "role": "approver", "scope": {}}
        asked = root.approvals.request_access("role.grant", payload=grant, justification=WHY)
        for name in ("alice", "bob"):
            self.warden.acting_as(name).approvals.approve(asked.id, key=self.keys[name])
        root.roles.grant("carol", "approver")

    def key_file(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def artifact(self, label: str) -> Path:
        path = self.folder / f"{label}.bin"
        if not path.exists():
            path.write_bytes(os.urandom(256))
        return path

    def look(self) -> None:
        """Let one evaluation of rollouts happen, and no more."""
        KeepRollouts(self.warden, settings=self.warden.settings).idle()

    def bake(self) -> None:
        """Let a step's time pass, every guard say that it lives, and one evaluation follow."""
        self.clock.advance(seconds=61)
        now = self.clock.now()
        soon(lambda: sum(one.heard_at >= now for one in self.instances()) == self.guards)
        self.look()

    def guarding(self, **versions: Model) -> Guard:
        """Return a guard with versions loaded from what was registered; `_` stands for a dot."""
        token = guard_token(self.warden, owner="root")
        wall = Clocks(wall=lambda: self.clock.now().timestamp())
        guard = Guard(
            self.url, "churn", token=token, state_dir=self.folder / "guard", pace=Pace(report_s=0.1), clocks=wall,
            fallback=[Default(0.0)], init_wait=20.0,
        )  # fmt: skip
        self.stack.callback(guard.close)
        self.guards += 1
        for name, function in versions.items():
            label = name.removeprefix("v").replace("_", ".")
            guard.version(label, function, artifact=self.artifact(label))
        return guard

    def instances(self) -> list[Instance]:
        """Return the guards in production that were heard of lately."""
        since = self.clock.now() - LOST
        read = partial(fleet.instances_heard, since=since, environment="production")
        return list(self.warden.view(SYSTEM, read))

    def heard(self, label: str) -> int:
        """Return how many calls of a version the guards have reported in the last minutes."""
        now = self.clock.now()
        since, until = now - timedelta(minutes=5), now + timedelta(minutes=1)
        found = self.warden.view(
            SYSTEM,
            lambda view: queries.counted(
                view, "churn", "production", labels=[label], since=since, until=until
            ),
        )
        return sum(one.added.calls for one in found)


def routed(guard: Guard, label: str) -> int | None:
    """Return the percentage of calls that a guard's route gives to a version beside the one that is live."""
    snapshot = guard._parts.holder.held.snapshot
    route = None if snapshot is None else snapshot.route
    return None if route is None else dict(route.shares).get(label, 0) // 100


def spread(predict: Callable[..., Any], calls: int) -> dict[str, int]:
    """Call for so many different customers; return how many each version answered for."""
    found: dict[str, int] = {}
    for _ in range(calls):
        version = predict(customer=f"customer-{next(KEYS)}").version
        found[version] = found.get(version, 0) + 1
    return found


@contextmanager
def office(folder: Path, **settings: Any) -> Iterator[Office]:  # noqa: ANN401  # any setting
    """Open the company, and serve it on loopback."""
    clock = HeldClock(datetime.now(UTC).replace(second=0, microsecond=0))
    limits = {"read_rate": 0, "write_rate": 0}
    with ExitStack() as stack:
        warden = stack.enter_context(
            open_warden(tables.fresh(folder), clock=clock, **limits, **settings)
        )
        url = stack.enter_context(served(create_app(warden)))
        yield Office(warden, clock, folder, url, stack.enter_context(ExitStack()))
