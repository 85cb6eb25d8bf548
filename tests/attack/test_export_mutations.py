"""Whoever changes an export, by a byte, a line or a file, is found: by code and entry, by one process or several.

The verifier of one file, which the export carries, has to find the same; it stops at the first entry that is missing.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from modelwarden.audit import lines_file, standalone
from modelwarden.audit.layout import ENTRIES, LINE_BYTES, MANIFEST
from modelwarden.audit.offline import verify_export
from modelwarden.ledger.entry import parse_line
from modelwarden.warden.warden import open_warden
from tests.audit.sample import change, populate
from tests.audit.test_export import export, vkey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.store.change import Change
    from modelwarden.values.answers import VerificationAnswer

MANY: Final = 600
Lines = list[bytes]
Named = set[tuple[str, int | None]]


class Export(NamedTuple):
    """A sound export, and the key that it verifies by."""

    folder: Path
    key: str
    size: int


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Export:
    from modelwarden.facts.access import AccessUsed  # noqa: PLC0415
    from modelwarden.facts.kinds import Code  # noqa: PLC0415

    def record_many(c: Change) -> None:
        for _ in range(MANY):
            c.record(AccessUsed(permission=Code("audit.export")), tags=["DAILY"])

    folder = tmp_path_factory.mktemp("export")
    with open_warden(f"sqlite:///{folder}/warden.db") as warden:
        populate(warden)
        change(warden, "carol", record_many)
        warden.sign()
        made = export(warden, folder / "all")
        return Export(folder / "all", vkey(warden), made.last + 1)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even a small export into many pieces."""
    monkeypatch.setattr(lines_file, "PIECE_BYTES", 20_000)


@contextlib.contextmanager
def copied(sound: Export) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(sound.folder, Path(place, "copy"))
        yield Path(place, "copy")


def named(found: VerificationAnswer) -> Named:
    return {(problem.code, problem.seq) for problem in found.problems}


def alone(folder: Path, key: str) -> tuple[int, set[str]]:
    """Run the verifier of one file in this process; return its exit code and the codes that it names."""
    said, arguments = io.StringIO(), sys.argv
    sys.argv = ["verify.py", str(folder), "--key", key]
    try:
        with contextlib.redirect_stdout(said):
            code = standalone.main()
    finally:
        sys.argv = arguments
    lines = said.getvalue().splitlines()
    return code, {line.split(" ")[1] for line in lines if line.startswith("problem ")}


def outcome(found: VerificationAnswer) -> tuple[object, ...]:
    return found.problems, found.not_checked, found.root, found.size, found.uncovered


def pieces_again(folder: Path, key: str) -> VerificationAnswer:
    """Verify by pieces, all of them walked in this process: what is joined is the same, and no process starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            lines_file, "in_order", lambda work, tasks, **_: ((task, work(task)) for task in tasks)
        )
        return verify_export(folder, trusted=[key], jobs=2)


def checked(folder: Path, sound: Export) -> Named:
    """Verify in every way, compare what they find, and return it."""
    found = verify_export(folder, trusted=[sound.key])
    assert outcome(pieces_again(folder, sound.key)) == outcome(found)
    code, codes = alone(folder, sound.key)
    assert (code == 0) == found.ok
    assert bool(codes) == (not found.ok)
    return named(found)


def rewritten(folder: Path, edit: Callable[[Lines], Lines]) -> None:
    path = folder / ENTRIES
    path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))


QUICK = settings(
    phases=[Phase.explicit, Phase.generate],  # shrinking copies for minutes what any example shows
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_what_nobody_touched_is_sound_in_every_way(sound: Export) -> None:
    assert checked(sound.folder, sound) == set()
    assert outcome(verify_export(sound.folder, trusted=[sound.key], jobs=2)) == outcome(
        verify_export(sound.folder, trusted=[sound.key])
    )
    assert sound.size > MANY


@QUICK
@given(data=st.data())
def test_each_byte_of_each_line_is_guarded_and_its_entry_named(
    sound: Export, data: st.DataObject
) -> None:
    with copied(sound) as folder:
        lines = (folder / ENTRIES).read_bytes().splitlines(keepends=True)
        seq = data.draw(st.integers(0, sound.size - 1), "entry")
        at = data.draw(st.integers(0, len(lines[seq]) - 1), "byte")
        line = bytearray(lines[seq])
        line[at] ^= data.draw(st.integers(1, 255), "flip")
        lines[seq] = bytes(line)
        (folder / ENTRIES).write_bytes(b"".join(lines))
        found = checked(folder, sound)
        assert ("manifest_invalid", None) in found
        # An LF in the wrong place makes two lines of one, or one of two: the entries beside it count too.
        assert {each for each in found if each[1] in {seq, seq + 1}} != set()
        if (
            b"\n" not in line[:-1]
            and line[-1:] == b"\n"
            and at >= len(line) - 3 - body_size(lines[seq])
        ):
            assert found & {("entry_altered", seq), ("line_invalid", seq)}


def body_size(line: bytes) -> int:
    return len(line) - line.find(b'"entry":') - len(b'"entry":') - 2


LINES: Final = {
    "removed": lambda lines, n, _: lines[:n] + lines[n + 1 :],
    "repeated": lambda lines, n, _: [*lines[: n + 1], *lines[n:]],
    "swapped with the next": lambda lines, n, _: [
        *lines[:n], *lines[n : n + 2][::-1], *lines[n + 2 :],
    ],
    "moved": lambda lines, n, m: moved(lines, n, m),  # noqa: PLW0108  # defined below
    "replaced by another": lambda lines, n, m: [*lines[:n], lines[m], *lines[n + 1 :]],
    "emptied": lambda lines, n, _: [*lines[:n], b"\n", *lines[n + 1 :]],
    "far too long": lambda lines, n, _: [*lines[:n], b"x" * (3 * LINE_BYTES) + b"\n", *lines[n + 1 :]],
    "joined with the next": lambda lines, n, _: [*lines[:n], lines[n][:-1], *lines[n + 1 :]],
}  # fmt: skip


def moved(lines: Lines, n: int, m: int) -> Lines:
    rest = [*lines[:n], *lines[n + 1 :]]
    return [*rest[:m], lines[n], *rest[m:]]


@QUICK
@given(data=st.data())
@pytest.mark.parametrize("how", LINES)
def test_lines_that_are_removed_repeated_or_reordered_are_named(
    sound: Export, how: str, data: st.DataObject
) -> None:
    n = data.draw(st.integers(0, sound.size - 2), "entry")
    m = data.draw(st.integers(0, sound.size - 1).filter(lambda m: m != n), "other")
    with copied(sound) as folder:
        rewritten(folder, lambda lines: LINES[how](lines, n, m))
        found = checked(folder, sound)
    codes = {"entry_missing", "entry_duplicated", "line_invalid"}
    assert {each for each in found if each[0] in codes and each[1] is not None} != set()
    if how in {"removed", "replaced by another", "swapped with the next"}:
        assert ("entry_missing", n) in found
    if how == "repeated":
        assert ("entry_duplicated", n) in found
    if how in {"emptied", "far too long"}:
        assert ("line_invalid", n) in found


@QUICK
@given(data=st.data())
def test_entries_that_are_cut_off_anywhere_are_missed(sound: Export, data: st.DataObject) -> None:
    with copied(sound) as folder:
        path = folder / ENTRIES
        whole = path.read_bytes()
        size = data.draw(st.integers(0, len(whole) - 1), "bytes")
        path.write_bytes(whole[:size])
        left = whole[:size].count(b"\n")
        found = checked(folder, sound)
    if (
        size == len(whole) - 1
    ):  # the last LF alone: every entry is there, but not the file that was listed
        assert found == {("manifest_invalid", None)}
    else:
        assert found & {
            ("entry_missing", left),
            ("entry_missing", left + 1),
            ("line_invalid", left),
        }


def files(folder: Path) -> list[str]:
    found = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in found if name != ENTRIES)


@QUICK
@given(data=st.data())
def test_each_byte_of_every_other_file_is_guarded(sound: Export, data: st.DataObject) -> None:
    with copied(sound) as folder:
        name = data.draw(st.sampled_from(files(folder)), "file")
        content = bytearray((folder / name).read_bytes())
        at = data.draw(st.integers(0, len(content) - 1), "byte")
        content[at] ^= data.draw(st.integers(1, 255), "flip")
        (folder / name).write_bytes(content)
        found = checked(folder, sound)
    codes = {"manifest_invalid", "checkpoint_invalid", "root_mismatch", "proof_invalid"}
    assert {code for code, _ in found} & codes


@QUICK
@given(data=st.data())
def test_a_file_that_is_removed_added_or_cut_is_named(sound: Export, data: st.DataObject) -> None:
    with copied(sound) as folder:
        name = data.draw(st.sampled_from([n for n in files(folder) if n != MANIFEST]), "file")
        how = data.draw(st.sampled_from(["removed", "added", "cut", "longer"]))
        path = folder / name
        if how == "removed":
            path.unlink()
        elif how == "added":
            path.with_name(f"{path.name}.more").write_bytes(b"x")
        elif how == "cut":
            content = path.read_bytes()
            path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1), "bytes")])
        else:
            path.write_bytes(path.read_bytes() + b"\n")
        assert ("manifest_invalid", None) in checked(folder, sound)


def test_an_insider_who_links_everything_anew_lacks_the_checkpoint(sound: Export) -> None:
    """All hashes of the lines fit each other: the tree says that they are not those that were signed."""
    from modelwarden.ledger.entry import Stored, chain, line  # noqa: PLC0415
    from modelwarden.ledger.merkle import leaf_hash  # noqa: PLC0415

    def forge(lines: Lines) -> Lines:
        made = lines[:100]
        before = parse_line(lines[99]).stored.entry_hash
        for seq, data in enumerate(lines[100:], 100):
            body = parse_line(data).stored.body.replace(b'"v":1', b'"v":2')
            leaf = leaf_hash(body)
            stored = Stored(seq, body, leaf, chain(before, leaf))
            made.append(line(stored, before))
            before = stored.entry_hash
        return made

    with copied(sound) as folder:
        rewritten(folder, forge)
        found = checked(folder, sound)
    assert {code for code, _ in found} >= {"manifest_invalid", "root_mismatch"}


def test_a_manifest_that_leaves_out_the_end_is_not_the_one_signed(sound: Export) -> None:
    import base64  # noqa: PLC0415

    with copied(sound) as folder:
        envelope = json.loads((folder / MANIFEST).read_bytes())
        payload = json.loads(base64.b64decode(envelope["payload"]))
        payload["last"] -= 1
        text = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
        envelope["payload"] = base64.b64encode(text).decode()
        (folder / MANIFEST).write_text(json.dumps(envelope, separators=(",", ":")))
        assert "manifest_invalid" in {code for code, _ in checked(folder, sound)}


def test_a_worker_that_dies_costs_nothing_but_time(
    sound: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = outcome(verify_export(sound.folder, trusted=[sound.key]))
    monkeypatch.setattr(
        lines_file, "in_order", lambda _work, tasks, **_: ((task, None) for task in tasks)
    )
    assert outcome(verify_export(sound.folder, trusted=[sound.key], jobs=2)) == expected


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_changed_byte_of_a_zip_is_named_too(sound: Export, jobs: int, tmp_path: Path) -> None:
    import zipfile  # noqa: PLC0415

    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as packed:
        for name in [*files(sound.folder), ENTRIES]:
            packed.write(sound.folder / name, name)
    assert verify_export(path, trusted=[sound.key], jobs=jobs).problems == ()
    data = bytearray(path.read_bytes())
    mark = (sound.folder / ENTRIES).read_bytes().splitlines()[300]
    data[data.index(mark) + len(mark) - 20] ^= 1
    path.write_bytes(data)
    found = verify_export(path, trusted=[sound.key], jobs=jobs)
    assert ("entry_altered", 300) in named(found)
