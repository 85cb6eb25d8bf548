"""Stored tiles are those of the tree, whatever the batches, and give every proof (LG-11)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from modelwarden.ledger.entry import chain_start
from modelwarden.ledger.merkle import (
    TILE_WIDTH,
    consistency_proof,
    inclusion_proof,
    range_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from modelwarden.store import entries, migrate
from modelwarden.store.database import Database
from modelwarden.store.entries import Draft
from modelwarden.store.schema.ledger import tiles
from modelwarden.store.tiles import StoredNodes

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGIN = "ledger.example/tiles"
NOW = "2026-11-20T11:19:40.000000Z"


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = Database(store_url)
    migrate.migrate(opened)
    with opened.writing() as connection:
        begin = chain_start(ORIGIN)
        entries.start(connection, origin=ORIGIN, chain_start=begin, at=NOW)
    yield opened
    opened.close()


def _grow(database: Database, *sizes: int) -> list[bytes]:
    leaves: list[bytes] = []
    for size in sizes:
        drafts = [
            Draft(b"%d" % n, NOW, "test.grew", 0, "done", "system:test", (), ())
            for n in range(len(leaves), len(leaves) + size)
        ]
        with database.writing() as connection:
            before = entries.read_head(connection, lock=True)
            sealed = entries.append(connection, drafts, before=before, indexed=False)
        leaves += sealed.leaves
    return leaves


def _naive(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    found: dict[tuple[int, int], bytes] = {}
    level = 0
    while len(leaves) >= TILE_WIDTH:
        whole = [leaves[n : n + TILE_WIDTH] for n in range(0, len(leaves), TILE_WIDTH)]
        whole = [tile for tile in whole if len(tile) == TILE_WIDTH]
        found.update({(level, n): b"".join(tile) for n, tile in enumerate(whole)})
        leaves, level = [tree_root(tile) for tile in whole], level + 1
    return found


def _stored(database: Database) -> dict[tuple[int, int], bytes]:
    with database.reading() as connection:
        return {(row.level, row.n): row.hashes for row in connection.execute(select(tiles))}


def _check(database: Database, leaves: list[bytes], *, tries: int) -> None:
    chance = random.Random(len(leaves))  # noqa: S311  # a seed, so that a failure comes again
    assert _stored(database) == _naive(leaves)
    with database.reading() as connection:
        nodes = StoredNodes(connection)
        head = entries.read_head(connection)
        assert (head.size, head.frontier.root()) == (len(leaves), tree_root(leaves))
        for _ in range(tries):
            size = chance.randint(1, len(leaves))
            older, seq = chance.randint(1, size), chance.randrange(size)
            root = tree_root(leaves[:size])
            assert range_root(size, nodes) == root
            verify_inclusion(leaves[seq], seq, size, inclusion_proof(seq, size, nodes), root)
            proof = consistency_proof(older, size, nodes)
            verify_consistency(older, tree_root(leaves[:older]), size, root, proof)


@pytest.mark.parametrize(
    "sizes",
    [(1,), (255,), (256,), (257,), (255, 1, 1), (100, 700), (511, 2), (1, 255, 256, 600)],
)
def test_tiles_and_proofs_are_those_of_a_naive_tree(
    database: Database, sizes: tuple[int, ...]
) -> None:
    _check(database, _grow(database, *sizes), tries=10)


def test_many_small_batches_give_the_tiles_of_one(database: Database) -> None:
    chance = random.Random(7)  # noqa: S311
    _check(database, _grow(database, *(chance.randint(1, 90) for _ in range(30))), tries=20)


def test_the_second_level_fills_at_65_536_entries(database: Database) -> None:
    leaves = _grow(database, 65_000, 535)
    assert max(_stored(database))[0] == 0
    leaves = _grow_on(database, leaves, 1)
    assert max(_stored(database)) == (1, 0)
    leaves = _grow_on(database, leaves, 300)
    _check(database, leaves, tries=3)


def _grow_on(database: Database, leaves: list[bytes], more: int) -> list[bytes]:
    drafts = [
        Draft(b"%d" % n, NOW, "test.grew", 0, "done", "system:test", (), ())
        for n in range(len(leaves), len(leaves) + more)
    ]
    with database.writing() as connection:
        before = entries.read_head(connection, lock=True)
        return leaves + entries.append(connection, drafts, before=before, indexed=False).leaves
