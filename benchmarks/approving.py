"""Approvals a second, each signed by its person and durable when it is answered, beside tags set in MLflow's registry.

Eight clients, each over a connection of its own, send to a real server the answers of eight people, two for each
version, so that every other one closes its request. The envelopes were signed before, as they are on the machines of
those who approve. For each, the server checks the token, permission, seat and duties, builds the statement anew,
verifies the signature over it, weighs the checks, writes the ledger and commits. "With its statement" adds the call
that fetches the bytes to sign. A tag is one row of MLflow's, without sign-in and signature. All take their turns.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import ledgers, mlflow_peer, our_server, postgres, table
from benchmarks.clockwork import Work, rates
from benchmarks.company import Company, policy
from benchmarks.requests import get, post, send_all
from benchmarks.row import RATE, Row, times_better
from modelwarden.approvals.statement import PAYLOAD_TYPE
from modelwarden.ledger.dsse import seal
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.servers import Server
    from benchmarks.workbench import Workbench
    from modelwarden.config import Settings

MODEL: Final = "churn"
REQUESTS: Final = "/api/governance/approvals"
CLIENTS: Final = 8
SEATS: Final = 2
WORKERS: Final = (1, 4)
"""MLflow's processes: one like ours, and as many as it starts by itself."""
LEAST_TIMES: Final = 3.0

Answer = tuple[bytes, bytes]
"""The call that fetches the bytes to sign, and the one that brings them signed."""


def measure(bench: Workbench) -> list[Row]:
    rounds, count = (1, 32) if bench.quick else (5, 64)
    with contextlib.ExitStack() as until_done:
        settings_for = until_done.enter_context(postgres.databases(bench))
        sqlite = ledgers.settings_in(bench.folder_for("approving"))
        works: dict[str, Work] = {}
        for name, settings in (("SQLite", sqlite), ("PostgreSQL", settings_for("approving"))):
            folder = bench.folder_for(f"approving-{name}")
            answers = iter(_prepared(settings, folder, 2 * (rounds + 1) * count))
            server = until_done.enter_context(our_server.served(folder, settings))
            works |= _ours(name, server, answers, count)
        for workers in WORKERS:
            place = bench.folder_for(f"mlflow-approving-{workers}")
            python = mlflow_peer.with_mlflow()
            peer = mlflow_peer.served(place, workers=workers, python=python)
            works |= _theirs(until_done.enter_context(peer), workers, count)
        for work in works.values():
            work.run()  # the first round warms
        found = rates(works, rounds=rounds)
    return list(_rows(found))


def _rows(found: Mapping[str, float]) -> Iterator[Row]:
    name, peer = max(
        ((name, rate) for name, rate in found.items() if name.startswith("MLflow")),
        key=lambda each: each[1],
    )
    for what, rate in found.items():
        if not what.startswith("MLflow"):
            yield Row(
                what=what,
                ours=rate,
                unit=RATE,
                beside=name,
                peer=peer,
                target=times_better(LEAST_TIMES) if what == "approve, SQLite" else None,
            )


def _ours(name: str, server: Server, answers: Iterator[Answer], count: int) -> dict[str, Work]:
    def approve(*, with_statement: bool) -> None:
        taken = itertools.islice(answers, count)
        calls = [call for pair in taken for call in pair[0 if with_statement else 1 :]]
        assert len(calls) == count * (1 + with_statement)
        send_all(server.port, calls, connections=CLIENTS)

    return {
        f"approve, {name}": Work(count, partial(approve, with_statement=False)),
        f"approve with its statement, {name}": Work(count, partial(approve, with_statement=True)),
    }


def _theirs(server: Server, workers: int, count: int) -> dict[str, Work]:
    mlflow_peer.add_model(server, MODEL, versions=1)
    numbers = itertools.count()

    def tag() -> None:
        keys = [f"approved_{next(numbers)}" for _ in range(count)]
        calls = [mlflow_peer.set_tag(MODEL, "1", key, "approver-1") for key in keys]
        send_all(server.port, calls, connections=CLIENTS)

    release = mlflow_peer.release(mlflow_peer.with_mlflow())
    return {
        f"MLflow {release} on SQLite, a tag, {workers} worker{'s' * (workers > 1)}": Work(
            count, tag
        )
    }


def _prepared(settings: Settings, folder: Path, count: int) -> list[Answer]:
    """Open so many seats, two for each of many versions, and sign for each: good for ten minutes (RL-25)."""
    artifact = folder / "model.bin"
    artifact.write_bytes(bytes(64))
    with open_warden(settings.url, keys_folder=settings.keys_folder) as warden:
        company = Company(warden, approvers=CLIENTS)
        company.govern([policy("two", people=SEATS)], model=MODEL)
        company.seat_approvers()
        tokens = {name: company.token(name) for name in company.approvers}
        signers = itertools.cycle(company.approvers)
        answers = []
        for number in range(count // SEATS):
            company.register(MODEL, str(number), artifact=artifact)
            request = company.ask(MODEL, str(number))
            answers += [
                _signed(company, name, request, seat=seat, token=tokens[name])
                for seat, name in enumerate(itertools.islice(signers, SEATS))
            ]
    return answers


def _signed(company: Company, name: str, request: str, *, seat: int, token: str) -> Answer:
    statement = company.acting_as(name).approvals.statement(request, seat=seat)
    line = seal(PAYLOAD_TYPE, statement, company.keys[name]).to_line().decode()
    salt = base64.b64encode(os.urandom(32)).decode()
    path = f"{REQUESTS}/{request}"
    body = {"envelope": line, "comment_salt": salt, "seat": seat}
    asked = get(f"{path}/statement?seat={seat}", token=token)
    return asked, post(f"{path}/approve", body, token=token)


CLAIM: Final = table.Claim("approving", "Approving", measure)

if __name__ == "__main__":
    table.run([CLAIM])
