"""Somebody tries to get a prediction past a guard, or to have it believe what nobody signed (SG-4, SG-13, SG-17)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default
from modelwarden.ledger.keys import SigningKey
from tests.guard.hosts import BLOCK_ALL, from_file, guarding, put, soon
from tests.guard.wire import BLOCK_EU
from tests.house.source import SRC
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from pathlib import Path


def predict(features: float, region: str | None = None) -> float:  # noqa: ARG001
    return features


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": "fraud", "generation": 9}, "other_model"),
        ({"environment": "staging", "generation": 9}, "other_environment"),
        ({"generation": 4}, "older"),
        ({"epoch": 0, "generation": 9}, "older"),
        ({"schema": 2, "generation": 9}, "schema_unknown"),
    ],
)
def test_a_signed_snapshot_that_is_not_ours_or_is_older_is_refused(
    fields: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], generation=5)
        with guarding(server, tmp_path) as guard:
            soon(lambda: guard.status()["generation"] == 5)
            server.serve(switches=[], **fields)
            soon(lambda: guard.status()["rejected"] == reason)
            assert guard.protect(predict)(0.4).status is Status.BLOCKED


def test_a_forged_snapshot_is_refused_and_a_body_of_another_too(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], generation=5)
        with guarding(server, tmp_path) as guard:
            soon(lambda: guard.status()["generation"] == 5)
            forger = SigningKey.generate()
            server.keys = [forger.public.pem]
            server.serve(signed(forger, switches=[], generation=6))
            soon(lambda: guard.status()["rejected"] == "no_pinned_key")
            one, other = (
                json.loads(signed(server.key, switches=s, generation=7)) for s in ([BLOCK_ALL], [])
            )
            server.serve(json.dumps({"head": one["head"], "body": other["body"]}).encode())
            soon(lambda: guard.status()["rejected"] == "body_digest")
            assert guard.protect(predict)(0.4).switches == ("swi_all",)


@pytest.mark.parametrize(
    "region",
    [
        "EU",
        " eu ",
        "Eu",
        "\u0415U",
        "\uff25\uff35",
        "",
        " ",
        "e\u200bu",
        None,
        7.5,
        ["eu"],
        object(),
        b"eu",
    ],
)
def test_no_way_of_writing_or_leaving_out_a_region_gets_past_its_block(
    region: object, tmp_path: Path
) -> None:
    others = [
        "\u0415U",
        "\uff25\uff35",
    ]  # other letters, so the name of another region: looks decide nothing
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        guarded: Any = guard.protect(predict)
        found = guarded(0.4, region=region)
        assert found.status is (Status.OK if region in others else Status.BLOCKED)
        assert guarded(0.4, region).status is found.status


def test_a_default_does_not_stand_in_for_a_value_that_is_given_as_missing(tmp_path: Path) -> None:
    def defaults(features: float, region: str | None = "us") -> float:  # noqa: ARG001
        return features

    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        assert guard.protect(defaults)(0.4).status is Status.OK
        assert guard.protect(defaults)(0.4, None).status is Status.BLOCKED
        assert guard.protect(defaults)(0.4, region=None).status is Status.BLOCKED


@pytest.mark.parametrize(
    ("content", "blocked"),
    [
        (b"", {"eu", "us"}),
        (b"  \n", {"eu", "us"}),
        (b"{}", {"eu", "us"}),
        (b'{"region": "eu"}', {"eu"}),
        (b'[{"region": "EU"}, {"region": ["us"]}]', {"eu", "us"}),
        (b'[{"model": "fraud"}]', set()),
        (b'{"model": "churn", "region": "eu"}', {"eu"}),
        (b"[]", set()),
        (
            b'{"region": "eu", "action": "allow"}',
            {"eu"},
        ),  # an unknown dimension matches, and blocks
        (b'{"region": "eu", "action": "observe", "unknown": "pass"}', {"eu"}),
        (b'{"action": "allow"}', {"eu", "us"}),
        (b'[{"scope": {"region": "eu"}, "action": "allow", "held": 0}]', {"eu", "us"}),
        (b'[{"region": 7.5}]', {"eu", "us"}),
        (b"allow", {"eu", "us"}),
        (b"[7]", {"eu", "us"}),
        (b'"eu"', {"eu", "us"}),
        (b"[" * 100_000, {"eu", "us"}),
        (b"\xff\xfe", {"eu", "us"}),
        (b" " * 1_100_000, {"eu", "us"}),
    ],
)
def test_a_stop_file_only_ever_adds_blocks(
    content: bytes, blocked: set[str], tmp_path: Path
) -> None:
    stop_file = tmp_path / "stop.json"
    stop_file.write_bytes(content)
    with from_file(tmp_path, stop_file=stop_file) as guard:
        guarded = guard.protect(predict)
        assert {
            r for r in ("eu", "us") if guarded(0.4, region=r).status is Status.BLOCKED
        } == blocked


def test_a_stop_file_lifts_nothing_that_a_snapshot_blocks_and_ends_with_itself(
    tmp_path: Path,
) -> None:
    stop_file = tmp_path / "stop.json"
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}, stop_file=stop_file) as guard:
        guarded = guard.protect(predict)
        assert guarded(0.4, region="us").value == 0.4
        stop_file.write_bytes(b'{"region": "us"}')
        soon(lambda: guarded(0.4, region="us").status is Status.BLOCKED)
        assert guarded(0.4, region="us").switches == ("local_stop:0",)
        assert guarded(0.4, region="eu").switches == ("swi_eu",)
        assert guard.status()["counts"]["local_stop"] == 1  # type: ignore[index]
        stop_file.unlink()
        soon(lambda: guarded(0.4, region="us").value == 0.4)
        assert guarded(0.4, region="eu").status is Status.BLOCKED
        stop_file.mkdir()  # it is there, and can't be read
        soon(lambda: guarded(0.4, region="us").status is Status.BLOCKED)


def test_a_stop_file_counts_without_any_snapshot_and_for_a_call_on_its_way(tmp_path: Path) -> None:
    stop_file = tmp_path / "stop.json"
    entered, released = threading.Event(), threading.Event()
    found: list[Any] = []

    def long() -> float:
        entered.set()
        assert released.wait(30)
        return 0.4

    with from_file(tmp_path, wire=b"nothing", stop_file=stop_file) as guard:
        assert guard.state == "none"
        thread = threading.Thread(target=lambda: found.append(guard.protect(long)()))
        thread.start()
        assert entered.wait(30)
        stop_file.touch()
        soon(lambda: guard.check().diverts)
        released.set()
        thread.join()
        assert found[0].switches == ("local_stop:0",)


def test_closed_without_a_snapshot_or_with_a_stale_one_answers_by_fallback_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    asked = []

    def counts() -> float:
        asked.append(1)
        return 0.4

    chain = [Default(0.1)]
    with from_file(tmp_path / "one", wire=b"nothing", fail="closed") as guard:
        assert guard.protect(counts)().reasons[0] == "no_snapshot"
        assert guard.protect(counts, fallback=chain)().value == 0.1
    old = SnapshotServer()
    wire = signed(old.key, switches=[BLOCK_EU], fail="closed", age_s=301)
    with from_file(tmp_path / "two", wire=wire, keys=old.key.public.pem) as guard:
        assert guard.state == "stale"
        assert guard.bind(region="us").protect(counts)().reasons[0] == "stale_snapshot"
        stale = guard.bind(region="us").protect(counts, fallback=chain)()
        assert (stale.value, stale.reasons) == (0.1, ("stale_snapshot",))
        blocked = guard.bind(region="eu").protect(counts, fallback=chain)()
        assert (blocked.value, blocked.switches) == (None, ("swi_eu",))
    assert asked == []


def test_a_switch_that_is_released_lets_answers_through_again(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_ALL], "generation": 1}) as guard:
        guarded = guard.protect(predict, returns="value", low=0.0, high=1.0)
        assert guard.check().switches == ("swi_all",)
        put(guard, tmp_path, switches=[], generation=2)
        assert guarded(0.4) == 0.4


def test_a_ramp_still_holds_whoever_shows_no_key(tmp_path: Path) -> None:
    ramped = BLOCK_ALL | {"held": 5_000, "salt": "00" * 16}
    with from_file(tmp_path, body={"switches": [ramped]}) as guard:

        def keyed(customer: object) -> float:  # noqa: ARG001
            return 0.4

        guarded = guard.protect(keyed, key="customer")
        assert guarded(None).status is Status.BLOCKED
        assert guarded("").status is Status.BLOCKED
        assert {guarded(f"c-{n}").status for n in range(60)} == {Status.OK, Status.BLOCKED}


def test_importing_the_guard_loads_the_standard_library_alone() -> None:
    """Besides orjson, which canonical bytes use where it is there; tests/house/test_imports.py does without it."""
    code = (
        f"import sys; sys.path.insert(0, {str(SRC)!r})\n"
        "before = set(sys.modules)\n"
        "import modelwarden; modelwarden.Guard\n"
        "import modelwarden.guard.guard\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(loaded - set(sys.stdlib_module_names) - {'modelwarden', 'orjson'}))\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
