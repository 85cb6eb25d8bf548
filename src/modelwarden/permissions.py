"""Everything that can be allowed, and which built-in role allows it (AC-6).

This is the one catalogue: the matrix in the docs is generated from it, and every route names a member. The names of the
source documents are aliases when asking (AC-6a), never permissions of their own.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Permission(StrEnum):
    """One thing that an actor may be allowed to do: `noun.verb`."""

    MODEL_READ = "model.read"
    MODEL_REGISTER = "model.register"
    MODEL_UPDATE = "model.update"
    MODEL_SUBMIT = "model.submit"
    MODEL_RETIRE = "model.retire"
    MODEL_APPROVE = "model.approve"
    USE_CASE_READ = "use_case.read"
    USE_CASE_CREATE = "use_case.create"
    USE_CASE_UPDATE = "use_case.update"
    USE_CASE_SUBMIT = "use_case.submit"
    USE_CASE_APPROVE = "use_case.approve"
    USE_CASE_DEPLOY = "use_case.deploy"
    USE_CASE_DEPRECATE = "use_case.deprecate"
    ARTIFACT_WRITE = "artifact.write"
    METRIC_RECORD = "metric.record"
    EVIDENCE_ATTEST = "evidence.attest"
    WAIVER_REQUEST = "waiver.request"
    WAIVER_SIGN = "waiver.sign"
    LINEAGE_READ = "lineage.read"
    LINEAGE_WRITE = "lineage.write"
    POLICY_READ = "policy.read"
    POLICY_DRAFT = "policy.draft"
    POLICY_PUBLISH = "policy.publish"
    POLICY_ASSIGN = "policy.assign"
    COMPLIANCE_READ = "compliance.read"
    COMPLIANCE_REPORT = "compliance.report"
    APPROVAL_READ = "approval.read"
    APPROVAL_DECIDE = "approval.decide"
    DEPLOYMENT_READ = "deployment.read"
    DEPLOY_STAGING = "deploy.staging"
    DEPLOY_PRODUCTION = "deploy.production"
    DEPLOY_ROLLBACK = "deploy.rollback"
    DEPLOY_FREEZE = "deploy.freeze"
    DEPLOY_REVIEW = "deploy.review"
    DEPLOY_EMERGENCY = "deploy.emergency"
    SWITCH_READ = "switch.read"
    SWITCH_ACTIVATE = "switch.activate"
    SWITCH_RELEASE = "switch.release"
    DRILL_RUN = "drill.run"
    TRIGGER_WRITE = "trigger.write"
    FRESHNESS_RECORD = "freshness.record"
    GUARD_READ = "guard.read"
    GUARD_REPORT = "guard.report"
    SLA_DEFINE = "sla.define"
    SLA_RECORD = "sla.record"
    AUDIT_READ = "audit.read"
    AUDIT_VERIFY = "audit.verify"
    AUDIT_EXPORT = "audit.export"
    AUDIT_APPEND = "audit.append"
    PERSONAL_READ = "personal.read"
    METRICS_READ = "metrics.read"
    USER_MANAGE = "user.manage"
    GROUP_MANAGE = "group.manage"
    ROLE_MANAGE = "role.manage"
    ROLE_ASSIGN = "role.assign"
    ACCESS_REVIEW = "access.review"
    TOKEN_ISSUE_SELF = "token.issue_self"  # noqa: S105  # a permission's name
    TOKEN_ISSUE_OTHER = "token.issue_other"  # noqa: S105  # a permission's name
    KEY_ENROL_SELF = "key.enrol_self"
    DELEGATION_CREATE = "delegation.create"
    KEY_CONFIRM = "key.confirm"
    KEY_REVOKE_OTHER = "key.revoke_other"
    ENDPOINT_MANAGE = "endpoint.manage"
    SETTINGS_MANAGE = "settings.manage"
    RETENTION_MANAGE = "retention.manage"
    HOLD_MANAGE = "hold.manage"
    ERASURE_REQUEST = "erasure.request"
    SERVER_KEY_ROTATE = "server_key.rotate"


class BuiltInRole(StrEnum):
    """The roles that every installation has. Immutable (AC-7)."""

    OPERATOR = "operator"
    ANALYST = "analyst"
    APPROVER = "approver"
    ADMIN = "admin"
    AUDITOR = "auditor"
    DEVELOPER = "developer"


BUILT_IN: Final = frozenset(role.value for role in BuiltInRole)
"""Names of the built-in roles."""

_P = Permission
_EVERYONE: Final = frozenset(
    {
        _P.MODEL_READ, _P.LINEAGE_READ, _P.POLICY_READ, _P.COMPLIANCE_READ, _P.APPROVAL_READ,
        _P.DEPLOYMENT_READ, _P.SWITCH_READ, _P.TOKEN_ISSUE_SELF, _P.KEY_ENROL_SELF, _P.USE_CASE_READ,
        _P.DELEGATION_CREATE,
    }
)  # fmt: skip
_DECIDING: Final = frozenset(
    {_P.APPROVAL_DECIDE, _P.MODEL_APPROVE, _P.USE_CASE_APPROVE, _P.WAIVER_SIGN}
)

ROLE_PERMISSIONS: Final[Mapping[BuiltInRole, frozenset[Permission]]] = MappingProxyType(
    {
        BuiltInRole.OPERATOR: _EVERYONE
        | {
            _P.EVIDENCE_ATTEST, _P.WAIVER_REQUEST,
            _P.METRIC_RECORD, _P.DEPLOY_STAGING, _P.DEPLOY_PRODUCTION, _P.DEPLOY_ROLLBACK,
            _P.DEPLOY_FREEZE, _P.DEPLOY_REVIEW, _P.MODEL_RETIRE, _P.SWITCH_ACTIVATE, _P.SWITCH_RELEASE,
            _P.DRILL_RUN, _P.AUDIT_READ, _P.TRIGGER_WRITE, _P.FRESHNESS_RECORD, _P.SLA_DEFINE,
            _P.USE_CASE_DEPLOY, _P.USE_CASE_DEPRECATE,
        },
        BuiltInRole.ANALYST: _EVERYONE
        | {_P.POLICY_DRAFT, _P.COMPLIANCE_REPORT, _P.AUDIT_READ, _P.EVIDENCE_ATTEST},
        BuiltInRole.APPROVER: _EVERYONE
        | _DECIDING
        | {
            _P.DEPLOY_REVIEW, _P.POLICY_DRAFT, _P.COMPLIANCE_REPORT, _P.AUDIT_READ, _P.EVIDENCE_ATTEST,
        },
        BuiltInRole.ADMIN: _EVERYONE
        | {
            _P.POLICY_DRAFT, _P.POLICY_PUBLISH, _P.POLICY_ASSIGN, _P.COMPLIANCE_REPORT,
            _P.AUDIT_READ, _P.AUDIT_VERIFY, _P.AUDIT_EXPORT, _P.USER_MANAGE, _P.GROUP_MANAGE, _P.ROLE_MANAGE,
            _P.ROLE_ASSIGN, _P.ACCESS_REVIEW, _P.TOKEN_ISSUE_OTHER, _P.KEY_CONFIRM,
            _P.KEY_REVOKE_OTHER, _P.ENDPOINT_MANAGE, _P.SETTINGS_MANAGE, _P.RETENTION_MANAGE,
            _P.HOLD_MANAGE, _P.ERASURE_REQUEST, _P.SERVER_KEY_ROTATE, _P.SWITCH_ACTIVATE,
            _P.DRILL_RUN, _P.TRIGGER_WRITE, _P.SLA_DEFINE, _P.DEPLOY_FREEZE, _P.DEPLOY_REVIEW,
        },
        BuiltInRole.AUDITOR: _EVERYONE
        | {
            _P.COMPLIANCE_REPORT, _P.AUDIT_READ, _P.AUDIT_VERIFY, _P.AUDIT_EXPORT,
            _P.ACCESS_REVIEW,
        },
        BuiltInRole.DEVELOPER: _EVERYONE
        | {
            _P.MODEL_REGISTER, _P.MODEL_UPDATE, _P.MODEL_SUBMIT, _P.ARTIFACT_WRITE,
            _P.LINEAGE_WRITE, _P.METRIC_RECORD, _P.FRESHNESS_RECORD, _P.USE_CASE_CREATE,
            _P.USE_CASE_UPDATE, _P.USE_CASE_SUBMIT, _P.EVIDENCE_ATTEST, _P.WAIVER_REQUEST,
        },
    }
)  # fmt: skip

SINGLY_GRANTED: Final = frozenset(
    {
        _P.PERSONAL_READ, _P.METRICS_READ, _P.AUDIT_APPEND, _P.GUARD_READ, _P.GUARD_REPORT, _P.SLA_RECORD,
        _P.DEPLOY_EMERGENCY,
    }
)  # fmt: skip
"""What no built-in role holds; custom roles carry it (AC-6)."""

READING: Final = frozenset(p for p in Permission if p.value.endswith(".read")) | {
    _P.AUDIT_VERIFY,
    _P.AUDIT_EXPORT,
    _P.COMPLIANCE_REPORT,
    _P.ACCESS_REVIEW,
}
"""What changes nothing that is governed; the most that an auditor's roles may hold (AC-8)."""

SELF_SERVICE: Final = frozenset({_P.TOKEN_ISSUE_SELF, _P.KEY_ENROL_SELF, _P.DELEGATION_CREATE})
"""What concerns the actor's own credentials, and who stands in, alone."""

DECIDING: Final = _DECIDING
ADMINISTERING: Final = frozenset(
    {
        _P.USER_MANAGE, _P.GROUP_MANAGE, _P.ROLE_MANAGE, _P.ROLE_ASSIGN, _P.TOKEN_ISSUE_OTHER, _P.KEY_CONFIRM,
        _P.KEY_REVOKE_OTHER, _P.ENDPOINT_MANAGE, _P.SETTINGS_MANAGE, _P.POLICY_PUBLISH,
        _P.POLICY_ASSIGN, _P.RETENTION_MANAGE, _P.HOLD_MANAGE, _P.ERASURE_REQUEST,
        _P.SERVER_KEY_ROTATE,
    }
)  # fmt: skip
BY_PERMIT: Final = _DECIDING | ADMINISTERING | {_P.DEPLOY_EMERGENCY}
"""What nobody is given without an approved request (AC-40): emergencies are authorised beforehand (AC-21)."""
SENSITIVE: Final = _DECIDING | ADMINISTERING | {
    _P.DEPLOY_STAGING, _P.DEPLOY_PRODUCTION, _P.DEPLOY_ROLLBACK, _P.DEPLOY_FREEZE, _P.DEPLOY_EMERGENCY,
    _P.MODEL_RETIRE, _P.USE_CASE_DEPLOY, _P.USE_CASE_DEPRECATE, _P.AUDIT_EXPORT,
    _P.PERSONAL_READ, _P.SWITCH_ACTIVATE, _P.SWITCH_RELEASE, _P.DRILL_RUN, _P.TRIGGER_WRITE,
}  # fmt: skip
"""Uses of these are in the ledger even where the answer is yes (AC-60)."""

OWNING: Final = frozenset({_P.SWITCH_ACTIVATE})
"""What the owner of a model may do with it without any role (AC-6)."""

STOPPING: Final = frozenset({_P.SWITCH_ACTIVATE, _P.SWITCH_RELEASE, _P.TRIGGER_WRITE})
"""What stops models and lets them go on: third parties only read (AC-24)."""

ALIASES: Final[Mapping[str, tuple[Permission, ...]]] = MappingProxyType(
    {
        "MODEL_DEPLOY": (_P.DEPLOY_STAGING, _P.DEPLOY_PRODUCTION),
        "MODEL_ROLLBACK": (_P.DEPLOY_ROLLBACK,),
        "MODEL_APPROVE": (_P.MODEL_APPROVE,),
        "USECASE_APPROVE": (_P.USE_CASE_APPROVE,),
        "AUDIT_READ": (_P.AUDIT_READ,),
        "COMPLIANCE_REPORT": (_P.COMPLIANCE_REPORT,),
        "USER_MANAGE": (_P.USER_MANAGE,),
    }
)
"""Names of the source documents, understood when asking who may do what (AC-6a)."""
