"""Modelwarden: may this model go live, who agreed, what exactly is running, and how do we stop it now?

The public surface, loaded when first used: importing the package pulls in nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelwarden.client.mlflow_import import import_from_mlflow as import_from_mlflow
    from modelwarden.client.remote import connect as connect
    from modelwarden.guard.drift_table import drift_reference as drift_reference
    from modelwarden.guard.guard import Guard as Guard
    from modelwarden.guard.recorder import Recorder as Recorder
    from modelwarden.integrations.audit_logging import AuditHandler as AuditHandler
    from modelwarden.integrations.audit_trail import AuditTrail as AuditTrail
    from modelwarden.integrations.governance_audit import governance_audit as governance_audit
    from modelwarden.integrations.mlflow_model import load_model as load_model
    from modelwarden.ledger.keys import SigningKey as SigningKey
    from modelwarden.notify.webhook import verify_webhook as verify_webhook
    from modelwarden.warden.warden import open_warden as open  # noqa: A004  # the name product.md fixes

__version__ = "0.1.0"
__all__ = [
    "AuditHandler",
    "AuditTrail",
    "Guard",
    "Recorder",
    "SigningKey",
    "__version__",
    "connect",
    "drift_reference",
    "errors",
    "governance_audit",
    "import_from_mlflow",
    "load_model",
    "open",
    "verify_webhook",
]

_WHERE: Final = {
    "open": ("modelwarden.warden.warden", "open_warden"),
    "connect": ("modelwarden.client.remote", "connect"),
    "AuditHandler": ("modelwarden.integrations.audit_logging", "AuditHandler"),
    "AuditTrail": ("modelwarden.integrations.audit_trail", "AuditTrail"),
    "governance_audit": ("modelwarden.integrations.governance_audit", "governance_audit"),
    "drift_reference": ("modelwarden.guard.drift_table", "drift_reference"),
    "Guard": ("modelwarden.guard.guard", "Guard"),
    "Recorder": ("modelwarden.guard.recorder", "Recorder"),
    "SigningKey": ("modelwarden.ledger.keys", "SigningKey"),
    "import_from_mlflow": ("modelwarden.client.mlflow_import", "import_from_mlflow"),
    "load_model": ("modelwarden.integrations.mlflow_model", "load_model"),
    "verify_webhook": ("modelwarden.notify.webhook", "verify_webhook"),
    "errors": ("modelwarden.errors", None),
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _WHERE[name]
    loaded = importlib.import_module(module)
    return loaded if attribute is None else getattr(loaded, attribute)
