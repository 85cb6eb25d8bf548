"""The remote SDK: the rooms of the embedded one, over HTTP. Who acts is whom the token stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from modelwarden.client.access_rooms import Keys, Roles, ServiceAccounts, Tokens, Users
from modelwarden.client.audit_room import Audit
from modelwarden.client.calls import Calls
from modelwarden.client.check_rooms import Checks, Evidence
from modelwarden.client.deployment_room import Deployments
from modelwarden.client.drill_room import Drills
from modelwarden.client.freeze_room import Freezes
from modelwarden.client.guard_room import Guards
from modelwarden.client.local_stop_room import LocalStops
from modelwarden.client.mlflow_room import Mlflow
from modelwarden.client.notify_room import Notify
from modelwarden.client.privacy_rooms import Holds, Retention
from modelwarden.client.registry_rooms import Models, Versions
from modelwarden.client.release_rooms import Approvals, Policies
from modelwarden.client.seat_rooms import Delegations, Groups
from modelwarden.client.server_key_room import ServerKeys
from modelwarden.client.sla_room import Sla
from modelwarden.client.switch_room import Switches
from modelwarden.client.transport import TIMEOUT_S, Transport
from modelwarden.client.trigger_room import Freshness, Triggers
from modelwarden.client.use_case_room import UseCases
from modelwarden.client.waiver_room import Waivers

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.client.upload import Progress


class Remote:
    """What one actor can do, room by room. Close it, or use it in a `with`."""

    def __init__(
        self, transport: Transport, *, progress: Progress | None = None, memory: Path | None = None
    ) -> None:
        calls = Calls(transport)
        self._transport = transport
        self.models = Models(calls)
        self.versions = Versions(calls, progress=progress)
        self.policies = Policies(calls)
        self.evidence = Evidence(calls)
        self.checks = Checks(calls)
        self.approvals = Approvals(calls)
        self.waivers = Waivers(calls)
        self.use_cases = UseCases(calls, self.approvals)
        self.deployments = Deployments(calls)
        self.freezes = Freezes(calls)
        self.switches = Switches(calls)
        self.guards = Guards(calls)
        self.drills = Drills(calls)
        self.triggers = Triggers(calls)
        self.freshness = Freshness(calls)
        self.sla = Sla(calls)
        self.local_stops = LocalStops(calls)
        self.users = Users(calls)
        self.service_accounts = ServiceAccounts(calls)
        self.roles = Roles(calls)
        self.groups = Groups(calls)
        self.delegations = Delegations(calls)
        self.tokens = Tokens(calls)
        self.keys = Keys(calls)
        self.server_keys = ServerKeys(calls)
        self.audit = Audit(calls, memory=memory)
        self.holds = Holds(calls)
        self.retention = Retention(calls)
        self.notify = Notify(calls)
        self.mlflow = Mlflow(calls)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    url: str,
    *,
    token: str,
    timeout_s: float = TIMEOUT_S,
    progress: Progress | None = None,
    memory: Path | None = None,
) -> Remote:
    """Return the rooms of a server, acting as whom the token stands for. Nothing is sent before the first call.

    Args:
        url: the server's address, such as `https://modelwarden.example.org`.
        token: `mwp_…` or `mws_…`; it is sent in a header and kept nowhere.
        timeout_s: how long one try of a call may take.
        progress: called while a local artifact is hashed and uploaded: the step, bytes done, bytes in all.
        memory: folder in which the ledger's newest checkpoint is remembered from one verification to the next; unless
            given, `MODELWARDEN_STATE` or the user's state folder.

    Raises ValueInvalid for an address of another form.
    """
    return Remote(Transport(url, token, timeout_s=timeout_s), progress=progress, memory=memory)
