"""Erasures and a hold at the same moment, from two processes: there is one order, whichever it is (LG-61)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import AlreadyErased, Conflict, PermitNeeded, PermitSpent
from modelwarden.warden.warden import open_warden
from tests.access.company import Company
from tests.attack.test_erasure import ASKED, WHY, bodies, codes, ident
from tests.store.deeds import files_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORDS = b"what alice has trained in the third quarter"


@pytest.fixture
def two(store_url: str, tmp_path: Path) -> Iterator[tuple[Company, Company]]:
    """Give one company as two processes see it; alice has left."""
    company = Company.at(store_url, tmp_path)
    company.join("alice", "developer", email="alice@example.org")
    company.with_approvers()
    alice = company.acting("alice")
    alice.models.register("churn", business_purpose="predicts which customers leave next month")
    alice.versions.register("churn", "1", description=WORDS.decode())
    company.acting("root").users.deactivate("alice", reason="alice moved to another company")
    company.permitted("root", "person.erase", ASKED)
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=company.clock) as other:
        yield company, Company(other, company.clock, company.keys)
    company.warden.close()


def _at_once(*actions: Callable[[], Any]) -> list[Any]:
    together = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:  # noqa: ANN401  # what the action returns, or its error
        together.wait(30)
        try:
            return action()
        except Exception as error:  # noqa: BLE001  # who lost says why
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def _erase(company: Company, user: str) -> Any:  # noqa: ANN401
    given = {key: value for key, value in ASKED.items() if key != "user"}
    return company.acting("root").audit.erase(user, reason=WHY, **given)


def test_one_permit_erases_once_from_two_processes(two: tuple[Company, Company]) -> None:
    before, alice = bodies(two[0]), ident(two[0], "alice")
    found = _at_once(*(partial(_erase, each, alice) for each in (*two, *two)))
    lost = [each for each in found if isinstance(each, Exception)]
    assert len(lost) == 3
    assert {type(each) for each in lost} <= {AlreadyErased, Conflict, PermitNeeded, PermitSpent}
    assert [fact["basis"] for fact in two[0].facts("person.erased")] == ["objection"]
    assert bodies(two[0])[: len(before)] == before
    assert codes(two[0]) == []


def test_a_hold_placed_at_that_moment_either_keeps_or_comes_too_late(
    two: tuple[Company, Company], tmp_path: Path
) -> None:
    one, other = two
    alice = ident(one, "alice")
    asked, held = _at_once(
        partial(_erase, one, alice),
        partial(other.acting("root").holds.add, reason="proceedings", user=alice),
    )
    assert not isinstance(asked, Exception)
    assert not isinstance(held, Exception)
    order = [body["type"] for body in one.entries()]
    gone = "person.erased" in order
    assert gone == (asked.state == "done")
    assert gone or "hold.placed" in order[: order.index("erasure.queued")]
    assert codes(one) == []
    if gone and one.warden.store.database.dialect == "sqlite":
        other.warden.close()
        one.warden.store.database.overwrite_deleted()
        assert files_with(tmp_path, WORDS) == []
