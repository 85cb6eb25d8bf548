"""Cosignatures in what is handed out, receipts that say so, and a quorum in verification (step 10, LG-25)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.audit.offline import verify_export
from modelwarden.errors import Unreachable
from modelwarden.ledger.checkpoint import (
    consistency_file,
    parse_consistency_file,
    parse_tlog_proof,
)
from modelwarden.ledger.cosignature import cosignatures
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.witness_policy import parse_policy
from modelwarden.warden.warden import open_warden
from tests.api.town import town
from tests.sinks.laptop import Laptop, laptop, listening
from tests.sinks.test_witnessing import asking, signed_elsewhere, wait_until_cosigned
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden


@contextmanager
def audited(folder: Path) -> Iterator[tuple[Laptop, Path, dict[str, Any]]]:
    """Give a witness that listens, its policy file, and how a warden is opened that heeds it."""
    where = {"url": f"sqlite:///{folder}/warden.db"}
    with open_warden(**where) as warden:
        key = parse_vkey(warden.audit.keys()[0])
    with laptop(folder / "laptop", key) as witness, listening(witness) as url:
        policy = folder / "witnesses"
        policy.write_text(witness.policy(url))
        yield witness, policy, where | {"ledger_witness_policy": policy}


def codes(warden: Warden) -> list[str]:
    return [problem.code for problem in warden.audit.verify().problems]


def test_what_is_handed_out_carries_the_cosignatures(tmp_path: Path) -> None:
    with audited(tmp_path) as (witness, policy, where), open_warden(**where) as warden:
        seq = submitted(warden, define("one")).receipt.seq
        warden.sign()
        wait_until_cosigned(warden, seq)
        keys = [witness.signer.verifier]
        size = warden.audit.checkpoint().size
        assert cosignatures(warden.audit.checkpoint().note.encode(), keys)
        assert cosignatures(warden.audit.prove(seq).checkpoint.encode(), keys)
        assert cosignatures(parse_tlog_proof(warden.audit.prove(seq).proof.encode()).note, keys)
        body = warden.audit.consistency(1, size).encode()
        assert cosignatures(parse_consistency_file(body)[2], keys)
        assert codes(warden) == []
        made = warden.audit.export(tmp_path / "export")
        found = verify_export(
            tmp_path / "export",
            trusted=warden.audit.keys(),
            witness_policy=policy.read_bytes(),
        )
        assert (made.last, found.ok) == (seq + 1, True)


def test_a_quorum_that_is_missing_is_named(tmp_path: Path) -> None:
    with audited(tmp_path) as (witness, policy, _):
        text = policy.read_bytes().replace(b" http", b" #http").split(b" #")[0] + b"\nquorum W\n"
        policy.write_bytes(text)  # it names the witness, and no place to ask
        where = {"url": f"sqlite:///{tmp_path}/warden.db", "ledger_witness_policy": policy}
        with open_warden(**where) as warden:
            assert codes(warden) == ["witness_missing"]
            warden.audit.export(tmp_path / "export")
            found = verify_export(
                tmp_path / "export", trusted=warden.audit.keys(), witness_policy=text
            )
            assert [problem.code for problem in found.problems] == ["witness_missing"]
        assert parse_policy(text).keys == (witness.signer.verifier,)


def test_a_split_view_is_named_by_verification(warden: Warden, tmp_path: Path) -> None:
    key = parse_vkey(warden.audit.keys()[0])
    with (
        laptop(tmp_path / "laptop", key) as witness,
        listening(witness) as url,
        asking(warden, url, witness.signer.verifier) as it,
    ):
        witness.server.add_checkpoint(consistency_file(0, [], signed_elsewhere(warden, 2)))
        submitted(warden, define("one"))
        submitted(warden, define("two"))
        warden.sign()
        with pytest.raises(Unreachable):
            it.ask()
    assert codes(warden) == ["split_view"]


def test_a_cosignature_that_was_changed_in_the_database_is_named(tmp_path: Path) -> None:
    with audited(tmp_path) as (_, __, where), open_warden(**where) as warden:
        wait_until_cosigned(warden, submitted(warden, define("one")).receipt.seq)
        warden.witnessing.close()
        with sqlite3.connect(tmp_path / "warden.db") as raw:
            raw.execute("UPDATE ledger_cosignatures SET line = (SELECT max(line) FROM"
                        " ledger_cosignatures)")  # fmt: skip
            raw.execute("UPDATE ledger_cosignatures SET size = size + 1 WHERE size ="
                        " (SELECT max(size) FROM ledger_cosignatures)")  # fmt: skip
        submitted(warden, define("two"))
        warden.sign()
        assert "checkpoint_invalid" in codes(warden)


def test_a_write_can_wait_until_it_is_witnessed(tmp_path: Path) -> None:
    with (
        audited(tmp_path) as (_, policy, __),
        town(tmp_path, ledger_witness_policy=policy) as place,
    ):
        done = place.call("alice", "POST", "/models?wait=witnessed", {"name": "watched"})
        receipt = json.loads(done.headers["Governance-Receipt"])
        assert (receipt["status"], receipt["archived"]) == ("witnessed", [])
        assert receipt["seq"] == int(done.headers["Governance-Entry"])


def test_waiting_for_witnesses_where_there_are_none_is_refused(tmp_path: Path) -> None:
    with town(tmp_path) as place:
        for word in ("witnessed", "archived", ""):
            done = place.call("alice", "POST", f"/models?wait={word}", {"name": "watched"})
            assert done.json()["code"] == "filter_invalid"
