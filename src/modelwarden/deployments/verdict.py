"""The gate's own word about a release, signed by the server's key: an in-toto SVR (RL-27). Pure.

Form: Simple Verification Result v0.1 of the in-toto attestation framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.approvals.offline import GATE_RESULT
from modelwarden.approvals.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from modelwarden.ledger.dsse import Envelope, seal
from modelwarden.values.canonical import encode_any
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.ledger.keys import SigningKey
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import Digest, RequestId, VersionName

VERIFIER: Final = "urn:modelwarden:gate:v1"


def allowed(  # noqa: PLR0913  # all that the word says
    version: VersionName,
    *,
    sha256: Digest,
    environment: Environment,
    request: RequestId | None,
    overridden: tuple[str, ...] = (),
    at: datetime,
    key: SigningKey,
) -> Envelope:
    """Say that the gate let these bytes pass to an environment, on that request.

    Where an emergency passed over something, that is said instead of an approval (AC-22).
    """
    properties = ["MODELWARDEN_GATE_ALLOWED", f"MODELWARDEN_ENVIRONMENT_{environment.upper()}"]
    properties += [f"MODELWARDEN_OVERRIDDEN_{code.upper()}" for code in overridden]
    if request is not None and not overridden:
        properties.append(f"MODELWARDEN_APPROVED_BY_{request}")
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": version, "digest": {"sha256": sha256}}],
        "predicateType": GATE_RESULT,
        "predicate": {
            "verifier": {"id": VERIFIER},
            "timeCreated": timestamp(at),
            "properties": properties,
        },
    }
    return seal(PAYLOAD_TYPE, encode_any(statement), key)
