"""`modelwarden deploy`: promote, advance, abort, review."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.deploy import deploy
from modelwarden.cli.options import VersionArgument
from modelwarden.cli.run import Run
from modelwarden.cli.verb import verb

DeploymentArgument = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="Its id: dep_….")]
BOTH: Final = "staging,production"


@verb(deploy)
def promote(
    run: Run,
    version: VersionArgument,
    *,
    through: Annotated[
        str, typer.Option("--through", help="Environments, from the lowest to the highest.")
    ] = BOTH,
) -> None:
    """Take a version through environments, as far as the gate allows; nothing is approved by it."""
    places = [place.strip() for place in through.split(",")]
    done = run.rooms.deployments.promote(version.model, version.version, through=places)
    run.screen.show(done)


@verb(deploy)
def advance(run: Run, deployment: DeploymentArgument) -> None:
    """Take the next step, if its time has passed, its conditions hold and the gate allows."""
    run.screen.show(run.rooms.deployments.advance(deployment))


@verb(deploy)
def abort(
    run: Run,
    deployment: DeploymentArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept erasably.")],
) -> None:
    """End an unfinished deployment; what was live has all the traffic again."""
    run.screen.show(run.rooms.deployments.abort(deployment, reason=reason))


@verb(deploy)
def review(
    run: Run,
    deployment: DeploymentArgument,
    *,
    outcome: Annotated[str, typer.Option("--outcome", help="as_expected, issues or revert.")],
    findings: Annotated[str, typer.Option("--findings", help="What was found; kept erasably.")],
) -> None:
    """Say what a look back at a deployment found, as somebody who had no part in it."""
    run.screen.show(run.rooms.deployments.review(deployment, outcome=outcome, findings=findings))
