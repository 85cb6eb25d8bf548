"""A report as a document: JSON for programs, Markdown for a ticket, HTML for people to read and print."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelwarden.audit.report.chart import SEVERITIES, chart
from modelwarden.errors import FilterInvalid
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from jinja2 import Template

    from modelwarden.values.report import ReportAnswer

FOLDER: Final = Path(__file__).parent
ENDINGS: Final = {".json": "json", ".html": "html", ".htm": "html", ".md": "md"}


class ReportForm(StrEnum):
    """How a report is written."""

    JSON = "json"
    HTML = "html"
    MD = "md"


def report_form(word: str | None, output: str = "") -> ReportForm:
    """Return the form of this name, or without one that of a file's ending; JSON otherwise. Raises FilterInvalid."""
    chosen = word or ENDINGS.get(Path(output).suffix.lower(), "json")
    try:
        return ReportForm(chosen)
    except ValueError:
        raise FilterInvalid("format", f"one of {', '.join(ReportForm)}") from None


def written(found: ReportAnswer, form: ReportForm) -> bytes:
    """Return a report as a document: the same bytes for the same report."""
    if form is ReportForm.JSON:
        text = json.dumps(_plain(found), ensure_ascii=False, indent=2)
        return f"{text}\n".encode()
    drawn = chart(found.days, found.since, found.until)
    text = _template(f"report.{form.value}").render(report=found, chart=drawn, names=SEVERITIES)
    return text.encode()


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  # for reports alone

    around = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,  # in Markdown too: HTML in it would be run by who shows it
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    around.filters["moment"] = _moment
    around.filters["cell"] = _cell
    return around.get_template(name)


def _moment(value: datetime | str) -> str:
    """Return a time to the second, as people read it."""
    text = timestamp(value) if isinstance(value, datetime) else value
    return text[:19].replace("T", " ")


def _cell(text: object) -> str:
    """Return a text that can't end a cell of a Markdown table, nor be markup in it."""
    words = " ".join(str(text).split())
    return "".join(f"\\{each}" if each in "\\`*_[]|~#!" else each for each in words)


def _plain(value: Any) -> Any:  # noqa: ANN401  # JSON
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return timestamp(value) if isinstance(value, datetime) else value
