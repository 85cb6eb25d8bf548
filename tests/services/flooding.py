"""A hostile server in a process of its own: `python -m tests.services.flooding KIND`, which prints its port.

It sends as fast as sockets take it, and never ends: snapshots that are signed and ever newer, the same but every other
one broken, empty lines, or bytes that mean nothing. In an odd generation `eu` is blocked, in an even one `us`.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import socketserver
import sys
from typing import TYPE_CHECKING

from modelwarden.ledger.keys import SigningKey
from tests.guard.wire import BLOCK_EU
from tests.services.snapshot_server import signed

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = SigningKey.generate()
REGIONS = ("us", "eu")
OTHERS = 50


def wire(generation: int) -> bytes:
    """Return a snapshot that blocks one of two regions, and fifty others of which many are new."""
    blocked = {"region": [REGIONS[generation % 2]]}
    switches = [BLOCK_EU | {"id": "swi_one", "scope": blocked}]
    for number in range(OTHERS):
        scope = {"region": [f"r{number * generation % 9_973}"], "consumer": [f"c{number}"]}
        switches.append(BLOCK_EU | {"id": f"swi_{number}", "scope": scope})
    return signed(KEY, generation=generation, switches=switches)


def event(data: bytes) -> bytes:
    return b"event: snapshot\nid: 1.1\ndata: %b\n\n" % data


def valid() -> Iterator[bytes]:
    for generation in itertools.count(1):
        yield event(wire(generation))


def mixed() -> Iterator[bytes]:
    for generation in itertools.count(1):
        good = wire(generation)
        yield event(good)
        yield event(good[: len(good) // 2])
        yield event(good.replace(b'"body":"', b'"body":"AAAA', 1))
        yield b": beat\n" * 1_000 + b"data\n" * 100 + b"\n\n"


def garbage() -> Iterator[bytes]:
    yield event(wire(1))
    while True:
        yield os.urandom(48 * 1024)


def endless() -> Iterator[bytes]:
    """Begin an event that never ends, in base64 as a body has it."""
    yield event(wire(1))
    yield b"event: snapshot\ndata: "
    while True:
        yield base64.b64encode(os.urandom(48 * 1024))


def lines() -> Iterator[bytes]:
    """Send what is quickly made and slowly read: small lines that say nothing."""
    yield event(wire(1))
    beats = b": beat\n" * 10_000
    while True:
        yield beats


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        if b"snapshot/stream" not in line:
            body = json.dumps({"keys": [KEY.public.pem], "handovers": []}).encode()
            told = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            self.wfile.write(told % len(body) + body)
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        kinds = {
            "valid": valid,
            "mixed": mixed,
            "garbage": garbage,
            "endless": endless,
            "lines": lines,
        }
        for part in kinds[sys.argv[1]]():
            self.wfile.write(part)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever leaves a flood is no error."""


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
