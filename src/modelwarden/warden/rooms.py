"""The embedded SDK: every room, bound to one actor. The remote SDK in `client` has the same surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.warden.access_rooms import Keys, Roles, ServiceAccounts, Tokens, Users
from modelwarden.warden.audit_room import Audit
from modelwarden.warden.bound import Bound
from modelwarden.warden.check_rooms import Checks, Evidence
from modelwarden.warden.deployment_room import Deployments
from modelwarden.warden.drill_room import Drills
from modelwarden.warden.freeze_room import Freezes
from modelwarden.warden.guard_room import Guards
from modelwarden.warden.local_stop_room import LocalStops
from modelwarden.warden.mlflow_room import Mlflow
from modelwarden.warden.notify_room import Notify
from modelwarden.warden.privacy_rooms import Holds, Retention
from modelwarden.warden.registry_rooms import Models, Versions
from modelwarden.warden.release_rooms import Approvals, Policies
from modelwarden.warden.seat_rooms import Delegations, Groups
from modelwarden.warden.server_key_room import ServerKeys
from modelwarden.warden.sla_room import Sla
from modelwarden.warden.switch_room import Switches
from modelwarden.warden.trigger_room import Freshness, Triggers
from modelwarden.warden.use_case_room import UseCases
from modelwarden.warden.waiver_room import Waivers

if TYPE_CHECKING:
    from modelwarden.values.principal import Principal
    from modelwarden.warden.bound import Runs


class Rooms:
    """What one actor can do, room by room."""

    def __init__(self, warden: Runs, principal: Principal) -> None:
        bound = Bound(warden, principal)
        self.models = Models(bound)
        self.versions = Versions(bound)
        self.users = Users(bound)
        self.service_accounts = ServiceAccounts(bound)
        self.roles = Roles(bound)
        self.groups = Groups(bound)
        self.delegations = Delegations(bound)
        self.tokens = Tokens(bound)
        self.keys = Keys(bound)
        self.server_keys = ServerKeys(bound)
        self.policies = Policies(bound)
        self.evidence = Evidence(bound)
        self.checks = Checks(bound)
        self.approvals = Approvals(bound)
        self.waivers = Waivers(bound)
        self.use_cases = UseCases(bound, self.approvals)
        self.deployments = Deployments(bound)
        self.freezes = Freezes(bound)
        self.switches = Switches(bound)
        self.guards = Guards(bound)
        self.drills = Drills(bound)
        self.triggers = Triggers(bound)
        self.freshness = Freshness(bound)
        self.sla = Sla(bound)
        self.local_stops = LocalStops(bound)
        self.audit = Audit(bound)
        self.holds = Holds(bound)
        self.retention = Retention(bound)
        self.notify = Notify(bound)
        self.mlflow = Mlflow(bound)
