"""What an actor can do about switches, and read of them; doors import this file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.registry.lifecycle import Environment as Environment
from modelwarden.safeguards.activating import Activation as Activation
from modelwarden.safeguards.activating import NewSwitch as NewSwitch
from modelwarden.safeguards.activating import activate as activate
from modelwarden.safeguards.activating import check_dimensions as check_dimensions
from modelwarden.safeguards.expiring import due as due
from modelwarden.safeguards.expiring import keep_time as keep_time
from modelwarden.safeguards.fleet.instance import Cell as Cell
from modelwarden.safeguards.fleet.instance import LoadedVersion as LoadedVersion
from modelwarden.safeguards.fleet.instance import Traffic as Traffic
from modelwarden.safeguards.fleet.reads import confirmations as confirmations
from modelwarden.safeguards.fleet.reads import guards as guards
from modelwarden.safeguards.fleet.reports import Report as Report
from modelwarden.safeguards.fleet.reports import accept_report as accept_report
from modelwarden.safeguards.fleet.reports import may_hold as may_hold
from modelwarden.safeguards.local_stops.reads import local_stop as local_stop
from modelwarden.safeguards.local_stops.reads import local_stops as local_stops
from modelwarden.safeguards.local_stops.resolving import adopt_local_stop as adopt_local_stop
from modelwarden.safeguards.local_stops.resolving import drop_local_stop as drop_local_stop
from modelwarden.safeguards.local_stops.seeing import end_stop as end_stop
from modelwarden.safeguards.local_stops.seeing import see_stop as see_stop
from modelwarden.safeguards.local_stops.seeing import stops_due as stops_due
from modelwarden.safeguards.local_stops.stop import SaidStop as SaidStop
from modelwarden.safeguards.preview import preview as preview
from modelwarden.safeguards.ramp import Verdict as Verdict
from modelwarden.safeguards.ramp import nobody_asked as nobody_asked
from modelwarden.safeguards.reach import may_touch as may_touch
from modelwarden.safeguards.reads import SwitchFilter as SwitchFilter
from modelwarden.safeguards.reads import check as check
from modelwarden.safeguards.reads import switch as switch
from modelwarden.safeguards.reads import switches as switches
from modelwarden.safeguards.releasing import confirm_release as confirm_release
from modelwarden.safeguards.releasing import refuse_release as refuse_release
from modelwarden.safeguards.releasing import request_release as request_release
from modelwarden.safeguards.releasing import withdraw_release as withdraw_release
from modelwarden.safeguards.snapshots.body import Topic as Topic
from modelwarden.safeguards.switch import OnExpiry as OnExpiry
from modelwarden.safeguards.switch import SwitchAction as SwitchAction
from modelwarden.safeguards.switch import SwitchSeverity as SwitchSeverity
from modelwarden.safeguards.switch import Unknown as Unknown
from modelwarden.safeguards.toggles import Toggles as Toggles
from modelwarden.safeguards.toggles import apply as apply
from modelwarden.safeguards.toggles import steps as steps

if TYPE_CHECKING:
    from modelwarden.safeguards.ramp import Judge as Judge
