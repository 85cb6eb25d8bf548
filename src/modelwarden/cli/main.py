"""The command line: nouns and their verbs, and what an unforeseen error ends in."""

from __future__ import annotations

import gc
import sys
from typing import Annotated, Final

import typer

from modelwarden.cli import audit_records, host, kill_proposals, offline_signing, rollouts
from modelwarden.cli.approvals import approvals
from modelwarden.cli.artifacts import artifacts
from modelwarden.cli.audit import audit
from modelwarden.cli.checks import checks
from modelwarden.cli.copies import verify_copy
from modelwarden.cli.delegations import delegations
from modelwarden.cli.deploy import deploy
from modelwarden.cli.doctor import doctor
from modelwarden.cli.drift import drift
from modelwarden.cli.drill import drill
from modelwarden.cli.evidence import evidence
from modelwarden.cli.fingerprint import fingerprint
from modelwarden.cli.freezes import freezes
from modelwarden.cli.freshness import freshness
from modelwarden.cli.groups import groups
from modelwarden.cli.guards import guards
from modelwarden.cli.keys import keys
from modelwarden.cli.kill import kill
from modelwarden.cli.local_stops import local_stops
from modelwarden.cli.mlflow import mlflow
from modelwarden.cli.models import models
from modelwarden.cli.notify import notify
from modelwarden.cli.policy import policy
from modelwarden.cli.privacy import holds, retention
from modelwarden.cli.refusal import UNREACHABLE
from modelwarden.cli.roles import roles
from modelwarden.cli.service_accounts import service_accounts
from modelwarden.cli.sla import sla
from modelwarden.cli.tokens import tokens
from modelwarden.cli.tour import demo, tour
from modelwarden.cli.triggers import triggers
from modelwarden.cli.usecases import usecases
from modelwarden.cli.users import users
from modelwarden.cli.verb import ActingAs, AsJson, Before, verb
from modelwarden.cli.versions import versions
from modelwarden.cli.waivers import waivers
from modelwarden.cli.watching import watch
from modelwarden.cli.witness import witness

MORE_VERBS: Final = (audit_records, kill_proposals, offline_signing, rollouts)
"""Files whose verbs belong to a noun of another file."""

app: Final = typer.Typer(
    name="modelwarden",
    help="May this model go live, who agreed, what exactly is running?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 refused or failed check, 2 usage, 3 unknown or stale only, 4 waiting for approval,"
    " 5 unreachable or internal.",
)

SELDOM: Final = (50_000, 20, 20)
"""How often to look for garbage: modules that are loaded stay, and the usual 700 take a sixth of a server's start."""

RELEASE: Final = "Release: what may go live, and who agreed"
NOUNS: Final = {
    RELEASE: (
        models, versions, artifacts, evidence, checks, policy, usecases, approvals, waivers, deploy, freezes
    ),
    "Stop: switches, and what watches": (
        kill, local_stops, triggers, drill, guards, drift, freshness, sla
    ),
    "Prove: the ledger, and what is kept": (audit, witness, holds, retention),
    "People and programs": (users, groups, delegations, roles, service_accounts, tokens, keys),
    "Other systems": (notify, mlflow),
}  # fmt: skip
"""The groups that help shows, and their nouns."""
HOST: Final = "The server and its database"
BEGIN: Final = "Begin here"

app.command(rich_help_panel=BEGIN)(tour)
app.command(rich_help_panel=BEGIN)(demo)
for panel, nouns in NOUNS.items():
    for each in nouns:
        app.add_typer(each, rich_help_panel=panel)
for alone in (host.init, host.serve, doctor, host.migrate, host.backup, host.restore, host.frozen):
    verb(app, panel=HOST)(alone)
verb(app, panel=RELEASE)(fingerprint)
verb(audit)(watch)
verb(audit)(verify_copy)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  # slow to import

        print(f"modelwarden {version('modelwarden')}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    *,
    acting_as: ActingAs = None,
    as_json: AsJson = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Keep what stands before a noun for the verb."""
    context.obj = Before(acting_as, as_json)


def main() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(*SELDOM)
    try:
        app(prog_name="modelwarden")
    except Exception as error:  # noqa: BLE001  # the edge: whatever it is ends in a line and a code
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(UNREACHABLE)
