"""Switches as flags, asked through the real SDK of OpenFeature."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from modelwarden.integrations.openfeature import SwitchProvider
from tests.guard.hosts import BLOCK_ALL, BLOCK_EU, FALL_EU, from_file, put, soon
from tests.services.snapshot_server import signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openfeature.client import OpenFeatureClient

    from modelwarden.guard.guard import Guard

EU = EvaluationContext("c-1", {"region": "EU "})
US = EvaluationContext("c-1", {"region": "us"})


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    api.clear_providers()


def client_of(*guards: Guard, wait: bool = True) -> OpenFeatureClient:
    provider = SwitchProvider(*guards, look_s=0.01)
    (api.set_provider_and_wait if wait else api.set_provider)(provider)
    return api.get_client()


class Heard:
    """The events that a client hears."""

    def __init__(self, client: OpenFeatureClient) -> None:
        self.events: list[tuple[ProviderEvent, EventDetails]] = []
        for event in ProviderEvent:
            client.add_handler(event, self._hearing(event))

    def _hearing(self, event: ProviderEvent) -> Any:
        return lambda details: self.events.append((event, details))

    def of(self, event: ProviderEvent) -> list[EventDetails]:
        return [details for found, details in self.events if found is event]


def test_a_kill_is_true_for_its_scope_sync_and_async(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        client = client_of(guard)
        for context, killed in ((EU, True), (US, False), (None, True)):
            assert client.get_boolean_value("kill.churn", not killed, context) is killed
            again = client.get_boolean_value_async("kill.churn", not killed, context)
            assert asyncio.run(again) is killed
        found = client.get_boolean_details("kill.churn", False, EU)  # noqa: FBT003 - theirs
        assert (found.reason, found.variant) == (Reason.TARGETING_MATCH, "killed")
        assert found.flag_metadata == {"generation": 1840, "switches": "swi_eu"}
        free = client.get_boolean_details("kill.churn", True, US)  # noqa: FBT003 - theirs
        assert (free.value, free.reason, free.variant) == (False, Reason.DEFAULT, "free")


def test_a_decision_says_more_sync_and_async(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        client = client_of(guard)
        found = client.get_object_details("decision.churn", {}, EU)
        assert found.value == {
            "action": "fallback", "switches": ["swi_fall"], "steps": "chain", "missing": [], "diverts": "",
            "state": "fresh", "generation": 1840,
        }  # fmt: skip
        assert found.variant == "fallback"
        assert asyncio.run(client.get_object_value_async("decision.churn", {}, EU)) == found.value
        assert client.get_boolean_value("kill.churn", False, EU) is True  # noqa: FBT003 - theirs
        missing = client.get_object_value("decision.churn", {})
        assert isinstance(missing, dict)
        assert missing["missing"] == ["region"]
        assert guard.status()["counts"]["blocked"] == 0  # type: ignore[index]


def test_what_is_no_flag_or_of_another_type_is_the_default_and_says_why(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_ALL]}) as guard:
        client = client_of(guard)
        for flag in ("kill.fraud", "churn", "kill.", "kill.churn.x", "other.churn", ""):
            found = client.get_boolean_details(flag, True)  # noqa: FBT003 - theirs
            assert (found.value, found.reason) == (True, Reason.ERROR)
            assert found.error_code is ErrorCode.FLAG_NOT_FOUND
        mistyped = [
            client.get_boolean_details("decision.churn", True),  # noqa: FBT003 - theirs
            client.get_object_details("kill.churn", {}),
            client.get_string_details("kill.churn", "x"),
            client.get_integer_details("kill.churn", 1),
            client.get_float_details("decision.churn", 1.0),
        ]
        assert {one.error_code for one in mistyped} == {ErrorCode.TYPE_MISMATCH}
        absent = client.get_string_details("kill.fraud", "x")
        assert absent.error_code is ErrorCode.FLAG_NOT_FOUND


def test_an_odd_context_does_not_slip_past(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        client = client_of(guard)
        odd: list[Any] = ["", None, True, 1.5, ["us"], {"a": "us"}, datetime.now(UTC), "x" * 5_000]
        for value in odd:
            context = EvaluationContext(None, {"region": value, "model": "fraud"})
            assert client.get_boolean_value("kill.churn", False, context) is True  # noqa: FBT003 - theirs
        unnamed = EvaluationContext(None, {7: "us"})  # type: ignore[dict-item]
        found = client.get_boolean_details("kill.churn", True, unnamed)  # noqa: FBT003 - theirs
        assert (found.value, found.error_code) == (True, ErrorCode.GENERAL)


def test_events_follow_the_snapshot(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "generation": 1}) as guard:
        client = client_of(guard)
        heard = Heard(client)
        soon(lambda: heard.of(ProviderEvent.PROVIDER_READY))
        put(guard, tmp_path, switches=[BLOCK_EU], generation=2)
        soon(lambda: heard.of(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED))
        (changed,) = heard.of(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        assert changed.flags_changed == ["kill.churn", "decision.churn"]
        assert changed.provider_name == "modelwarden"
        assert client.get_boolean_value("kill.churn", False, EU) is True  # noqa: FBT003 - theirs


def test_a_stale_snapshot_is_told_and_still_counts(tmp_path: Path) -> None:
    old = {"switches": [BLOCK_EU], "age_s": 3_600.0}
    with from_file(tmp_path, body=old, max_stale_s=60.0) as guard:
        client = client_of(guard)
        soon(lambda: client.get_provider_status() is ProviderStatus.STALE)
        found = client.get_boolean_details("kill.churn", False, EU)  # noqa: FBT003 - theirs
        assert (found.value, found.reason) == (True, Reason.STALE)
        put(guard, tmp_path, switches=[BLOCK_EU], generation=1841)
        soon(lambda: client.get_provider_status() is ProviderStatus.READY)


def test_without_a_snapshot_it_is_not_ready_until_there_is_one(tmp_path: Path) -> None:
    with from_file(tmp_path, wire=b"") as guard:
        with pytest.raises(ProviderNotReadyError):
            client_of(guard)
        client = api.get_client()
        heard = Heard(client)
        assert client.get_provider_status() is ProviderStatus.ERROR
        found = client.get_boolean_details("kill.churn", True, US)  # noqa: FBT003 - theirs
        assert (found.value, found.error_code) == (True, ErrorCode.PROVIDER_NOT_READY)
        decision = client.get_object_details("decision.churn", {}, US)
        assert decision.error_code is ErrorCode.PROVIDER_NOT_READY
        put_first(guard, tmp_path)
        soon(lambda: client.get_provider_status() is ProviderStatus.READY)
        soon(lambda: heard.of(ProviderEvent.PROVIDER_READY))
        assert client.get_boolean_value("kill.churn", True, US) is False  # noqa: FBT003 - theirs


def put_first(guard: Guard, folder: Path) -> None:
    path = folder / "snapshot.json"
    path.write_bytes(signed(guard.signing_key, switches=[]))  # type: ignore[attr-defined]
    soon(lambda: guard.is_ready)


def test_without_a_snapshot_a_closed_guard_is_killed(tmp_path: Path) -> None:
    with from_file(tmp_path, wire=b"", fail="closed") as guard:
        client = client_of(guard, wait=False)
        soon(lambda: client.get_provider_status() is ProviderStatus.ERROR)
        found = client.get_boolean_details("kill.churn", False, US)  # noqa: FBT003 - theirs
        assert (found.value, found.reason) == (True, Reason.STATIC)
        decision = client.get_object_value("decision.churn", {}, US)
        assert isinstance(decision, dict)
        assert (decision["action"], decision["diverts"]) == ("fallback", "no_snapshot")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning")
def test_a_forked_child_follows_too(tmp_path: Path) -> None:
    with from_file(tmp_path, wire=b"") as guard:
        client = client_of(guard, wait=False)
        soon(lambda: client.get_provider_status() is ProviderStatus.ERROR)
        child = os.fork()
        if not child:
            soon(lambda: client.get_provider_status() is ProviderStatus.READY)
            os._exit(int(client.get_boolean_value("kill.churn", True, US)))  # noqa: FBT003 - theirs
        put_first(guard, tmp_path)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
