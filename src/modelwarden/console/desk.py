"""How a page is asked for, and by whom.

Until this console has sign-in, each form carries a token, typed for that one step: it is kept in no page, cookie,
address or log, and another site can't send it. So a page is shown to a POST with a token; a GET asks for one. What a
page shows is chosen by its address alone, which can be kept and sent around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.caller import settled
from modelwarden.api.host import Host
from modelwarden.api.limits import Rate
from modelwarden.api.origin import address_of
from modelwarden.api.replies import CSV, table
from modelwarden.console import words
from modelwarden.console.forms import form
from modelwarden.console.frame import NAV, Frame, frame_of
from modelwarden.console.static_files import StaticFiles
from modelwarden.deployments.actions import Candidate, Prepared, hashed, look_outside
from modelwarden.errors import FormInvalid, Refusal, Unauthenticated, WardenError
from modelwarden.values.pages import Listing, Page
from modelwarden.values.principal import Principal

FORM_BYTES: Final = 32 * 1024
LONGEST: Final = 256
"""Characters of one value in the address of a page; cursors fit."""
PART: Final = 500
MOST_ROWS: Final = 10_000
"""Rows of a table that leaves as CSV at once."""
OUTSIDE: Final = "outside"
READS: Final = frozenset({"look", "preview", OUTSIDE})
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

Fields = Mapping[str, str]
Change = Callable[[Any], Any]
Rows = Callable[[Any, Fields, Page], Listing[Any]]


class Hashing(NamedTuple):
    """A step for which an artifact is read first, with no transaction open (RL-34).

    Attributes:
        find: returns where it is, from a view.
        act: the change, given what was read.
    """

    find: Callable[[Any], Candidate]
    act: Callable[[Any, Prepared], Any]


class Beyond(NamedTuple):
    """What a page reads of other systems when it is asked to, with no transaction open.

    Attributes:
        find: returns what is to be read, from a view and the address.
        answer: returns what was seen as the template needs it.
        hashes: what is found is a version whose artifact is read too, and `answer` gets it prepared.
    """

    find: Callable[[Any, Fields], tuple[Any, ...]]
    answer: Callable[[Any, Fields, tuple[Any, ...]], Any]
    hashes: bool = False


class Sheet(NamedTuple):
    """One page: where it stands, what it shows, and what its forms do.

    Attributes:
        read: returns what the template needs, from a view, the address, the frame and what was typed.
        names: what its address may say; the rest is not looked at.
        rows: returns a part of its table, for CSV.
        step: returns the change that a form asks for.
        after: the page that stands there once a step was done; the page itself unless said.
        beyond: what its form `outside` reads of other systems.
    """

    template: str
    title: str
    place: str
    read: Callable[[Any, Fields, Frame, Fields], Mapping[str, Any]]
    names: tuple[str, ...] = ()
    rows: Rows | None = None
    step: Callable[[str, Fields, Fields], Change | Hashing] | None = None
    after: Sheet | None = None
    beyond: Beyond | None = None
    ask: str = "ask.html"


class Done(NamedTuple):
    """What a step came to, and the entry that records it."""

    value: Any
    entry: int
    step: str


class Desk:
    """Shows pages of one app to whoever has a token."""

    def __init__(self, host: Host, files: StaticFiles) -> None:
        self._host = host
        self._templates = Environment(
            loader=PackageLoader("modelwarden.console"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"asset": files.path, "nav": NAV}
        self._templates.filters |= {
            "moment": words.moment_words,
            "span": words.span,
            "ms": words.milliseconds,
            "clock": words.clock,
            "number": words.number,
            "sentence": words.sentence,
            "percent": words.percent,
        }

    def page(self, template: str, *, status: int = 200, **given: Any) -> Response:  # noqa: ANN401  # for the template
        """Return a page, filled in; without a frame where nobody is known."""
        filled = {"frame": None, "title": "", "place": "", "here": "", "problem": None} | given
        text = self._templates.get_template(template).render(filled)
        return Response(text, status, media_type="text/html")

    def endpoint(self, sheet: Sheet) -> Callable[[Request], Any]:
        """Return what answers GET and POST of a page."""

        async def answer(request: Request) -> Response:
            if request.method == "POST":
                return await self._shown(request, sheet)
            self._host.limits.take(Rate.READ, self._address(request))
            return self._asking(request, sheet)

        return answer

    async def _shown(self, request: Request, sheet: Sheet) -> Response:
        try:
            _check_origin(request)
            fields = await form(request, size_bytes=FORM_BYTES)
            principal = await self._who(request, fields.get("token", ""))
        except WardenError as error:
            return self._asking(request, sheet, problem=error)
        kept = {name: value for name, value in fields.items() if name != "token"}
        query = _query(request, sheet)
        step, done, problem, seen = kept.get("do", "look"), None, None, None
        try:
            if kept.get("format") == "csv" and sheet.rows is not None:
                return await self._csv(principal, sheet, query)
            done = await self._step(principal, sheet, step, query, kept)
            if step == OUTSIDE and sheet.beyond is not None:
                seen = await self._seen(principal, sheet.beyond, query)
        except WardenError as error:
            problem = error
        shown = sheet.after if done is not None and sheet.after is not None else sheet
        return await self._filled(
            principal, shown, query, kept, done=done, problem=problem, seen=seen
        )

    async def _filled(  # noqa: PLR0913  # what a page is filled with
        self,
        principal: Principal,
        sheet: Sheet,
        query: Fields,
        kept: Fields,
        *,
        done: Done | None,
        problem: WardenError | None,
        seen: tuple[Any, ...] | None,
    ) -> Response:
        def read(view: Any) -> tuple[Frame, Mapping[str, Any] | WardenError]:  # noqa: ANN401  # a view
            frame = frame_of(view)
            try:
                found = dict(sheet.read(view, query, frame, kept))
                if sheet.beyond is not None:
                    answer = sheet.beyond.answer
                    found["beyond"] = None if seen is None else answer(view, query, seen)
            except WardenError as error:
                return frame, error
            return frame, found

        frame, found = await self._host.look(principal, read)
        shown: dict[str, Any] = {
            "frame": frame,
            "title": sheet.title,
            "place": sheet.place,
            "query": query,
            "here": _here(sheet, query),
            "kept": kept if problem is not None or kept.get("do") == "preview" else NOTHING,
            "done": done,
            "problem": problem,
            "recorded": problem.entry if isinstance(problem, Refusal) else None,
        }
        if isinstance(found, WardenError):
            shown |= {"problem": found}
            return self.page("refused.html", status=found.status, **shown)
        page = self.page(
            sheet.template, status=200 if problem is None else problem.status, **shown, **found
        )
        page.headers["Content-Location"] = shown["here"]
        return page

    def _asking(
        self, request: Request, sheet: Sheet, *, problem: WardenError | None = None
    ) -> Response:
        query = _query(request, sheet)
        return self.page(
            sheet.ask,
            status=200 if problem is None else problem.status,
            title=sheet.title,
            place=sheet.place,
            query=query,
            here=_here(sheet, query),
            problem=problem,
            kept=NOTHING,
        )

    async def _who(self, request: Request, token: str) -> Principal:
        """Return who a token stands for. Raises Unauthenticated, RateLimited."""
        warden, address = self._host.warden, self._address(request)
        try:
            found = warden.known(token, address=address)
            if found is None:
                found = await self._host.read(lambda: warden.authenticate(token, address=address))
        except Unauthenticated as error:
            self._host.limits.take(Rate.SIGN_IN, address)
            raise Unauthenticated(
                "this token is not valid; take one from `modelwarden tokens create`"
            ) from error
        return found

    async def _step(
        self, principal: Principal, sheet: Sheet, step: str, query: Fields, kept: Fields
    ) -> Done | None:
        """Carry one step out. Raises whatever its action raises."""
        reads = step in READS
        self._host.limits.take(Rate.READ if reads else Rate.RESERVE, principal.actor)
        if reads:
            return None
        if sheet.step is None:
            raise FormInvalid("send a form of the page")
        change = await self._hashed(principal, sheet.step(step, query, kept))
        answer = await settled(self._host.warden.submit(principal, change))
        return Done(answer.value, answer.receipt.seq, step)

    async def _seen(self, principal: Principal, beyond: Beyond, query: Fields) -> tuple[Any, ...]:
        """Read other systems. Raises RateLimited, and what finding raises."""
        self._host.limits.take(Rate.WRITE, principal.actor)
        asked, at = await self._host.look(
            principal, lambda view: (beyond.find(view, query), view.now)
        )
        warden = self._host.warden
        if beyond.hashes:
            read = partial(hashed, asked[0], warden.settings, warden.sources)
            return (await self._host.prepare(read),)
        return await self._host.prepare(partial(look_outside, asked, warden.sources, at=at))

    async def _hashed(self, principal: Principal, asked: Change | Hashing) -> Change:
        """Return the change, its artifact read where it needs one."""
        if not isinstance(asked, Hashing):
            return asked
        warden = self._host.warden
        chosen = await self._host.look(principal, asked.find)
        read = partial(hashed, chosen, warden.settings, warden.sources)
        prepared = await self._host.prepare(read)
        return lambda change: asked.act(change, prepared)

    async def _csv(self, principal: Principal, sheet: Sheet, query: Fields) -> Response:
        """Return a table from its beginning, with the filters of the address; each part counts as a read of its own."""
        rows: list[Any] = []
        read, page = sheet.rows, Page(limit=PART)
        while read is not None and len(rows) < MOST_ROWS:
            self._host.limits.take(Rate.READ, principal.actor)
            part = await self._host.look(principal, partial(_part, read, query, page))
            rows.extend(part.items)
            if part.next_cursor is None:
                break
            page = Page(limit=PART, cursor=part.next_cursor)
        name = sheet.title.lower().replace(" ", "-")
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(table(rows), headers=headers, media_type=CSV)

    def _address(self, request: Request) -> str:
        return address_of(request, self._host.warden.settings.behind_proxy)


def _part(read: Rows, query: Fields, page: Page, view: Any) -> Listing[Any]:  # noqa: ANN401  # a view
    return read(view, query, page)


def _check_origin(request: Request) -> None:
    """Refuse a form that another site sends (AC-76): a token alone makes it work, but nobody is led to type one."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise FormInvalid("this form came from another site; open the page here")


def _query(request: Request, sheet: Sheet) -> dict[str, str]:
    """Return what the address says, as far as the page asks for it."""
    found = {
        name: value
        for name, value in request.query_params.items()
        if name in sheet.names and 0 < len(value) <= LONGEST
    }
    return found | {name: str(value) for name, value in request.path_params.items()}


def _here(sheet: Sheet, query: Fields) -> str:
    """Return the address of a page as it is shown."""
    in_path = {name for name in query if f"{{{name}}}" in sheet.place}
    path = sheet.place.format(**{name: quote(query[name], safe="") for name in in_path})
    rest = {name: value for name, value in query.items() if name in sheet.names}
    return path + (f"?{urlencode(rest)}" if rest else "")
