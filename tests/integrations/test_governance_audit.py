"""The decorator: each call is a record, the function stays what it was, and only `required` stands in its way."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import TrailDown
from modelwarden.integrations import governance_audit as module
from modelwarden.integrations.audit_logging import AuditHandler
from modelwarden.integrations.audit_trail import AuditTrail, Limits
from modelwarden.integrations.governance_audit import governance_audit
from tests.integrations.far_end import FarEnd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


@pytest.fixture
def trail(far: FarEnd) -> Iterator[AuditTrail]:
    with AuditTrail(far, component="Tests") as opened:
        yield opened


def told(far: FarEnd, trail: AuditTrail) -> list[dict[str, Any]]:
    trail.flush(20)
    return [dict(one) for one in far.records.values()]


def test_a_call_is_recorded_with_chosen_arguments_alone(far: FarEnd, trail: AuditTrail) -> None:
    @governance_audit(
        "RISK_DECISION", "RiskAgent", "HIGH", record=("symbol", "limit", "book"), user="trader",
        compliance_tags=("MIFID_II",), trail=trail,
    )  # fmt: skip
    def decide(
        symbol: str, secret: str, *, trader: str, limit: float = 0.5, book: object = None
    ) -> str:
        """Decide."""
        return f"{symbol} {secret} {trader} {limit} {book}"

    assert decide("AAPL", "hunter2", trader="t1", book=far).startswith("AAPL hunter2")
    begun, one = told(far, trail)  # HIGH: safe before it ran
    assert begun["details"]["outcome"] == "begun"
    assert (one["event_type"], one["component"], one["severity"]) == (
        "RISK_DECISION",
        "RiskAgent",
        "HIGH",
    )
    assert (one["user_id"], one["compliance_tags"]) == ("t1", ["MIFID_II"])
    assert one["action"].endswith("decide")
    details = one["details"]
    assert details["arguments"] == {"symbol": "AAPL", "limit": 0.5, "book": "<FarEnd>"}
    assert (details["outcome"], details["duration_ms"] >= 0) == ("done", True)
    assert "hunter2" not in str(one)
    assert (decide.__name__, decide.__doc__) == ("decide", "Decide.")
    assert list(inspect.signature(decide).parameters) == [
        "symbol",
        "secret",
        "trader",
        "limit",
        "book",
    ]


def test_an_error_is_recorded_and_raised_again(far: FarEnd, trail: AuditTrail) -> None:
    class Agent:
        @governance_audit("RISK_DECISION", "RiskAgent", trail=trail)
        def decide(self) -> None:
            raise ValueError("the account of Mr Smith")

    with pytest.raises(ValueError, match="Smith"):
        Agent().decide()
    (one,) = told(far, trail)
    assert one["action"].endswith("Agent.decide")
    assert (one["details"]["outcome"], one["details"]["error"]) == ("failed", "ValueError")
    assert "Smith" not in str(one)


def test_async_functions_are_recorded_when_they_are_done(far: FarEnd, trail: AuditTrail) -> None:
    @governance_audit("RISK_DECISION", "RiskAgent", required=True, trail=trail)
    async def decide(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def both() -> list[int]:
        return await asyncio.gather(decide(1), decide(2))

    assert inspect.iscoroutinefunction(decide)
    assert asyncio.run(both()) == [1, 2]
    outcomes = sorted(one["details"]["outcome"] for one in told(far, trail))
    assert outcomes == ["begun", "begun", "done", "done"]


def test_a_cancelled_call_is_recorded(far: FarEnd, trail: AuditTrail) -> None:
    @governance_audit("RISK_DECISION", "RiskAgent", trail=trail)
    async def wait() -> None:
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert told(far, trail)[0]["details"]["error"] == "CancelledError"


def test_a_trail_that_is_down_breaks_no_call(caplog: pytest.LogCaptureFixture) -> None:
    trail = AuditTrail(FarEnd(away=True), limits=Limits(size=1, block_s=0.0))

    @governance_audit("RISK_DECISION", "RiskAgent", trail=trail)
    def decide() -> int:
        return 7

    assert [decide() for _ in range(5)] == [7] * 5
    trail.close(0.1)
    assert decide() == 7
    assert "could not be recorded" in caplog.text


def test_required_fails_closed_before_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUIRED_S", 0.3)
    far = FarEnd(away=True)
    called: list[int] = []
    trail = AuditTrail(far)

    @governance_audit("RISK_DECISION", "RiskAgent", required=True, trail=trail)
    def decide() -> None:
        called.append(1)

    with pytest.raises(TrailDown):
        decide()
    assert called == []
    far.come_back()
    decide()
    trail.close()
    assert called == [1]
    assert [one["details"]["outcome"] for one in far.records.values()] == ["begun", "begun", "done"]


def test_required_without_any_trail_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELWARDEN_URL", raising=False)

    @governance_audit("RISK_DECISION", "RiskAgent", required=True)
    def decide() -> int:
        return 1

    @governance_audit("RISK_DECISION", "RiskAgent")
    def hint() -> int:
        return 1

    with pytest.raises(TrailDown):
        decide()
    assert hint() == 1


def test_what_is_no_plain_function_is_refused_when_it_is_decorated(trail: AuditTrail) -> None:
    decorate = governance_audit("X", "Y", trail=trail)

    for thing in (staticmethod(told), int, print):
        with pytest.raises(TypeError):
            decorate(thing)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no argument 'nothing'"):
        governance_audit("X", "Y", record=("nothing",), trail=trail)(lambda: None)


@pytest.mark.parametrize("severity", ["HIGH", "CRITICAL"])
def test_grave_calls_do_not_run_unrecorded(monkeypatch: pytest.MonkeyPatch, severity: str) -> None:
    monkeypatch.setattr(module, "REQUIRED_S", 0.2)
    ran: list[str] = []
    trail = AuditTrail(FarEnd(away=True))
    grave = governance_audit("RISK_DECISION", "RiskAgent", severity, trail=trail)

    @grave
    def plain() -> None:
        ran.append("plain")

    @grave
    async def awaited() -> None:
        ran.append("awaited")

    @grave
    def generator() -> Iterator[int]:
        ran.append("generator")
        yield 1

    @grave
    async def stream() -> AsyncIterator[int]:
        ran.append("stream")
        yield 1

    @governance_audit("RISK_DECISION", "RiskAgent", severity, required=False, trail=trail)
    def told_otherwise() -> None:
        ran.append("told otherwise")

    async def first() -> int:
        return await anext(stream())

    for run in (plain, lambda: asyncio.run(awaited()), lambda: next(generator()),
                lambda: asyncio.run(first())):  # fmt: skip
        with pytest.raises(TrailDown):
            run()
    assert ran == []
    told_otherwise()
    assert ran == ["told otherwise"]
    trail.close(0.1)


def test_generators_are_recorded_when_they_end(far: FarEnd, trail: AuditTrail) -> None:
    @governance_audit("X", "Y", record=("n",), trail=trail)
    def counts(n: int) -> Iterator[int]:
        yield from range(n)
        if n > 2:
            raise ValueError(n)

    @governance_audit("X", "Y", record=("n",), trail=trail)
    async def streams(n: int) -> AsyncIterator[int]:
        for each in range(n):
            yield each

    async def whole(n: int) -> list[int]:
        return [each async for each in streams(n)]

    assert list(counts(2)) == [0, 1]
    assert asyncio.run(whole(2)) == [0, 1]
    left = counts(2)
    assert next(left) == 0
    left.close()
    with pytest.raises(ValueError, match="3"):
        list(counts(3))
    outcomes = [one["details"]["outcome"] for one in told(far, trail)]
    assert outcomes == ["done", "done", "done", "failed"]


def test_wrong_arguments_fail_as_they_would_without_us(trail: AuditTrail) -> None:
    @governance_audit("X", "Y", record=("one",), trail=trail)
    def f(one: int) -> int:
        return one

    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        f()  # type: ignore[call-arg]


def test_logging_is_recorded_with_its_own_words(far: FarEnd, trail: AuditTrail) -> None:
    logger = logging.getLogger("risk.engine")
    handler = AuditHandler(trail)
    logger.addHandler(handler)
    try:
        logger.error("limit of %s exceeded", "AAPL")
        try:
            {}["x"]
        except KeyError:
            logger.exception("no price")
        logger.warning("blocked", extra={"audit": {"event_type": "RISK_DECISION", "user_id": "t1"}})
        logger.debug("not at this level")
        logging.getLogger("modelwarden.anything").addHandler(handler)
        logging.getLogger("modelwarden.anything").error("its own words go elsewhere")
    finally:
        logger.removeHandler(handler)
        logging.getLogger("modelwarden.anything").removeHandler(handler)
    first, second, third = told(far, trail)
    assert (first["component"], first["event_type"], first["severity"]) == (
        "risk.engine",
        "LOG",
        "HIGH",
    )
    assert first["details"]["message"] == "limit of AAPL exceeded"
    assert first["action"] == "test_logging_is_recorded_with_its_own_words"
    assert second["details"]["error"] == "KeyError"
    assert (third["event_type"], third["user_id"], third["severity"]) == (
        "RISK_DECISION",
        "t1",
        "WARNING",
    )


def test_a_required_log_line_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    trail = AuditTrail(FarEnd())
    trail.close()
    logger = logging.getLogger("risk.required")
    handler = AuditHandler(trail, required=True)
    logger.addHandler(handler)
    try:
        with pytest.raises(TrailDown):
            logger.error("never said")
        handler._required = False
        monkeypatch.setattr(logging, "raiseExceptions", False)
        logger.error("said elsewhere")
    finally:
        logger.removeHandler(handler)
