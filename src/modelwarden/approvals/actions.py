"""What people do about approvals, and what they may read; doors import this file alone."""

from __future__ import annotations

from modelwarden.approvals.attesting import attest as attest
from modelwarden.approvals.attesting import attestation_statement as attestation_statement
from modelwarden.approvals.case import Dossier as Dossier
from modelwarden.approvals.checks import run_checks as run_checks
from modelwarden.approvals.deciding import Ballot as Ballot
from modelwarden.approvals.deciding import approve as approve
from modelwarden.approvals.deciding import reject as reject
from modelwarden.approvals.deciding import withdraw_decision as withdraw_decision
from modelwarden.approvals.decision import Answer as Answer
from modelwarden.approvals.due.reminding import remind as remind
from modelwarden.approvals.due.reminding import requests_to_remind as requests_to_remind
from modelwarden.approvals.due.times import times as times
from modelwarden.approvals.reads import OpenSeat as OpenSeat
from modelwarden.approvals.reads import answered as answered
from modelwarden.approvals.reads import approval as approval
from modelwarden.approvals.reads import approvals as approvals
from modelwarden.approvals.reads import envelopes as envelopes
from modelwarden.approvals.reads import find_open_request as find_open_request
from modelwarden.approvals.reads import statement as statement
from modelwarden.approvals.request import RequestState as RequestState
from modelwarden.approvals.request import RequestType as RequestType
from modelwarden.approvals.requesting import request as request
from modelwarden.approvals.requesting import request_access as request_access
from modelwarden.approvals.requesting import withdraw as withdraw
from modelwarden.approvals.signed_files import record_signature as record_signature
from modelwarden.approvals.statement import PAYLOAD_TYPE as PAYLOAD_TYPE
from modelwarden.approvals.statement import check_run_of as check_run_of
from modelwarden.approvals.use_cases import deploy_use_case as deploy_use_case
from modelwarden.approvals.use_cases import deprecate_use_case as deprecate_use_case
from modelwarden.approvals.use_cases import find_use_case_request as find_use_case_request
from modelwarden.approvals.use_cases import submit_use_case as submit_use_case
from modelwarden.approvals.use_cases import sunset_use_case as sunset_use_case
from modelwarden.approvals.use_cases import use_cases_due as use_cases_due
from modelwarden.approvals.voiding import expire_due as expire_due
from modelwarden.approvals.voiding import has_due as has_due
from modelwarden.approvals.voiding import models_in_force as models_in_force
from modelwarden.approvals.voiding import void_changed as void_changed
from modelwarden.approvals.voiding import void_key as void_key
from modelwarden.approvals.voiding import void_use_case as void_use_case
from modelwarden.approvals.waivers.asking import end_waiver as end_waiver
from modelwarden.approvals.waivers.asking import request_waiver as request_waiver
from modelwarden.approvals.waivers.reads import waiver as waiver
from modelwarden.approvals.waivers.reads import waivers as waivers
