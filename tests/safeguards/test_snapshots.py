"""What snapshots hold: the same bytes for the same state, whoever builds; and which entry changed them last."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.access import snapshot_keys as access
from modelwarden.errors import NotPermitted, SettingInvalid, SnapshotTooLarge
from modelwarden.guard.snapshot import Floor, PinnedKeys
from modelwarden.guard.wire import HEAD_TYPE, MAX_BODY_BYTES
from modelwarden.ledger.dsse import verify
from modelwarden.ledger.keys import PublicKey, SigningKey
from modelwarden.safeguards.snapshots.body import Contents, Registered, Topic, signed
from modelwarden.safeguards.snapshots.building import Builder, Built
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.safeguards.fleet import taken

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.store.change import View
    from modelwarden.warden.warden import Warden
    from tests.safeguards.desk import Desk

CHURN, FRAUD = Topic("production", "churn"), Topic("production", "fraud")
SYSTEM = system("test")
SHA = "ab" * 32


def built(warden: Warden, *topics: Topic, by: Builder | None = None) -> list[Built]:
    """Build as a process does that sees the database for the first time, unless a builder is given."""
    builder = by or Builder()

    def build(view: View) -> list[Built]:
        builder.changed(view, topics)
        return builder.build(view, topics).bodies

    return warden.view(SYSTEM, build)


def says(found: Built) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(found.body)
    return value


def newest(desk: Desk) -> int:
    return int(desk.warden.audit.search(limit=1).items[0].seq)


def test_a_snapshot_holds_what_may_match_and_no_reason_and_no_name(desk: Desk) -> None:
    mine = desk.stop(model="churn", region="eu")
    typed = desk.stop(model_type="classifier")
    desk.stop(model="fraud")
    (found,) = built(desk.warden, CHURN)
    body = says(found)
    assert [each["id"] for each in body["switches"]] == [mine.id, typed.id]
    assert body["model_type"] == "classifier"
    assert b"PSI" not in found.body
    assert b"dave" not in found.body


def test_the_generation_is_the_entry_that_last_changed_this_snapshot(desk: Desk) -> None:
    before = built(desk.warden, CHURN)[0].at.generation
    switch = desk.stop(severity="SEV3", model="churn")
    activated = newest(desk)
    assert built(desk.warden, CHURN)[0].at == Floor(1, activated)
    assert activated > before
    desk.stop(model="fraud")
    desk.asked(switch.id)
    assert built(desk.warden, CHURN)[0].at == Floor(1, activated)
    with desk.passing():
        desk.confirm(switch.id, "erin")
    assert built(desk.warden, CHURN)[0].at == Floor(1, newest(desk))
    assert says(built(desk.warden, CHURN)[0])["switches"] == []


def test_a_switch_for_all_models_raises_every_generation_and_one_for_a_type_those_of_it(
    desk: Desk,
) -> None:
    desk.stop(model_type="classifier")
    by_type = newest(desk)
    churn, fraud = built(desk.warden, CHURN, FRAUD)
    assert churn.at.generation == by_type > fraud.at.generation
    desk.stop(region="eu")
    both = {each.at.generation for each in built(desk.warden, CHURN, FRAUD)}
    assert both == {newest(desk)}


def test_only_what_a_snapshot_says_of_its_model_changes_the_generation(desk: Desk) -> None:
    olivia = desk.acting("olivia")
    before = built(desk.warden, CHURN)[0].at
    olivia.models.update("churn", team="growth")
    olivia.versions.register("churn", "2.0.0")
    assert built(desk.warden, CHURN)[0].at == before
    olivia.models.update("churn", type="ranker")
    assert built(desk.warden, CHURN)[0].at.generation == newest(desk)
    assert says(built(desk.warden, CHURN)[0])["model_type"] == "ranker"


def test_versions_stand_there_with_their_digest_until_they_are_retired(
    desk: Desk, tmp_path: Path
) -> None:
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(b"weights")
    olivia = desk.acting("olivia")
    olivia.versions.register("churn", "3.0.0", artifact=str(artifact))
    digest = sha256(b"weights").hexdigest()
    (found,) = built(desk.warden, CHURN)
    assert found.at.generation == newest(desk)
    assert says(found)["versions"] == [
        {"label": "3.0.0", "sha256": digest, "baseline": False, "outputs": None}
    ]
    desk.acting("dave").versions.retire("churn", "3.0.0", reason="superseded by a later one")
    (found,) = built(desk.warden, CHURN)
    assert (found.at.generation, says(found)["versions"]) == (newest(desk), [])


def test_whoever_built_before_and_whoever_begins_now_build_the_same_bytes(desk: Desk) -> None:
    old = Builder()
    topics = (CHURN, FRAUD, Topic("staging", "churn"), Topic("production", "unknown"))
    switches = []
    for scope in (
        {"model": "churn"}, {"model_type": "ranker"}, {"region": "eu"},
        {"model": ["churn", "fraud"], "segment": {"not_in": ["vip"]}}, {"model": {"prefix": "fr"}},
    ):  # fmt: skip
        switches.append(desk.stop(severity="SEV4", **scope).id)
        assert built(desk.warden, *topics, by=old) == built(desk.warden, *topics)
    for switch in switches[::2]:
        with desk.passing():
            desk.asked(switch)
            assert built(desk.warden, *topics, by=old) == built(desk.warden, *topics)
            desk.confirm(switch, "erin")
        assert built(desk.warden, *topics, by=old) == built(desk.warden, *topics)


def test_a_builder_finds_which_snapshots_an_entry_touches(desk: Desk) -> None:
    builder = Builder()
    built(desk.warden, CHURN, FRAUD, by=builder)

    def changed() -> list[Topic]:
        return desk.warden.view(SYSTEM, lambda view: builder.changed(view, [CHURN, FRAUD]))

    assert changed() == []
    desk.stop(model="churn", region="eu")
    assert changed() == [CHURN]
    assert changed() == []
    desk.stop(region="us")
    assert changed() == [CHURN, FRAUD]
    desk.stop(model_type="ranker")
    assert changed() == [FRAUD]
    desk.acting("ulla").models.update("fraud", team="risk")
    assert changed() == [FRAUD]


def test_a_guard_accepts_what_is_signed_and_the_head_says_when_it_was_checked(desk: Desk) -> None:
    desk.stop(model="churn")
    (found,) = built(desk.warden, CHURN)
    key, now = SigningKey.generate(), desk.clock.now()
    first = signed(*found, key=key, now=now)
    held = taken(first.whole, PinnedKeys((key.public,)))
    assert (held.head.at, held.head.checked_at) == (found.at, now)
    assert held.head.body_sha256 == first.body_sha256
    later = signed(*found, key=key, now=now + timedelta(seconds=30))
    assert later.body == first.body
    assert later.head_only != first.head_only
    assert base64.b64encode(found.body) in first.whole
    assert base64.b64encode(found.body) not in first.head_only
    assert HEAD_TYPE.encode() in first.head_only


def test_a_body_that_no_guard_would_take_is_refused_here() -> None:
    many = [Registered(f"{number}.0.0", SHA) for number in range(40_000)]
    contents = Contents(
        topic=CHURN,
        at=Floor(1, 1),
        model_type=None,
        fails="static",
        dimensions=(),
        switches=(),
        versions=many,
    )
    with pytest.raises(SnapshotTooLarge, match="4 MiB"):
        contents.encoded()
    assert MAX_BODY_BYTES == 4 * 1024 * 1024


def test_how_guards_fail_and_what_scopes_may_name_come_from_the_settings(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    with open_warden(url, guard_fail="closed", switch_dimensions=("tier", "desk")) as warden:
        body = says(built(warden, CHURN)[0])
    assert (body["fail"], body["dimensions"]) == ("closed", ["desk", "tier"])
    with pytest.raises(SettingInvalid, match="guard_fail"):
        open_warden(url, guard_fail="open")


def test_the_key_is_made_once_and_the_ledger_tells_of_it(desk: Desk) -> None:
    first = desk.warden.change(SYSTEM, access.make_snapshot_key)
    size = newest(desk)
    assert desk.warden.change(SYSTEM, access.make_snapshot_key) == first
    assert newest(desk) == size
    told = desk.warden.audit.search(type="snapshot.key_rotated").items
    assert [each.entry["fact"] for each in told] == [{"new": first.public}]
    with pytest.raises(NotPermitted):
        desk.warden.change(desk.acting("root").switches._bound.principal, access.make_snapshot_key)


def test_an_old_key_signs_who_follows_it_and_a_revoked_one_vouches_for_nobody(desk: Desk) -> None:
    first = desk.warden.change(SYSTEM, access.make_snapshot_key)
    root = desk.acting("root")
    second = root.server_keys.rotate("snapshot")
    third = root.server_keys.rotate("snapshot")
    found = desk.warden.view(SYSTEM, access.snapshot_keys)
    assert [key.public for key in found.keys][-1] == third.public
    publics = [first.public, second.public, third.public]
    pairs = pairwise(publics)
    for envelope, (old, new) in zip(found.handovers, pairs, strict=True):
        verify(envelope, PublicKey.from_spki(base64.b64decode(old)))
        assert json.loads(envelope.payload) == {"schema": 1, "old": old, "new": new}
    now = desk.clock.now()
    root.server_keys.revoke("snapshot", first.id, since=now)
    left = desk.warden.view(SYSTEM, access.snapshot_keys)
    assert [key.public for key in left.keys] == publics[1:]
    assert [json.loads(each.payload)["old"] for each in left.handovers] == [second.public]
    assert desk.warden.audit.verify().ok
