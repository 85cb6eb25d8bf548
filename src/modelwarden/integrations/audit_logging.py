"""A handler of `logging` that records: `logging.getLogger("risk").addHandler(AuditHandler(trail))`."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.integrations.audit_trail import AuditTrail

EVENT: Final = "LOG"
OWN: Final = "modelwarden"
LONGEST_MESSAGE: Final = 10_000
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class AuditHandler(logging.Handler):
    """Records what is logged: the component is the logger's name, the action the function's, the message erasable.

    `extra={"audit": {…}}` may say `event_type`, `action`, `details`, `severity`, `compliance_tags`, `user_id`. What the
    trail itself logs is left out. With `required`, a message that can't be made safe raises TrailDown.
    """

    def __init__(
        self, trail: AuditTrail, level: int | str = logging.INFO, *, required: bool = False
    ) -> None:
        super().__init__(level)
        self._trail, self._required = trail, required

    def emit(self, record: logging.LogRecord) -> None:
        """Record a message; what goes wrong is `logging`'s to show, and breaks nothing."""
        if record.name.partition(".")[0] == OWN or self._trail.is_own_thread():
            return
        try:
            self._record(record)
        except Exception:
            if self._required:
                raise
            self.handleError(record)

    def _record(self, record: logging.LogRecord) -> None:
        said: Mapping[str, Any] = getattr(record, "audit", {})
        self._trail.record(
            said.get("event_type", EVENT),
            said.get("action", _word(record.funcName or "", "log")),
            component=_word(record.name, "root")[:64],
            details=said.get("details", self._details(record)),
            severity=said.get("severity", _severity(record.levelno)),
            compliance_tags=said.get("compliance_tags", ()),
            user_id=said.get("user_id"),
        )
        if self._required:
            self._trail.settle()

    def _details(self, record: logging.LogRecord) -> dict[str, Any]:
        details: dict[str, Any] = {"message": record.getMessage()[:LONGEST_MESSAGE]}
        if record.exc_info and record.exc_info[0] is not None:
            details["error"] = record.exc_info[0].__name__
        return details


def _severity(level: int) -> str:
    if level >= logging.CRITICAL:
        return "CRITICAL"
    if level >= logging.ERROR:
        return "HIGH"
    return "WARNING" if level >= logging.WARNING else "INFO"


def _word(name: str, otherwise: str) -> str:
    return _NO_WORD.sub("", name).lstrip("0123456789.-_")[:128] or otherwise
