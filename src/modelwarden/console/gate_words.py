"""Why a version does not go on, as pages say it: the rule behind each code, and who could act on it (RL-33, RL-36)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class Rule(NamedTuple):
    """A rule that bars the way: what it asks for, who can meet it, and the page where they do."""

    asks: str
    who: str
    path: str = ""


class Against(NamedTuple):
    """The reasons of one code with their rule; no rule where the reasons themselves say all."""

    code: str
    details: tuple[str, ...]
    rule: Rule | None


ASK_ANEW: Final = "Whoever may submit the model asks anew, and its seats answer"
RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "not_approved": Rule(
            "People have to agree first",
            "Whoever may submit it asks; the seats of the request say who may answer",
            "/approvals",
        ),
        "approval_void": Rule("What was signed has changed", ASK_ANEW, "/approvals"),
        "approval_expired": Rule("An approval holds for a time", ASK_ANEW, "/approvals"),
        "rolled_back_since": Rule("After a rollback people agree again", ASK_ANEW, "/approvals"),
        "policy_changed": Rule("The policies are those that were signed", ASK_ANEW, "/approvals"),
        "same_person": Rule(
            "Each seat takes a person of its own", "Another approver answers", "/approvals"
        ),
        "self_approval": Rule(
            "Nobody agrees to their own work", "An approver without a part in it", "/approvals"
        ),
        "grant_from_participant": Rule(
            "Who takes part makes no approvers", "An approver with a role from elsewhere"
        ),
        "signature_invalid": Rule(
            "Signatures hold under the approvers' own keys", "The approver signs again", "/approvals"
        ),
        "key_compromised": Rule(
            "No signature by a key that is known to be stolen", ASK_ANEW, "/approvals"
        ),
        "artifact_mismatch": Rule(
            "The bytes are those that were registered",
            "A developer registers these bytes as a version of their own",
        ),
        "artifact_unreadable": Rule(
            "The server reads the bytes itself",
            "Whoever runs the server names their folder in artifact_roots, or a developer uploads them",
        ),
        "checks_blocking": Rule(
            "Blocking checks pass",
            "Whoever can mend what was measured, or two people who sign a waiver",
            "/waivers",
        ),
        "checks_unknown": Rule(
            "Blocking checks have evidence that is new enough",
            "Whoever may record evidence, or two people who sign a waiver",
            "/waivers",
        ),
        "lineage_incomplete": Rule(
            "Its lineage is known as far as the policy asks", "Whoever may record lineage"
        ),
        "external_missing": Rule(
            "The other system agrees, as read at most a minute ago",
            "Whoever may approve there; the page of the request reads it",
            "/approvals",
        ),
        "external_changes_requested": Rule(
            "Nobody asks for changes in the other system", "Whoever asked for them there"
        ),
        "staging_missing": Rule(
            "It serves its time in staging first", "An operator starts it in staging", "/deployments"
        ),
        "use_case_missing": Rule(
            "A use case of the model is approved", "The seats of its use case", "/use-cases"
        ),
        "switch_active": Rule(
            "No switch names this version", "Two people release the switch", "/kill-switches"
        ),
        "frozen": Rule(
            "Nothing goes forward in a freeze", "An operator or administrator lifts it"
        ),
        "review_overdue": Rule(
            "Somebody looked back at earlier deployments",
            "An operator, approver or administrator who had no part in them",
            "/deployments",
        ),
        "not_permitted": Rule(
            "Deploying takes the permission for this environment",
            "Somebody with the role operator",
        ),
        "approver_deploys": Rule(
            "Whoever approved does not deploy it", "Another operator", "/deployments"
        ),
        "model_retired": Rule("The model is in use", "Nobody: take its replacement"),
        "version_retired": Rule("The version is in use", "Nobody: register a new one"),
        "emergency_unreviewed": Rule(
            "One emergency at a time", "Somebody without a part looks back", "/emergencies"
        ),
        "emergency_closed": Rule("A request stands behind it", ASK_ANEW, "/emergencies"),
        "emergency_rejected": Rule("Nobody rejects it", "Whoever rejected it", "/approvals"),
        "second_person_missing": Rule(
            "One other human signs first", "An approver without a part", "/approvals"
        ),
        "baking": Rule("Each step holds for its time", "Nobody: it goes on when it is over"),
        "not_loaded": Rule(
            "95 % of the workers have it loaded", "Whoever runs the workers", "/guards"
        ),
        "workers_silent": Rule("Workers are heard of", "Whoever runs the workers", "/guards"),
        "condition_failed": Rule(
            "What the policy holds a step to", "Nobody: it goes on when the figure falls"
        ),
        "condition_unknown": Rule(
            "Enough calls are counted to judge it", "Nobody: it goes on with more calls"
        ),
        "deployment_in_progress": Rule(
            "One deployment at a time for a model and environment",
            "An operator breaks off the one that is on its way, or lets it end",
            "/deployments?show=in_progress",
        ),
        "self_review": Rule(
            "Whoever had a part in it does not look back at it",
            "An operator, approver or administrator who neither asked for, approved nor made it",
        ),
        "nothing_to_roll_back_to": Rule(
            "Going back needs an earlier version with its bytes",
            "Whoever may stop the model does so with a switch",
            "/kill-switches",
        ),
        "target_waiting": Rule("Webhook targets follow each step", "Whoever runs the target"),
    }
)  # fmt: skip


def against(reasons: Iterable[Any]) -> tuple[Against, ...]:
    """Return reasons by their codes, in the order of the first of each, with the rule behind them."""
    found: dict[str, list[str]] = {}
    for each in reasons:
        found.setdefault(each.code, []).append(each.detail)
    return tuple(Against(code, tuple(said), RULES.get(code)) for code, said in found.items())
