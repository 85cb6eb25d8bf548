"""A canary on a real server, whose guard parts live traffic: step by step, and back by itself (RL-35, RL-37)."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

import modelwarden
from modelwarden.errors import GateRefused, NotInProgress
from modelwarden.values.clock import moment
from modelwarden.warden.warden import open_warden
from tests.services.own_server import running, serving
from tests.store.deeds import verified
from tests.stories.rollout_company import founded, guarding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.client.remote import Remote
    from modelwarden.guard.guard import Guard

CALLS = 10_000
PATIENCE_S = 120.0
BY_HAND = """\
rollout:
  strategy: canary
  advance: manual
  steps: [{traffic: 5, bake: PT1S}, {traffic: 25, bake: PT1S}, {traffic: 50, bake: PT1S}, {traffic: 100}]
rollback_when:
  any: [{metric: error_rate, above_baseline: 0.05, for: PT10S, min_samples: 200}]
"""
BY_ITSELF = """\
rollout: {strategy: canary, steps: [{traffic: 5, bake: PT20S}, {traffic: 100}]}
"""
KEYS: Iterator[int] = count()


class Candidate:
    """A version that works until it is told not to."""

    def __init__(self) -> None:
        self.is_broken = False

    def __call__(self, customer: str) -> float:
        if self.is_broken:
            raise RuntimeError(customer)
        return 0.9


def unversioned(customer: str) -> float:
    """Answer as no version does: a route never comes here."""
    return float(len(customer))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.matrix)])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a database of its own, for servers that may read the models."""
    monkeypatch.setenv("MODELWARDEN_ARTIFACT_ROOTS", str(tmp_path / "models"))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/warden.db"
    return str(request.getfixturevalue("postgres_url")())


def share_of(predict: Callable[..., Any], label: str) -> float:
    """Return the percentage of so many calls by different customers that a version answered."""
    found = 0
    for _ in range(CALLS):
        found += predict(customer=f"customer-{next(KEYS)}").version == label
    return 100 * found / CALLS


def routed(guard: Guard) -> int | None:
    """Return the percentage that the guard's route gives to the candidate."""
    snapshot = guard._parts.holder.held.snapshot
    route = None if snapshot is None else snapshot.route
    return None if route is None else dict(route.shares).get("1.1.0", 0) // 100


def later(holds: Callable[[], object]) -> None:
    """Wait until something holds that takes a look of the server's every ten seconds, or several."""
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.1)


@pytest.mark.services
@pytest.mark.timeout(400)
def test_a_canary_parts_live_traffic_and_goes_back_by_itself_when_it_fails(
    url: str, tmp_path: Path
) -> None:
    tokens = founded(url, tmp_path, BY_HAND)
    candidate = Candidate()
    with ExitStack() as stack:
        address = stack.enter_context(serving(url, tmp_path))
        dave = stack.enter_context(modelwarden.connect(address, token=tokens["dave"]))
        guard = guarding(
            address, tokens["guards"], tmp_path, v1_0_0=lambda **_: 0.1, v1_1_0=candidate
        )
        stack.callback(guard.close)
        predict = guard.protect(unversioned, key="customer")
        later(lambda: dave.guards.list(model="churn").items)
        assert share_of(predict, "1.0.0") == 100
        begun = dave.deployments.start("churn", "1.1.0")
        for step in (5, 25, 50):
            later(lambda step=step: routed(guard) == step)
            assert share_of(predict, "1.1.0") == pytest.approx(step, abs=2)
            if step < 50:
                later(lambda: not dave.deployments.show(begun.id).waits)
                assert dave.deployments.advance(begun.id).traffic > step
        candidate.is_broken = True
        _goes_back(dave, guard, predict, begun.id)


def _goes_back(dave: Remote, guard: Guard, predict: Callable[..., Any], begun: str) -> None:
    def ended() -> bool:
        for _ in range(200):
            predict(customer=f"customer-{next(KEYS)}")
        return dave.deployments.show(begun).state == "rolled_back"

    later(ended)
    later(lambda: routed(guard) == 0)
    assert share_of(predict, "1.0.0") == 100
    (told,) = dave.audit.search(type="rollout.rolled_back").items
    assert told.entry["actor"]["id"] == "system:rollback"
    assert (told.entry["fact"]["restored"], told.entry["fact"]["traffic"]) == ("churn@1.0.0", 50)
    assert dave.deployments.live("churn").version == "1.0.0"
    assert dave.versions.show("churn", "1.1.0").status == "rolled_back"
    with pytest.raises(NotInProgress):
        dave.deployments.advance(begun)
    with pytest.raises(GateRefused) as denied:
        dave.deployments.start("churn", "1.1.0")
    assert denied.value.reasons == ("rolled_back_since",)


@pytest.mark.services
@pytest.mark.timeout(400)
def test_a_server_that_is_killed_in_mid_bake_goes_on_by_the_times_that_it_kept(
    url: str, tmp_path: Path
) -> None:
    tokens = founded(url, tmp_path, BY_ITSELF)
    with ExitStack() as stack:
        with running(url, tmp_path) as (address, process):
            guard = guarding(
                address, tokens["guards"], tmp_path,
                v1_0_0=lambda **_: 0.1, v1_1_0=lambda **_: 0.9,
            )  # fmt: skip
            stack.callback(guard.close)
            predict = guard.protect(unversioned, key="customer")
            with modelwarden.connect(address, token=tokens["dave"]) as dave:
                later(lambda: dave.guards.list(model="churn").items)
                begun = dave.deployments.start("churn", "1.1.0")
                later(lambda: routed(guard) == 5)
                begun = dave.deployments.show(begun.id)
                assert begun.next_at is not None
            process.kill()
            process.wait()
            assert share_of(predict, "1.1.0") == pytest.approx(5, abs=2)
        address = stack.enter_context(serving(url, tmp_path, address=address))
        dave = stack.enter_context(modelwarden.connect(address, token=tokens["dave"]))
        assert dave.deployments.show(begun.id).next_at == begun.next_at
        later(lambda: dave.deployments.show(begun.id).state == "live")
        later(lambda: share_of(predict, "1.1.0") == 100)
        (step,) = dave.audit.search(type="step.advanced").items
        live = dave.audit.search(type="deployment.live").items[0]
        baked = moment(live.entry["at"]) - moment(step.entry["at"])
        assert baked >= timedelta(seconds=20)
        assert live.entry["actor"]["id"] == "system:rollout"
    with open_warden(url, keys_folder=tmp_path / "keys") as warden:
        assert verified(warden, state=True).problems == ()
