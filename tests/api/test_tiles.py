"""The static log over HTTP: right bytes, headers to cache by, nothing past the checkpoint, nothing for strangers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.ledger.tile_paths import bundled
from tests.api import town as towns
from tests.sinks import logs

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.town import Town

TILES = "/audit-log/tiles/"
FOR_EVER = "private, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def grown(town: Town) -> Town:
    """Return the town with a few hundred entries, signed."""
    logs.grow(town.warden, 600)
    return town


def _get(town: Town, path: str, *, name: str | None = "erin") -> httpx.Response:
    return town.call(name, "GET", TILES + path)


def test_tiles_and_bundles_last_and_the_checkpoint_does_not(grown: Town) -> None:
    tile, entries, checkpoint = (
        _get(grown, path) for path in ("tile/0/000", "tile/entries/000", "checkpoint")
    )
    assert (tile.status_code, len(tile.content)) == (200, 8_192)
    assert json.loads(bundled(entries.content)[0])["type"] == "ledger.started"
    assert {each.headers["Cache-Control"] for each in (tile, entries)} == {FOR_EVER}
    assert {each.headers["Content-Type"] for each in (tile, entries)} == {
        "application/octet-stream"
    }
    assert checkpoint.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["Cache-Control"] == "private, max-age=2"
    assert unverified_checkpoint(checkpoint.content).size >= 600


def test_narrow_tiles_are_served_for_any_size_up_to_the_newest(grown: Town) -> None:
    whole = _get(grown, "tile/0/001").content
    for width in (1, 44, 255):
        assert _get(grown, f"tile/0/001.p/{width}").content == whole[: 32 * width]
    assert len(_get(grown, "tile/1/000.p/2").content) == 64


def test_older_checkpoints_and_the_key_are_served(grown: Town) -> None:
    size = unverified_checkpoint(_get(grown, "checkpoint").content).size
    assert _get(grown, f"checkpoints/{size}").content == _get(grown, "checkpoint").content
    assert _get(grown, "log.vkey").text.strip() == grown.warden.audit.keys()[0]


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0/099", "tile/0/002.p/255", "tile/1/000", "tile/2/000.p/1", "tile/63/000", "tile/0/0",
        "checkpoints/7", "checkpoints/x", "tile/entries/x999/999", "tile/0/" + "x999/" * 6 + "999",
        "tile/0/%2e%2e/checkpoint",
        "..%2fcheckpoint", "tile%2f0%2f000%00", "x" * 5_000, "log.vkey/", "tile/0/000.p/256", "%F0%9F%92%A9",
    ],
)  # fmt: skip
def test_what_can_not_exist_is_not_there(grown: Town, path: str) -> None:
    answer = _get(grown, path)
    assert answer.status_code in {404, 422}, answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_takes_the_right_to_read_all_of_the_ledger(grown: Town) -> None:
    assert _get(grown, "checkpoint", name=None).status_code == 401
    assert _get(grown, "checkpoint", name="nobody").status_code == 403
    assert _get(grown, "tile/entries/000", name="alice").status_code == 403


def test_a_public_log_is_for_everybody_and_says_so_to_caches(tmp_path: Path) -> None:
    with towns.town(tmp_path, ledger_public_tiles=True) as town:
        town.warden.sign()
        answer = _get(town, "tile/entries/000.p/1", name=None)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert _get(town, "checkpoint", name="nobody").status_code == 200
        assert town.call(None, "GET", "/audit-log/checkpoint").status_code == 401


def test_how_far_sinks_are_is_told_in_figures_and_health(tmp_path: Path) -> None:
    with towns.town(tmp_path, sinks=(f"tiles://{tmp_path}/log?name=mirror",)) as town:
        town.warden.sign()
        for _ in range(500):
            if town.warden.sinks[0].follower.lag() == 0:
                break
            town.warden.sinks[0].follower._closing.wait(0.02)
        told = town.call(None, "GET", "/metrics").text
        lines = [line for line in told.splitlines() if line.startswith("modelwarden_sink_lag")]
        assert [line.partition("{")[0] for line in lines] == [
            "modelwarden_sink_lag_entries",
            "modelwarden_sink_lag_seconds",
        ]
        assert all('{sink="mirror"}' in line for line in lines)
        parts = town.call(None, "GET", "/health").json()["components"]
        assert [part["name"] for part in parts if "mirror" in part["name"]] == ["sink mirror"]
        assert town.call(None, "GET", "/ready").json() == {"status": "ok"}


def test_readiness_names_the_required_sink_that_writes_wait_for(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with towns.town(tmp_path, sinks=(f"worm://{tmp_path}/taken?required=true",)) as town:
        logs.grow(town.warden, 10_100)
        answer = town.call(None, "GET", "/ready")
        assert (answer.status_code, answer.json()) == (
            503,
            {"status": "down", "parts": ["sink worm"]},
        )
