"""Telling GitHub what the gate says: a check run at the commit that was reviewed (RL-49).

What stands there is read each time: a crash, or somebody else's hand, leaves nothing that is not put right. One run a
request and commit, found by `external_id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from modelwarden.deployments.github.pulls import CREATED, understood
from modelwarden.errors import ExternalUnreadable

if TYPE_CHECKING:
    from modelwarden.approvals.gate import Verdict
    from modelwarden.deployments.github.site import Site

NAME: Final = "modelwarden/release"
CHECKS: Final = "checks"
"""What the App has to be allowed to write."""
Conclusion = Literal["success", "failure"]


class Report(NamedTuple):
    """What is said at a commit. Codes alone: figures and people stay here."""

    conclusion: Conclusion
    title: str
    summary: str

    def fields(self) -> dict[str, object]:
        """Return it as GitHub takes it."""
        output = {"title": self.title, "summary": self.summary}
        return {"status": "completed", "conclusion": self.conclusion, "output": output}


UNREADABLE: Final = Report(
    "failure", "The gate can't be read", "It is asked again in some minutes."
)


def report_of(verdict: Verdict, *, name: str) -> Report:
    """Return what to say of a version: a success only where the gate allows."""
    if verdict.allow:
        return Report("success", "The gate allows", f"{name} may be deployed now.")
    codes = ", ".join(verdict.codes)
    lines = "\n".join(f"- `{code}`" for code in verdict.codes)
    why = f"The gate denies {name}:\n\n{lines}\n\n`modelwarden versions gate {name}` says more."
    return Report("failure", f"The gate denies: {codes}"[:200], why)


def report(site: Site, repository: str, *, request: str, commit: str, what: Report) -> bool:
    """Let the check run of a request at a commit say this; tell whether it did not before.

    Raises ExternalUnreadable, Unreachable.
    """
    at = f"/repos/{repository}"
    name = NAME.replace("/", "%2F")
    with understood():
        found = site.pages(
            f"{at}/commits/{commit}/check-runs?check_name={name}&filter=all&per_page=100"
        )
        runs = [run for page in found for run in page.value["check_runs"]]
        ours = [
            run
            for run in runs
            if run["external_id"] == request and str((run["app"] or {}).get("id")) == site.app
        ]
        others = [run for run in ours if not _says(run, what)]
        if not ours:
            given = {"name": NAME, "head_sha": commit, "external_id": request, **what.fields()}
            _done(site.send("POST", f"{at}/check-runs", given).status, CREATED)
        for run in others:
            path = f"{at}/check-runs/{int(run['id'])}"
            _done(site.send("PATCH", path, what.fields()).status, 200)
    return bool(others or not ours)


def _says(run: dict[str, Any], what: Report) -> bool:
    said = (run["status"], run["conclusion"], run["output"]["title"], run["output"]["summary"])
    return said == ("completed", *what)


def _done(status: int, wanted: int) -> None:
    if status != wanted:
        raise ExternalUnreadable(f"github takes no check run: status {status}")
