"""The last steps: one byte of the ledger is altered in a copy and named; an export is verified with no server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from modelwarden.errors import TourFailed
from modelwarden.tour.cast import AUDITOR, SECOND
from modelwarden.tour.processes import modelwarden, python
from modelwarden.tour.scene import FIRST_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.tour.scene import Scene
    from modelwarden.tour.telling import Telling
    from modelwarden.values.answers import EntryAnswer

MINUTES: Final = len('"at":"2026-11-20T12:0')
"""Where the last digit of the minutes stands in an entry's time."""


def alter(scene: Scene, telling: Telling) -> None:
    """Change one byte in a copy of the database file, past every trigger, and let verification find it."""
    ines = scene.acting_as(AUDITOR)
    about = f"approval:{scene.requests[FIRST_VERSION].id}"
    target = ines.audit.search(type="approval.decided", subject=about, limit=1).items[0]
    whole = ines.audit.verify(strict=True, state=True)
    telling.expect(whole.ok, f"the ledger does not verify: {whole.problems}")
    telling.prove(f"The ledger itself verifies: {whole.size} entries, and all rows against them.")
    scene.rest()
    copy = _copied(scene.folder)
    before, after = _altered(copy / "warden.db", target)
    telling.say(
        f"Somebody with the file in hand moves the time at which {SECOND} signed, from {before} to {after}: one byte of"
        f" entry {target.seq}, in a copy of the database. No trigger fires, since SQLite is not asked."
    )
    done = modelwarden(
        ["audit", "verify", "--as", AUDITOR, "--json"],
        folder=copy,
        environment={"MODELWARDEN_URL": f"sqlite:///{copy / 'warden.db'}"},
    )
    telling.typed(f"modelwarden audit verify --as {AUDITOR}")
    found = done.answer()
    named = sorted({problem["seq"] for problem in found["problems"]})
    telling.expect(done.code == 1 and named == [target.seq], f"verification names {named}")
    telling.sheet(
        ("problem", "entry", "what was found"),
        [(one["code"], str(one["seq"]), one["detail"]) for one in found["problems"]],
    )
    telling.prove(
        f"It names entry {target.seq}, and no other.",
        altered=target.seq,
        named=named,
        codes=[problem["code"] for problem in found["problems"]],
    )


def export(scene: Scene, telling: Telling) -> None:
    """Export the ledger and verify it twice without the warden."""
    ines = scene.acting_as(AUDITOR)
    key = (scene.folder / "log.vkey").read_text("utf-8").strip()
    scene.warden.operation.sign()
    written = ines.audit.export(scene.folder / "export")
    telling.say(
        f"ines exports entries {written.first} to {written.last} with checkpoints, proofs and a verifier of one file."
        " The log's public key comes from the first day, not from the export: an export can't vouch for itself."
    )
    place = scene.folder / "export"
    one = python(["-I", "verify.py", "--key", key], folder=place)
    telling.expect(one.code == 0, f"verify.py ended with {one.code}: {one.output}")
    telling.typed("python export/verify.py --key …")
    other = modelwarden(
        ["audit", "verify", "--export", "export", "--checkpoint-key", key, "--json"],
        folder=scene.folder,
        environment={},
    )
    telling.expect(other.code == 0, f"audit verify ended with {other.code}: {other.output}")
    telling.typed("modelwarden audit verify --export export --checkpoint-key …")
    answer = other.answer()
    telling.prove(
        f"Both agree: {answer['size']} entries, root {answer['root'][:16]}…",
        entries=answer["size"],
        root=answer["root"],
        manifest_sha256=written.manifest_sha256,
        key=key,
    )


def _copied(folder: Path) -> Path:
    copy = folder / "altered"
    copy.mkdir()
    for name in ("warden.db", "warden.guard"):
        shutil.copyfile(folder / name, copy / name)
    shutil.copytree(folder / "warden.keys", copy / "warden.keys")
    return copy


def _altered(database: Path, target: EntryAnswer) -> tuple[str, str]:
    """Change one digit of the entry's time in the file; return hour and minute before and after. Raises TourFailed."""
    body = target.line.partition(',"entry":')[2].removesuffix("}").encode()
    data = database.read_bytes()
    if data.count(body) != 1:
        raise TourFailed(f"entry {target.seq} does not stand in the file in one piece")
    place = body.index(b'"at":"') + MINUTES
    digit = body[place : place + 1]
    other = b"0" if digit != b"0" else b"1"
    database.write_bytes(data.replace(body, body[:place] + other + body[place + 1 :]))
    hour = slice(place - 4, place)
    return (body[hour] + digit).decode(), (body[hour] + other).decode()
