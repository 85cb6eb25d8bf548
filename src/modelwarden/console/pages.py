"""The pages and their routes. A page asks the same actions as the API, and decides nothing."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.answers import new_token_answer
from modelwarden.api.caller import settled
from modelwarden.api.host import Host
from modelwarden.api.limits import Rate
from modelwarden.api.origin import address_of
from modelwarden.console.approval_pages import APPROVAL, APPROVALS
from modelwarden.console.deployment_page import DEPLOYMENT
from modelwarden.console.deployment_pages import DEPLOYMENTS
from modelwarden.console.desk import Desk
from modelwarden.console.drift_page import DRIFT
from modelwarden.console.drill_form import RUN
from modelwarden.console.drill_pages import DRILL, DRILLS
from modelwarden.console.emergency_page import EMERGENCIES
from modelwarden.console.failure_pages import FAILURE, FAILURES
from modelwarden.console.forms import form
from modelwarden.console.freeze_page import FREEZES
from modelwarden.console.guard_pages import COVERAGE, GUARDS
from modelwarden.console.identity_page import IDENTITIES
from modelwarden.console.kill_page import KILL
from modelwarden.console.local_stop_page import LOCAL_STOPS
from modelwarden.console.model_pages import MODEL, MODELS
from modelwarden.console.overview import OVERVIEW
from modelwarden.console.policy_pages import DRY_RUN, IMPORT
from modelwarden.console.proposal_page import PROPOSALS
from modelwarden.console.seat_page import SEATS
from modelwarden.console.static_files import StaticFiles
from modelwarden.console.stop_page import STOP
from modelwarden.console.switch_page import ENTRY, HISTORY, SWITCH
from modelwarden.console.trigger_form import SET
from modelwarden.console.trigger_pages import TRIGGER, TRIGGERS
from modelwarden.console.use_case_pages import USE_CASE, USE_CASES
from modelwarden.console.version_page import VERSION
from modelwarden.console.waiver_page import WAIVERS
from modelwarden.errors import WardenError
from modelwarden.values.answers import TokenAnswer
from modelwarden.values.system import system

LONGEST_SECRET: Final = 128
SHEETS: Final = (
    KILL, STOP, HISTORY, PROPOSALS, SWITCH, LOCAL_STOPS, TRIGGERS, SET, TRIGGER, DRILLS, RUN, DRILL, FAILURES, FAILURE,
    DRIFT, GUARDS, COVERAGE, DEPLOYMENTS, FREEZES, DEPLOYMENT, APPROVALS, APPROVAL, USE_CASES, USE_CASE, SEATS,
    EMERGENCIES, WAIVERS, DRY_RUN, IMPORT, MODELS, MODEL, VERSION, IDENTITIES, ENTRY,
)  # fmt: skip
"""Asked in this order: a page that has a name of its own comes before one whose address holds an id."""


def add_console(app: FastAPI, host: Host) -> None:
    """Add the pages to the app of the API."""
    files = StaticFiles()
    desk = Desk(host, files)
    pages = Pages(host, desk)
    app.add_route("/", pages.welcome, methods=["GET"])
    app.add_route(OVERVIEW.place, desk.endpoint(OVERVIEW), methods=["POST"])
    app.add_route("/set-up", pages.set_up_form, methods=["GET"])
    app.add_route("/set-up", pages.set_up, methods=["POST"])
    app.add_route("/static/{name}", files.serve, methods=["GET"])
    for sheet in SHEETS:
        app.add_route(sheet.place, desk.endpoint(sheet), methods=["GET", "POST"])


class Pages:
    """The pages of one app."""

    def __init__(self, host: Host, desk: Desk) -> None:
        self._host = host
        self.page = desk.page

    async def welcome(self, request: Request) -> Response:
        """Show how the program is, and how to come in."""
        self._limit(request, Rate.READ)
        warden = self._host.warden
        health = await self._host.read(warden.operation.health)
        is_new = await self._host.look(system("console"), actions.needs_set_up)
        address = f"{request.url.scheme}://{request.url.netloc}"
        return self.page("welcome.html", health=health, is_new=is_new, address=address)

    async def set_up_form(self, request: Request) -> Response:
        """Ask for the first administrator's handle."""
        self._limit(request, Rate.READ)
        secret = request.query_params.get("secret", "")[:LONGEST_SECRET]
        return self.page("set_up.html", secret=secret, handle="", problem=None)

    async def set_up(self, request: Request) -> Response:
        """Make the first administrator, and show the token this once."""
        self._limit(request, Rate.SIGN_IN)
        fields = await form(request)
        secret, handle = fields.get("secret", ""), fields.get("handle", "")
        try:
            token = await self._first_token(secret, handle)
        except WardenError as error:
            page = partial(self.page, "set_up.html", status=error.status)
            return page(secret=secret[:LONGEST_SECRET], handle=handle, problem=str(error))
        address = f"{request.url.scheme}://{request.url.netloc}"
        return self.page("token.html", token=token, address=address, status=201)

    async def _first_token(self, secret: str, handle: str) -> TokenAnswer:
        act = partial(actions.set_up, secret=secret, handle=handle)

        def change(change: Any) -> TokenAnswer:  # noqa: ANN401  # a change
            return new_token_answer(change, act(change))

        done = await settled(self._host.warden.submit(system("set_up"), change))
        found: TokenAnswer = done.value
        return found

    def _limit(self, request: Request, rate: Rate) -> None:
        proxies = self._host.warden.settings.behind_proxy
        self._host.limits.take(rate, address_of(request, proxies))
