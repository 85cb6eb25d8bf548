"""What an actor can do about access; doors import this file alone."""

from __future__ import annotations

from modelwarden.access.accounts import add_service_account as add_service_account
from modelwarden.access.accounts import add_user as add_user
from modelwarden.access.accounts import deactivate as deactivate
from modelwarden.access.accounts import email_of as email_of
from modelwarden.access.accounts import handle_of as handle_of
from modelwarden.access.accounts import link as link
from modelwarden.access.accounts import me as me
from modelwarden.access.accounts import reactivate as reactivate
from modelwarden.access.accounts import service_accounts as service_accounts
from modelwarden.access.accounts import suspend as suspend
from modelwarden.access.accounts import update_user as update_user
from modelwarden.access.accounts import user as user
from modelwarden.access.accounts import users as users
from modelwarden.access.allowed import require_person as require_person
from modelwarden.access.enrolment import challenge as challenge
from modelwarden.access.enrolment import confirm_key as confirm_key
from modelwarden.access.enrolment import enrol as enrol
from modelwarden.access.enrolment import enrolment_message as enrolment_message
from modelwarden.access.enrolment import key as key
from modelwarden.access.enrolment import keys as keys
from modelwarden.access.enrolment import revoke_key as revoke_key
from modelwarden.access.granting import define_role as define_role
from modelwarden.access.granting import grant as grant
from modelwarden.access.granting import revoke as revoke
from modelwarden.access.holding import may as may
from modelwarden.access.holding import roles as roles
from modelwarden.access.holding import roles_of as roles_of
from modelwarden.access.permits import in_bootstrap as in_bootstrap
from modelwarden.access.permits import spend as spend
from modelwarden.access.permits import write_permit as write_permit
from modelwarden.access.rotating import decision_keys as decision_keys
from modelwarden.access.rotating import revoke_server_key as revoke_server_key
from modelwarden.access.rotating import rotate_server_key as rotate_server_key
from modelwarden.access.rotating import server_keys as server_keys
from modelwarden.access.set_up import add_person as add_person
from modelwarden.access.set_up import needs_set_up as needs_set_up
from modelwarden.access.set_up import new_link as new_link
from modelwarden.access.set_up import set_up as set_up
from modelwarden.access.tokens import create_token as create_token
from modelwarden.access.tokens import report_token as report_token
from modelwarden.access.tokens import revoke_token as revoke_token
from modelwarden.access.tokens import rotate_token as rotate_token
from modelwarden.access.tokens import tokens as tokens
