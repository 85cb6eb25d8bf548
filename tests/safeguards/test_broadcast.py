"""Who listens gets what changed, built once: within a process, and from one process to another."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modelwarden.access import snapshot_keys
from modelwarden.errors import KeyUnusable, NoPinnedKey
from modelwarden.guard.snapshot import Floor, PinnedKeys
from modelwarden.ledger.dsse import verify
from modelwarden.ledger.keys import PublicKey
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden
from tests.audit.sample import sign
from tests.faults.test_restore_from_copy import House, export
from tests.safeguards.fleet import taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.safeguards.snapshots.body import Snapshot
    from tests.safeguards.desk import Desk

CHURN, FRAUD = Topic("production", "churn"), Topic("production", "fraud")
SYSTEM = system("test")
PATIENCE_S = 30


class Ear:
    """Listens to one topic, and keeps what came."""

    def __init__(self, warden: Warden, topic: Topic = CHURN) -> None:
        self.heard: list[Snapshot] = []
        self.heads: list[Snapshot] = []
        self._came = threading.Condition()
        self.leave = warden.snapshots.listen(topic, self._receive)

    def _receive(self, snapshot: Snapshot, /, *, is_new: bool) -> None:
        with self._came:
            (self.heard if is_new else self.heads).append(snapshot)
            self._came.notify_all()

    def until(self, wanted: Callable[[Snapshot], bool]) -> Snapshot:
        """Wait for a snapshot like this, and return the newest one either way."""
        with self._came:
            self._came.wait_for(
                lambda: bool(self.heard) and wanted(self.heard[-1]), timeout=PATIENCE_S
            )
            return self.heard[-1]


def key_of(warden: Warden, which: int = -1) -> PublicKey:
    found = warden.view(SYSTEM, snapshot_keys.snapshot_keys).keys[which]
    return PublicKey.from_spki(base64.b64decode(found.public))


def stopped(warden: Warden, **scope: object) -> int:
    """Stop something and return the number of the entry."""
    warden.acting_as("dave").switches.activate(
        scope or {"model": "churn", "segment": str(time.monotonic_ns())}, reason="PSI 0.61"
    )
    return int(warden.audit.search(type="switch.activated", limit=1).items[0].seq)


def test_a_snapshot_is_built_once_and_all_who_listen_get_the_same(desk: Desk) -> None:
    ears = [Ear(desk.warden) for _ in range(3)]
    other = Ear(desk.warden, FRAUD)
    other.until(lambda _: True)
    with desk.passing():
        seq = stopped(desk.warden)
    found = [ear.until(lambda s: s.at.generation == seq) for ear in ears]
    assert {snapshot.at for snapshot in found} == {Floor(1, seq)}
    assert found[0] is found[1] is found[2]
    assert len(other.heard) == 1
    late = Ear(desk.warden)
    assert late.heard == [found[0]]


def test_who_left_hears_no_more_and_nothing_is_kept_for_nobody(desk: Desk) -> None:
    ear, stays = Ear(desk.warden), Ear(desk.warden)
    ear.until(lambda _: True)
    ear.leave()
    seq = stopped(desk.warden)
    assert stays.until(lambda s: s.at.generation == seq).at.generation == seq
    assert ear.heard[-1].at.generation < seq
    stays.leave()
    assert desk.warden.snapshots.held(CHURN) is None


def test_a_key_that_takes_over_is_pushed_and_the_old_one_vouches_for_it(desk: Desk) -> None:
    ear = Ear(desk.warden)
    first = ear.until(lambda _: True)
    old = key_of(desk.warden)
    taken(first.whole, PinnedKeys((old,)))
    desk.acting("root").server_keys.rotate("snapshot")
    new = key_of(desk.warden)
    second = ear.until(lambda s: s.keyid == new.keyid)
    assert second.body == first.body
    with pytest.raises(NoPinnedKey):
        taken(second.whole, PinnedKeys((old,)))
    (handover,) = desk.warden.view(SYSTEM, snapshot_keys.snapshot_keys).handovers
    verify(handover, old)
    assert base64.b64encode(new.spki) in handover.payload
    assert taken(second.whole, PinnedKeys((new,))).head.at == first.at


def test_without_the_keys_file_stops_are_made_and_snapshots_come_once_it_is_back(
    desk: Desk, tmp_path: Path
) -> None:
    ear = Ear(desk.warden)
    before = ear.until(lambda _: True)
    (file,) = tmp_path.rglob("snapshot.*.pem")
    kept = file.read_bytes()
    file.unlink()
    seq = stopped(desk.warden)
    ends = time.monotonic() + PATIENCE_S
    while desk.warden.snapshots.failing is None and time.monotonic() < ends:
        time.sleep(0.01)
    assert isinstance(desk.warden.snapshots.failing, KeyUnusable)
    assert ear.heard == [before]
    file.touch(0o600)
    file.write_bytes(kept)
    assert ear.until(lambda s: s.at.generation == seq).at.generation == seq


def test_another_process_on_the_same_database_is_heard_of(desk: Desk) -> None:
    """As `kill activate` on a database URL, with the server up (SG-14)."""
    ear = Ear(desk.warden)
    ear.until(lambda _: True)
    with Warden(replace(desk.warden.settings)) as other:
        seq = stopped(other)
        theirs = Ear(other)
        assert theirs.until(lambda _: True).at.generation == seq
    found = ear.until(lambda s: s.at.generation == seq)
    assert found.at.generation == seq
    assert found.body == theirs.heard[-1].body


def test_two_processes_on_one_database_push_the_same_bytes(store_url: str, tmp_path: Path) -> None:
    from tests.safeguards.desk import Desk as Desks  # noqa: PLC0415

    desk = Desks.opened(store_url, tmp_path)
    with desk.warden, Warden(replace(desk.warden.settings)) as other:
        ears = [Ear(desk.warden), Ear(other)]
        for ear in ears:
            ear.until(lambda _: True)
        for warden in (desk.warden, other, desk.warden):
            seq = stopped(warden)
            found = [ear.until(lambda s, seq=seq: s.at.generation == seq) for ear in ears]  # type: ignore[misc]
            assert [each.at for each in found] == [Floor(1, seq)] * 2
            assert found[0].body == found[1].body
            assert found[0].keyid == found[1].keyid


def test_a_restored_backup_begins_a_higher_epoch_under_the_same_key(tmp_path: Path) -> None:
    """The key was made after the backup: the ledger tells of it."""
    house = House(tmp_path)
    with house.opened() as warden:
        before = Ear(warden).until(lambda _: True)
        pinned = PinnedKeys((key_of(warden),))
        held = taken(before.whole, pinned)
        sign(warden)
        export(warden, house.folder / "today")
    house.lose()
    house.restore(house.folder / "today")
    with house.opened() as warden:
        after = Ear(warden).until(lambda _: True)
        assert (after.at.epoch, before.at.epoch) == (2, 1)
        assert taken(after.whole, pinned, floor=held.head.at).head.at > held.head.at


def test_a_model_whose_snapshot_is_too_large_holds_up_no_other(desk: Desk) -> None:
    """Nor is what its guards hold confirmed any longer: it is no longer true."""
    churn, fraud = Ear(desk.warden), Ear(desk.warden, FRAUD)
    before = churn.until(lambda _: True)
    fraud.until(lambda _: True)
    values = [f"{number:03}-" + "s" * 190 for number in range(1_000)]
    regions = (f"r{number}" for number in range(30))
    for region in regions:
        stopped(desk.warden, model="churn", segment=values, region=region)
    seq = stopped(desk.warden, model="fraud")
    assert fraud.until(lambda s: s.at.generation == seq).at.generation == seq
    assert desk.warden.snapshots.held(CHURN) is None
    assert before.at.generation < churn.heard[-1].at.generation < seq
