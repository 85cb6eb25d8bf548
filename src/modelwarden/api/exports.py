"""Routes by which entries leave the house: a zip that verifies with no server, files for other programs, reports."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import answers
from modelwarden.audit import actions
from modelwarden.audit.actions import PreparedTable
from modelwarden.permissions import Permission
from modelwarden.values.report import ReportAnswer

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["audit log"])

LARGEST: Final = 2**53 - 1
FOLDER: Final = "folder"
MANIFEST: Final = "Governance-Manifest"
"""The header that holds the signed manifest of a file."""
KINDS: Final = MappingProxyType(
    {
        "folder": ("application/zip", "zip"),
        "jsonl": ("application/x-ndjson", "jsonl"),
        "csv": ("text/csv; charset=utf-8", "csv"),
        "parquet": ("application/vnd.apache.parquet", "parquet"),
        "cloudevents": ("application/x-ndjson", "cloudevents.jsonl"),
    }
)
DOCUMENTS: Final = MappingProxyType(
    {
        "json": "application/json",
        "html": "text/html; charset=utf-8",
        "md": "text/markdown; charset=utf-8",
    }
)
Seq = Annotated[int, Query(ge=0, le=LARGEST)]


@router.get("/audit-log/export", responses=answers(bytes, kind="application/zip"))
async def export(  # which entries, and in which form
    caller: Annotated[Caller, may(Permission.AUDIT_EXPORT, rate=Rate.EXPENSIVE)],
    first: Seq = 0,
    last: Seq | None = None,
    since: str | None = None,
    until: str | None = None,
    format: str = FOLDER,  # noqa: A002  # the field's name
) -> Response:
    """Return a range as a zip that verifies with no server, or as one file; that it left is recorded first."""
    form = None if format == FOLDER else actions.form_named(format)
    await caller.prepare(caller.host.warden.sign)
    place = Path(tempfile.mkdtemp(prefix="modelwarden-export-"))
    forget = partial(shutil.rmtree, place, ignore_errors=True)
    try:
        prepare: Callable[..., Any] = (
            partial(actions.prepare_export, zipped=True)
            if form is None
            else partial(actions.prepare_table, form=form)
        )
        prepared = await caller.look(
            partial(
                prepare,
                output=place / "export",
                first=first,
                last=last,
                since=since,
                until=until,
            )
        )
        record = partial(actions.record_export, prepared=prepared)
        told = await caller.write(record, lambda _view, _done: None)
        made = prepared.release()
    except BaseException:
        forget()
        raise
    headers = {"Governance-Entry": told.headers["Governance-Entry"]}
    if isinstance(prepared, PreparedTable):
        headers[MANIFEST] = prepared.manifest.decode("ascii").strip()
    media, ending = KINDS[format]
    return FileResponse(
        made.path,
        media_type=media,
        filename=f"ledger-export.{ending}",
        headers=headers,
        background=BackgroundTask(forget),
    )


@router.get("/audit-log/report", responses=answers(ReportAnswer))
async def report(
    caller: Annotated[Caller, may(Permission.AUDIT_READ, rate=Rate.EXPENSIVE)],
    since: str,
    until: str,
    as_of: Seq | None = None,
    format: str | None = None,  # noqa: A002  # the field's name
) -> Response:
    """Report what happened in a period: totals, each HIGH and CRITICAL entry, verification; as json, html or md."""
    form = actions.report_form(format)
    if as_of is None:
        await caller.prepare(caller.host.warden.sign)
    counted = partial(actions.report, since=since, until=until, as_of=as_of)
    found = await caller.look(counted)
    data = await caller.prepare(partial(actions.written, found, form))
    headers = {}
    if form.value != "json":
        headers["Content-Disposition"] = f'attachment; filename="audit-report.{form.value}"'
    return Response(data, media_type=DOCUMENTS[form.value], headers=headers)
