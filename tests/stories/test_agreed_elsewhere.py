"""The same release where another system has to agree too: reviews at GitHub, a change in ServiceNow (RL-47, RL-51).

Both are the stubs of `tests/services`, over real HTTP; the program is set up by its settings alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.deployments.servicenow.source import ServiceNow as Source
from modelwarden.reactions.servicenow import KeepChanges
from tests.services.github_state import APP, INSTALLATION, REPOSITORY
from tests.services.github_stub import github
from tests.services.servicenow_stub import CLIENT, SECRET, ServiceNow
from tests.store.deeds import verified
from tests.stories.doors import DOORS, refused
from tests.stories.office import office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.github_state import Pull
    from tests.services.github_stub import GitHubStub
    from tests.stories.doors import Door
    from tests.stories.office import Office

NUMBERS: Final = {"alice": 11, "bob": 12, "carol": 13, "erin": 14}


class AtGitHub:
    """What people do there: alice opens pull requests, bob and carol review."""

    name, why, taken_back = "github", "no pull request is marked", "external_missing"

    def __init__(self, stub: GitHubStub) -> None:
        self.stub = stub
        self.pulls: dict[str, Pull] = {}

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[tuple[AtGitHub, dict[str, Any]]]:
        with github() as stub:
            key = folder / "app.pem"
            key.write_text(stub.pem)
            key.chmod(0o600)
            yield (
                cls(stub),
                {
                    "github_url": stub.base,
                    "github_repository": REPOSITORY,
                    "github_app": APP,
                    "github_installation": INSTALLATION,
                    "github_key": f"file:{key}",
                },
            )
            assert stub.faults == [], "what was asked or answered is not as GitHub publishes it"

    def people(self) -> dict[str, tuple[str, str]]:
        return {name: (self.stub.base, str(number)) for name, number in NUMBERS.items()}

    def agree(self, here: Office, request: str, *, by: str = "bob") -> None:
        self.stub.now = here.clock.now()
        if request not in self.pulls:
            lock = here.warden.acting_as("alice").deployments.lock_file(request)
            self.pulls[request] = self.stub.open(request, lock, by=NUMBERS["alice"])
        self.stub.review(self.pulls[request], NUMBERS[by])

    def take_back(self, here: Office, request: str) -> None:
        self.stub.now = here.clock.now()
        for each in self.pulls[request].reviews:
            each["state"] = "DISMISSED"

    def passes_time(self, here: Office) -> None:
        self.stub.now = here.clock.now()


class InServiceNow:
    """What people do there: erin, and later carol, answer for the changes that the program opens."""

    name, why, taken_back = "servicenow", "approv", "external_changes_requested"

    def __init__(self, stub: ServiceNow) -> None:
        self.stub = stub
        self.users = {name: stub.user(name) for name in ("alice", "bob", "carol", "erin")}

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[tuple[InServiceNow, dict[str, Any]]]:
        secret = folder / "servicenow.secret"
        secret.write_text(SECRET)
        with ServiceNow().running() as stub:
            yield (
                cls(stub),
                {
                    "servicenow_url": stub.url,
                    "servicenow_client_id": CLIENT,
                    "servicenow_secret_file": secret,
                },
            )

    def people(self) -> dict[str, tuple[str, str]]:
        return {name: (self.stub.url, user) for name, user in self.users.items()}

    def passes_time(self, here: Office) -> None:
        """Let the program look at its changes once."""
        source = here.warden.sources["servicenow"]
        assert isinstance(source, Source)
        KeepChanges(here.warden, source, every_s=0.0).idle()

    def change(self, request: str) -> dict[str, str]:
        (found,) = [
            row for row in self.stub.tables["change_request"] if row["correlation_id"] == request
        ]
        return found

    def agree(self, here: Office, request: str, *, by: str = "bob") -> None:
        self.passes_time(here)
        change = self.change(request)
        self.stub.plan(change, now=here.clock.now())
        rows = self.stub.tables["sysapproval_approver"]
        rows[:] = [row for row in rows if row["sysapproval"] != change["sys_id"]]
        self.stub.answer(change, self.users[by])

    def take_back(self, here: Office, request: str) -> None:
        self.stub.answer(self.change(request), self.users["carol"], "rejected")
        self.passes_time(here)


@pytest.mark.parametrize("system", [AtGitHub, InServiceNow])
@pytest.mark.parametrize("way", DOORS)
def test_nothing_goes_live_or_on_without_the_other_system(
    system: type[AtGitHub | InServiceNow], way: str, tmp_path: Path
) -> None:
    with system.running(tmp_path) as (there, settings), office(tmp_path, **settings) as here:
        door = DOORS[way](here)
        for name, (issuer, subject) in there.people().items():
            here.warden.acting_as("root").users.map_identity(name, issuer=issuer, subject=subject)
        door.register_model("alice")
        here.govern(f"{{{there.name}: required}}")
        first = agreed_here(here, door, "1.0.0")
        there.passes_time(here)
        closed = refused(door.start, "dave", "1.0.0", "production")
        assert closed.reasons == ("external_missing",)
        assert there.why in str(closed)
        there.agree(here, first)
        there.take_back(here, first)
        assert refused(door.start, "dave", "1.0.0", "production").reasons == (there.taken_back,)
        there.agree(here, first)
        assert door.start("dave", "1.0.0", "production").state == "live"
        canary(here, door, there)
        told_by_the_ledger(here, door, there)


def agreed_here(here: Office, door: Door, label: str) -> str:
    """Let two people sign, and the version go to staging, for which no other system is asked."""
    door.register("alice", label, here.artifact(label))
    asked: str = door.ask("alice", label).id
    for name in ("bob", "carol"):
        door.approve(name, asked)
    assert door.start("dave", label, "staging").state == "live"
    return asked


def canary(here: Office, door: Door, there: AtGitHub | InServiceNow) -> None:
    """What was agreed to begins; what is taken back on its way stands where it is, until it is agreed to anew."""
    second = agreed_here(here, door, "1.1.0")
    there.passes_time(here)
    assert refused(door.start, "dave", "1.1.0", "production").reasons == ("external_missing",)
    there.agree(here, second)
    begun = door.start("dave", "1.1.0", "production")
    assert (begun.state, begun.traffic) == ("in_progress", 5)
    there.take_back(here, second)
    baked(here, there)
    stands = door.shown("dave", begun.id)
    assert (stands.traffic, list(stands.held)) == (5, [there.taken_back])
    there.agree(here, second)
    for traffic, state in ((50, "in_progress"), (100, "live")):
        baked(here, there)
        on = door.shown("dave", begun.id)
        assert (on.traffic, on.state) == (traffic, state)


def baked(here: Office, there: AtGitHub | InServiceNow) -> None:
    here.clock.advance(seconds=61)
    there.passes_time(here)
    here.look()


def told_by_the_ledger(here: Office, door: Door, there: AtGitHub | InServiceNow) -> None:
    """Each gate that opened says by whose word there, as a digest of what was read; and the ledger holds."""
    accepted = [each["fact"] for each in door.facts("frank", "external.evidence_accepted")]
    assert {each["system"] for each in accepted} == {there.name}
    bob = here.warden.acting_as("root").users.show("bob").person
    assert all(bob in each["persons"] and len(each["digest"]) == 64 for each in accepted)
    assert door.verify("frank").ok
    assert verified(here.warden, state=True).problems == ()
