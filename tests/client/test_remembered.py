"""A client remembers the newest checkpoint of a server, and no server can show it another past (LG-31)."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwarden.client.remembered import Memory, Remembered, demand_consistency, first_use
from modelwarden.ledger.checkpoint import Checkpoint, consistency_file, sign_note
from modelwarden.ledger.keys import LogKey
from modelwarden.ledger.merkle import consistency_proof, tree_root
from modelwarden.values.answers import ProblemAnswer
from tests.ledger.test_merkle import reader

ORIGIN = "ledger.example/test"
KEY = LogKey(ORIGIN, bytes(range(32)))
NEXT = LogKey(ORIGIN, bytes(range(1, 33)))
LEAVES = [bytes([n]) * 32 for n in range(40)]
OTHER = [bytes([99]) * 32, *LEAVES[1:]]


def note(size: int, *keys: LogKey, leaves: list[bytes] = LEAVES, origin: str = ORIGIN) -> str:
    return sign_note(Checkpoint(origin, size, tree_root(leaves[:size])), *(keys or (KEY,))).decode()


def proof_over(leaves: list[bytes]):  # noqa: ANN201  # a function of two sizes
    def proof(old: int, new: int) -> str:
        path = consistency_proof(old, new, reader(leaves))
        return consistency_file(old, path, note(new, leaves=leaves).encode()).decode()

    return proof


def shown(text: str, *, leaves: list[bytes] = LEAVES, keys: tuple[LogKey, ...] = (KEY,)) -> object:
    known = Remembered(note(13), (KEY.vkey,))
    vkeys = [key.vkey for key in keys]
    return demand_consistency(known, text, keys=vkeys, proof_from=proof_over(leaves))


@pytest.mark.parametrize("size", [13, 14, 40])
def test_a_ledger_that_grew_is_remembered(size: int) -> None:
    assert shown(note(size)) == Remembered(note(size), (KEY.vkey,))


FORGED = {
    "cut off": (note(12), LEAVES, "rolled_back"),
    "rewritten, same size": (note(13, leaves=OTHER), OTHER, "rolled_back"),
    "rewritten and grown": (note(20, leaves=OTHER), OTHER, "rolled_back"),
    "rewritten, with the proof of the true one": (note(20, leaves=OTHER), LEAVES, "rolled_back"),
    "signed by another key": (note(20, NEXT), LEAVES, "checkpoint_invalid"),
    "of another ledger": (
        note(20, LogKey("other.example/x", bytes(32)), origin="other.example/x"),
        LEAVES,
        "checkpoint_invalid",
    ),
    "no note": ("nothing\n", LEAVES, "checkpoint_invalid"),
}


@pytest.mark.parametrize("how", FORGED)
def test_another_past_is_named(how: str) -> None:
    text, leaves, code = FORGED[how]
    found = shown(text, leaves=leaves)
    assert isinstance(found, ProblemAnswer)
    assert found.code == code


def test_a_proof_that_is_none_is_named() -> None:
    known = Remembered(note(13), (KEY.vkey,))
    for text in ("", "old 13\n\n", "old x\n\nnote"):
        found = demand_consistency(known, note(20), keys=[], proof_from=lambda _o, _n, t=text: t)
        assert isinstance(found, ProblemAnswer)
        assert found.code == "rolled_back"


def test_a_key_that_signs_beside_a_known_one_is_known_from_then_on() -> None:
    """LG-64: while one key hands over to the next, both sign."""
    both = shown(note(20, KEY, NEXT), keys=(KEY, NEXT))
    assert both == Remembered(note(20, KEY, NEXT), (KEY.vkey, NEXT.vkey))
    assert isinstance(both, Remembered)
    alone = demand_consistency(
        both, note(30, NEXT), keys=[NEXT.vkey], proof_from=proof_over(LEAVES)
    )
    assert alone == Remembered(note(30, NEXT), (KEY.vkey, NEXT.vkey))


def test_a_server_that_names_no_key_of_its_checkpoint_is_not_remembered() -> None:
    assert first_use(note(3), [KEY.vkey]) == Remembered(note(3), (KEY.vkey,))
    assert isinstance(first_use(note(3), [NEXT.vkey]), ProblemAnswer)


def test_memory_keeps_one_line_a_server(tmp_path: Path) -> None:
    memory = Memory(environment={"MODELWARDEN_STATE": str(tmp_path / "state")})
    assert memory.of("https://a") is None
    memory.keep("https://a", Remembered(note(3), (KEY.vkey,)))
    memory.keep("https://b", Remembered(note(4), (KEY.vkey,)))
    memory.keep("https://a", Remembered(note(5), (KEY.vkey,)))
    again = Memory(tmp_path / "state")
    assert again.of("https://a") == Remembered(note(5), (KEY.vkey,))
    assert again.of("https://b") == Remembered(note(4), (KEY.vkey,))
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["checkpoints.json"]


@pytest.mark.parametrize("text", ["[]", "{", '{"https://a": 1}', '{"https://a": {"note": 1}}'])
def test_a_damaged_memory_is_told_and_not_overwritten(tmp_path: Path, text: str) -> None:
    memory = Memory(tmp_path)
    memory.path.write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        memory.of("https://a")
    assert memory.path.read_text() == text


def test_the_place_follows_the_environment() -> None:
    assert Memory(environment={"XDG_STATE_HOME": "/x"}).path == Path(
        "/x/modelwarden/checkpoints.json"
    )
    assert Memory(environment={}).path.parts[-4:] == (
        ".local",
        "state",
        "modelwarden",
        "checkpoints.json",
    )
