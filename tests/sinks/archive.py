"""Following a ledger into a bucket without waiting, and what has to hold of a bucket after whatever happened."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from modelwarden.access.actor import Role
from modelwarden.facts.access import RoleDefined
from modelwarden.facts.kinds import Code
from modelwarden.ledger.entry import parse_line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.s3 import S3Sink, open_copy
from modelwarden.sinks.s3_bucket import open_bucket
from modelwarden.sinks.segment import plan_of
from modelwarden.sinks.verifying import Asked, verify_copy
from modelwarden.store.follower import Follower
from modelwarden.values.ids import RoleName
from tests.store.deeds import ME, define

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.ledger.result import Problem, Result
    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden


def write(warden: Warden, count: int, *, name: str = "role") -> None:
    """Record so many entries, and sign them."""
    futures = [warden.submit(ME, define(f"{name}.{n}")) for n in range(count)]
    for future in futures:
        future.result(30)
    warden.sign()


def sink(warden: Warden, address: str) -> S3Sink:
    """Return a sink that writes whatever waits as soon as it is idle."""
    parsed = parse_address(address)
    plan = replace(plan_of(parsed), seconds=0)
    return S3Sink(open_bucket(parsed), plan, warden.store, parsed.name)


def follower(warden: Warden, address: str) -> Follower:
    """Return a follower that was not started."""
    name = follower_name(parse_address(address).name)
    return Follower(name, warden.store, sink(warden, address))


def follow(warden: Warden, address: str) -> Follower:
    """Carry all entries that are there to the bucket, and save the position."""
    warden.sign()
    found = follower(warden, address)
    while found.follow_once():
        pass
    found._idled_at = 0.0  # as if a second had passed
    found.follow_once()
    found._save(force=True)
    return found


def numbers(address: str, first: int = 0) -> list[int]:
    """Return the numbers of the entries that lie in the bucket, as they are read."""
    with closing(open_copy(parse_address(address), origin=None)) as copy:
        return [parse_line(data).stored.seq for data in copy.lines(first)]


def problems(address: str, first: int = 0) -> list[tuple[str, int]]:
    """Return code and entry of what is wrong with how the bucket is kept."""
    return [(problem.code, problem.seq) for problem in full_problems(address, first)]


def full_problems(address: str, first: int = 0) -> list[Problem]:
    """Return what is wrong with how the bucket is kept."""
    with closing(open_copy(parse_address(address), origin=None)) as copy:
        for _ in copy.notes():
            pass
        for _ in copy.lines(first):
            pass
        return list(copy.problems())


def verified(warden: Warden, address: str) -> Result:
    """Verify the bucket by itself, against the ledger's key and its newest checkpoint."""
    key = warden.store.around.keyring.log_key.vkey
    note = warden.audit.checkpoint().note.encode()
    return verify_copy(address, Asked(trusted=(key,), remembered=(note,)))


def write_large(warden: Warden, count: int) -> None:
    """Record entries of nearly the largest size."""
    codes = tuple(Code(f"large.{n:04d}") for n in range(2_000))

    def define_many(change: Change) -> None:
        role = change.save(Role(name=change.new_id("role"), permissions=()))
        change.record(RoleDefined(role=RoleName(role.name), permissions=codes, includes=()))

    futures = [warden.submit(ME, define_many) for _ in range(count)]
    for future in futures:
        future.result(30)
    warden.sign()


def happens(told: Callable[[], bool]) -> bool:
    """Wait until something is so."""
    for _ in range(1_200):
        if told():
            return True
        threading.Event().wait(0.05)
    return False


def caught_up(warden: Warden) -> bool:
    """Wait until every sink holds everything."""
    return happens(lambda: all(each.follower.lag() == 0 for each in warden.sinks))
