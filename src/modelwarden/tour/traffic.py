"""Traffic of two regions for the scoring server: the later arrests, well or with one feature that went wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from modelwarden.tour.scene import Remembered

if TYPE_CHECKING:
    from modelwarden.tour.arrests import Arrest
    from modelwarden.tour.scene import Scene
    from modelwarden.tour.telling import Telling

EAST: Final = "east"
WEST: Final = "west"
REGIONS: Final = (EAST, WEST, WEST)
"""By turns: a third of the traffic is the east's. The data know no regions; these are made up."""
MONTHS: Final = 12
ASKED: Final = {EAST: 0, WEST: 1}
"""A case of each region, which is asked about again."""
ROWS: Final = 2_000


def key_of(at: int) -> str:
    """Return the key of a case that was answered while all was well."""
    return f"case-{at}"


def new_key_of(at: int) -> str:
    """Return the key of a case that came first while a region drifted."""
    return f"new-{at}"


def case(
    rows: tuple[Arrest, ...], at: int, *, key: str, in_months: bool = False
) -> dict[str, object]:
    """Return one case as it is sent; the east's age may be in months."""
    region, features = REGIONS[at % len(REGIONS)], dict(rows[at % len(rows)].features)
    if in_months and region == EAST:
        features["age"] *= MONTHS
    return {**features, "key": key, "region": region}


def answer_well(scene: Scene, telling: Telling) -> None:
    """Let the scoring server answer all later cases in one request, each under its key."""
    rows = scene.require_arrests().later
    keys = [key_of(at) for at in range(len(rows))]
    told = scene.require_scoring().score_batch(
        [case(rows, at, key=key) for at, key in enumerate(keys)]
    )
    telling.expect(
        set(told.get("status", ())) == {"ok"}, f"the guard lets not all pass: {str(told)[:200]}"
    )
    answers = dict(zip(keys, told["probability"], strict=True))
    scene.remembered = Remembered(answers, datetime.now(UTC))
    telling.say(
        f"{len(rows):,} cases of two regions follow in one request. The guard counts what their features look like and"
        " remembers each good answer under its key; neither rows nor answers leave the process."
    )


def send_drifted(scene: Scene, telling: Telling) -> None:
    """Send cases of other people, of which the east's have their age in months."""
    rows = scene.require_arrests().later
    told = scene.require_scoring().score_batch(
        [case(rows, at, key=new_key_of(at), in_months=True) for at in range(ROWS)]
    )
    telling.expect(len(told.get("status", ())) == ROWS, f"no answer: {str(told)[:200]}")
