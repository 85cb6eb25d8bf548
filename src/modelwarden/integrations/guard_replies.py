"""What a guarded web program says of a decision over HTTP: a header, and a problem where nothing is predicted (SG-55).

The header is a structured field (RFC 9651), the problem one of RFC 9457. Neither names switches, versions or
exceptions: whoever asks for predictions is not who runs the model.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from modelwarden.errors import PredictionBlocked, PredictionLimited
from modelwarden.guard.decision import Decision, Status

if TYPE_CHECKING:
    from modelwarden.guard.visit import Visit

HEADER: Final = "Modelwarden-Decision"
PROBLEM: Final = "application/problem+json"
RETRY_BLOCKED_S: Final = 30
"""Nobody knows when a switch is released; so long a caller may wait before it asks again."""

MOST_RETRY_S: Final = 86_400
LONGEST: Final = 64
"""Characters of a step's name that are told."""

WORDS: Final = {
    Status.OK: "ok",
    Status.CLIPPED: "clipped",
    Status.LAST_KNOWN_GOOD: "fallback",
    Status.BASELINE: "fallback",
    Status.DEFAULT: "fallback",
    Status.BLOCKED: "blocked",
    Status.LIMITED: "limited",
    Status.FAILED: "failed",
}
_TOKEN: Final = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*")  # RFC 9651 §3.3.4
_CODE: Final = re.compile(r"[a-z][a-z0-9_]*")
_MOST_INTEGER: Final = 10**15  # RFC 9651 §3.3.1


class Problem(NamedTuple):
    """An answer without a prediction."""

    status: int
    retry_after: str
    body: bytes


def header_of(visit: Visit, *, generation: int) -> str:
    """Return the header's value for what became of a request."""
    decision = visit.decision
    if decision is None:
        return f"ok;gen={generation}"
    return header(decision)


def header(decision: Decision) -> str:
    """Return the header's value for one decision."""
    parts = [WORDS[decision.status]]
    if decision.step is not None:
        parts.append(f"step={bare(decision.step[:LONGEST])}")
    if abs(decision.generation) < _MOST_INTEGER:
        parts.append(f"gen={decision.generation}")
    if decision.drill:
        parts.append("drill")
    return ";".join(parts)


def bare(text: str) -> str:
    """Return text as a bare item: a token, a string, or else a display string (RFC 9651 §4.1)."""
    if _TOKEN.fullmatch(text):
        return text
    if text.isascii() and text.isprintable():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    kept = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '%"')
    encoded = quote(text, safe=kept, errors="replace")
    return '%"' + re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded) + '"'


def problem(decision: Decision) -> Problem:
    """Return what a caller gets who gets no prediction."""
    limited = decision.status is Status.LIMITED
    reasons = [reason.partition(":")[0] for reason in decision.reasons]
    wait_s = decision.retry_after_s
    told: dict[str, object] = {
        "type": f"urn:modelwarden:error:{PredictionLimited.code if limited else PredictionBlocked.code}",
        "title": "Too many predictions are asked for" if limited else "There is no prediction",
        "status": PredictionLimited.status if limited else PredictionBlocked.status,
        "code": PredictionLimited.code if limited else PredictionBlocked.code,
        "detail": "ask again after the time that Retry-After says",
    }
    if limited:
        wait_s = max(1.0, wait_s)
    else:
        told["reasons"] = [reason for reason in reasons if _CODE.fullmatch(reason)]
    wait_s = wait_s if 0 < wait_s < math.inf else RETRY_BLOCKED_S
    status = PredictionLimited.status if limited else PredictionBlocked.status
    retry_after = str(min(MOST_RETRY_S, math.ceil(wait_s)))
    return Problem(status, retry_after, json.dumps(told).encode())


def decision_of(
    error: PredictionBlocked | PredictionLimited, visit: Visit | None = None, *, generation: int = 0
) -> Decision:
    """Return the decision that an error tells of which the program did not catch; the visit takes it in."""
    limited = isinstance(error, PredictionLimited)
    found = Decision(
        None,
        Status.LIMITED if limited else Status.BLOCKED,
        error.reasons,
        generation=generation,
        retry_after_s=error.retry_after_s if isinstance(error, PredictionLimited) else 0.0,
    )
    if visit is not None:
        visit.take(found)
    return found


def told(value: str | None) -> str | None:
    """Return what a header says that was listed by name; one given twice, or not in plain ASCII, says nothing.

    Proxies join headers of one name by commas, so a value with a comma in it may be two callers' words.
    """
    if value is None or "," in value or not value.isascii():
        return None
    return value
