"""Exports verify elsewhere, on their files alone; each changed byte in one is found by both verifiers."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.errors import NotPermitted, SizeUnknown, Unreadable, ValueInvalid
from modelwarden.ledger.keys import LogKey
from modelwarden.warden.warden import Warden, open_warden
from tests.audit.sample import change, populate, sign, view

if TYPE_CHECKING:
    from modelwarden.values.answers import ExportAnswer, VerificationAnswer

Mutation = Callable[[Path], object]
SHOWN = re.compile(r"^problem (\w+) (-?\d+) ", re.MULTILINE)


def export(warden: Warden, output: Path, **asked: object) -> ExportAnswer:
    prepared = view(warden, "bob", partial(actions.prepare_export, output=output, **asked))  # type: ignore[arg-type]
    change(warden, "bob", partial(actions.record_export, prepared=prepared))
    return prepared.release()


def vkey(warden: Warden) -> str:
    return warden.store.around.keyring.log_key.vkey


def named(found: VerificationAnswer) -> set[tuple[str, int | None]]:
    return {(problem.code, problem.seq) for problem in found.problems}


def alone(folder: Path, *options: str, isolated: bool = False) -> tuple[int, set[tuple[str, int]]]:
    """Run the verifier that the export carries; isolated, it has the standard library alone."""
    flags = ["-I", "-S"] if isolated else ["-I"]
    run = subprocess.run(  # noqa: S603  # our own file
        [sys.executable, *flags, str(folder / "verify.py"), str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    return run.returncode, {(code, int(seq)) for code, seq in SHOWN.findall(run.stdout)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with exports of one ledger, made once, and its verifier key."""
    folder = tmp_path_factory.mktemp("house")
    with open_warden(f"sqlite:///{folder}/warden.db") as warden:
        populate(warden)
        export(warden, folder / "all")
        export(warden, folder / "part", first=5, last=11)
        wanted = actions.as_filter({"subject": "model:churn"})
        export(warden, folder / "chosen", wanted=wanted)
        export(warden, folder / "all.zip", zipped=True)
        return folder, vkey(warden)


EXPORTS = ("all", "part", "chosen")


@pytest.mark.parametrize("name", [*EXPORTS, "all.zip"])
def test_an_export_verifies_on_its_files_alone(house: tuple[Path, str], name: str) -> None:
    folder, key = house
    found = actions.verify_export(folder / name, trusted=[key])
    assert found.problems == ()
    assert (found.ok, found.signer) == (True, key)
    unpinned = actions.verify_export(folder / name)
    assert (unpinned.ok, unpinned.signer) == (True, None)
    assert [text for text in unpinned.not_checked if text.startswith("unpinned")] != []


def test_an_export_can_be_read_strictly(house: tuple[Path, str]) -> None:
    folder, key = house
    for name in ("all", "part", "all.zip"):
        assert actions.verify_export(folder / name, trusted=[key], strict=True).problems == ()


@pytest.mark.parametrize("name", EXPORTS)
def test_the_verifier_inside_agrees(house: tuple[Path, str], name: str) -> None:
    folder, key = house
    assert alone(folder / name, "--key", key) == (0, set())
    assert alone(folder / name) == (3, set())
    assert alone(folder / name, "--key", key, isolated=True) == (3, set())


def test_a_key_of_another_log_does_not_verify(house: tuple[Path, str]) -> None:
    folder, key = house
    other = LogKey(key.partition("+")[0], bytes(range(32))).vkey
    found = actions.verify_export(folder / "all", trusted=[other])
    assert named(found) == {("checkpoint_invalid", None)}
    assert alone(folder / "all", "--key", other) == (1, {("checkpoint_invalid", -1)})


def test_the_loop_of_the_source_documents_runs_over_an_export(house: tuple[Path, str]) -> None:
    """LG-43: what `previous_hash`, `entry` and `entry_hash` promise, in three lines of anybody's code."""
    folder, _ = house
    for name in ("all", "part"):
        last = None
        for text in (folder / name / "entries.jsonl").read_bytes().splitlines():
            record = json.loads(text)
            entry = text[text.index(b'"entry":') + 8 : -1]
            assert last in {None, record["previous_hash"]}
            leaf = hashlib.sha256(b"\x00" + entry).digest()
            data = b"\x02" + bytes.fromhex(record["previous_hash"]) + leaf
            last = hashlib.sha256(data).hexdigest()
            assert last == record["entry_hash"]


def test_a_zip_of_the_same_entries_has_the_same_bytes(tmp_path: Path) -> None:
    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        populate(warden)
        prepare = partial(actions.prepare_export, zipped=True, last=12)
        for name in ("a.zip", "b.zip"):
            view(warden, "bob", partial(prepare, output=tmp_path / name)).release()
        assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_every_database_exports(warden: Warden, tmp_path: Path) -> None:
    populate(warden)
    wanted = actions.as_filter({"actor": "alice"})
    for name, asked in {"all": {}, "part": {"first": 2}, "chosen": {"wanted": wanted}}.items():
        export(warden, tmp_path / name, **asked)
        assert actions.verify_export(tmp_path / name, trusted=[vkey(warden)]).problems == ()


def test_the_ledger_says_what_left_the_house(sqlite_warden: Warden, tmp_path: Path) -> None:
    populate(sqlite_warden)
    answer = export(sqlite_warden, tmp_path / "out", first=1, last=9)
    newest = sign(sqlite_warden).split("\n")[1]
    found = view(sqlite_warden, "bob", partial(actions.entry, seq=int(newest) - 1))
    manifest = (tmp_path / "out" / "manifest.dsse.json").read_bytes()
    assert found.entry["type"] == "ledger.exported"
    assert found.entry["fact"] == {
        "first": 1,
        "last": 9,
        "manifest": hashlib.sha256(manifest).hexdigest(),
    }
    assert answer.files == len([p for p in (tmp_path / "out").rglob("*") if p.is_file()])


def test_nothing_is_in_place_before_it_is_recorded(sqlite_warden: Warden, tmp_path: Path) -> None:
    populate(sqlite_warden)
    output = tmp_path / "exports" / "out"
    prepared = view(sqlite_warden, "bob", partial(actions.prepare_export, output=output))
    assert not output.exists()
    prepared.discard()
    assert list(output.parent.iterdir()) == []


def test_who_may_not_export_exports_nothing(sqlite_warden: Warden, tmp_path: Path) -> None:
    populate(sqlite_warden)
    prepare = partial(actions.prepare_export, output=tmp_path / "x" / "out")
    for who in ("alice", "dave"):
        with pytest.raises(NotPermitted):
            view(sqlite_warden, who, prepare)
    prepared = view(sqlite_warden, "bob", prepare)
    with pytest.raises(NotPermitted):
        change(sqlite_warden, "dave", partial(actions.record_export, prepared=prepared))
    prepared.discard()


def test_an_export_replaces_nothing_and_ends_with_the_checkpoint(
    sqlite_warden: Warden, tmp_path: Path
) -> None:
    populate(sqlite_warden)
    with pytest.raises(ValueInvalid):
        view(sqlite_warden, "bob", partial(actions.prepare_export, output=tmp_path))
    prepare = partial(actions.prepare_export, output=tmp_path / "out", last=10_000)
    with pytest.raises(SizeUnknown):
        view(sqlite_warden, "bob", prepare)


# --- mutations ------------------------------------------------------------------------------------


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def flipped(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", EXPORTS)
def test_each_file_that_is_edited_is_found(
    house: tuple[Path, str], name: str, tmp_path: Path
) -> None:
    folder, key = house
    for file in files_of(folder / name):
        for at in (0, -3):
            copy = tmp_path / f"{name}-{file.replace('/', '_')}-{at}"
            shutil.copytree(folder / name, copy)
            flipped(copy / file, at)
            found = actions.verify_export(copy, trusted=[key])
            assert not found, (file, at)
            if file != "verify.py":  # a verifier that was changed is not the one to run
                code, problems = alone(copy, "--key", key)
                assert code == 1, (file, at, problems)


@pytest.mark.parametrize("name", EXPORTS)
def test_each_file_that_is_removed_is_found(
    house: tuple[Path, str], name: str, tmp_path: Path
) -> None:
    folder, key = house
    for file in files_of(folder / name):
        if file in {"manifest.dsse.json", "verify.py"}:
            continue
        copy = tmp_path / f"{name}-{file.replace('/', '_')}"
        shutil.copytree(folder / name, copy)
        (copy / file).unlink()
        assert ("manifest_invalid", None) in named(actions.verify_export(copy, trusted=[key]))
        assert alone(copy, "--key", key)[0] == 1


def edit_lines(edit: Callable[[list[bytes]], list[bytes]]) -> Mutation:
    def mutate(folder: Path) -> None:
        path = folder / "entries.jsonl"
        path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))

    return mutate


def altered(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[3].replace(b'"v":1}', b'"v":2}'), *lines[4:]]


LINES = {
    "altered": (altered, {("entry_altered", 3)}),
    "deleted": (lambda s: s[:3] + s[4:], {("entry_missing", 3)}),
    "cut off": (lambda s: s[:-2], {("entry_missing", -2)}),
    "repeated": (lambda s: [*s[:4], *s[3:]], {("entry_duplicated", 3)}),
    "reordered": (lambda s: [*s[:3], s[4], s[3], *s[5:]], {("entry_missing", 3)}),
    "no line": (lambda s: [*s[:3], b"{}\n", *s[4:]], {("line_invalid", 3)}),
    "other hash before": (
        lambda s: [*s[:3], re.sub(rb'("previous_hash":")....', rb"\1abcd", s[3]), *s[4:]],
        {("chain_broken", 3)},
    ),
}


@pytest.mark.parametrize("change", LINES)
def test_each_change_to_the_entries_is_named_by_code_and_number(
    house: tuple[Path, str], change: str, tmp_path: Path
) -> None:
    folder, key = house
    copy = tmp_path / "copy"
    shutil.copytree(folder / "all", copy)
    count = len((copy / "entries.jsonl").read_bytes().splitlines())
    edit, wanted = LINES[change]
    edit_lines(edit)(copy)  # type: ignore[arg-type]
    expected = {(code, count + seq if seq < 0 else seq) for code, seq in wanted}
    assert expected <= named(actions.verify_export(copy, trusted=[key]))
    assert expected <= alone(copy, "--key", key)[1]


def test_an_added_file_is_found(house: tuple[Path, str], tmp_path: Path) -> None:
    folder, key = house
    copy = tmp_path / "copy"
    shutil.copytree(folder / "part", copy)
    (copy / "proofs" / "more").write_text("x")
    assert named(actions.verify_export(copy, trusted=[key])) == {("manifest_invalid", None)}
    assert alone(copy, "--key", key) == (1, {("manifest_invalid", -1)})


# --- what is dangerous -----------------------------------------------------------------------------


def test_a_link_in_a_folder_is_refused(house: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = house
    copy = tmp_path / "copy"
    shutil.copytree(folder / "part", copy)
    (copy / "log.vkey").unlink()
    (copy / "log.vkey").symlink_to(folder / "part" / "log.vkey")
    with pytest.raises(Unreadable):
        actions.verify_export(copy)


def member(name: str, *, mode: int = 0o100644) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


@pytest.mark.parametrize(
    "members",
    [
        [member("../out")],
        [member("/etc/passwd")],
        [member("proofs/../../x")],
        [member("a\\b")],
        [member("link", mode=0o120777)],
        [member("folder/")],
        [member("./checkpoint")],
    ],
)
def test_a_zip_that_no_export_makes_is_refused(
    members: list[zipfile.ZipInfo], tmp_path: Path
) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for made in members:
            packed.writestr(made, b"x")
    with pytest.raises(Unreadable):
        actions.verify_export(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("checkpoint", b"a")
        packed.writestr("checkpoint", b"b")
    with pytest.raises(Unreadable, match="twice"):
        actions.verify_export(path)


def test_a_manifest_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("manifest.dsse.json", bytes(70 * 1024 * 1024))
    with pytest.raises(Unreadable):
        actions.verify_export(path)


@pytest.mark.parametrize("what", ["nothing", "a text", "an empty folder"])
def test_what_is_no_export_is_unreadable(what: str, tmp_path: Path) -> None:
    path = tmp_path / "it"
    if what == "a text":
        path.write_text("hello")
    elif what == "an empty folder":
        path.mkdir()
    with pytest.raises(Unreadable):
        actions.verify_export(path)
