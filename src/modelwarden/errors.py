"""Everything that can go wrong: a stable code, an HTTP status, what to do next.

Families say who can act: the caller (4xx), the operator (5xx), or whoever holds evidence that does not verify.
A message never holds a secret or personal data. Codes are part of the API and are never renamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class WardenError(Exception):
    """Anything that Modelwarden refuses or cannot do."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500


class CallerError(WardenError):
    """The caller can mend it: the request as it stands is not acceptable."""

    code, status = "bad_request", 400


class OperatorError(WardenError):
    """Whoever runs the server can mend it; trying again later may work."""

    code, status = "unavailable", 503


class EvidenceError(WardenError):
    """Something that was handed in as proof does not prove it."""

    code, status = "evidence_invalid", 422


# --- values and the ledger -------------------------------------------------------------------------


class NotCanonical(CallerError):
    """A value has no canonical form (LG-3): a float, a large integer, a bad key, too deep."""

    code, status = "value_not_canonical", 422


class NoteInvalid(EvidenceError):
    """A checkpoint or signed note does not parse, or its signature does not hold (LG-23)."""

    code, status = "checkpoint_invalid", 422


class LineInvalid(EvidenceError):
    """A line of an export does not have the form of one (LG-43)."""

    code, status = "line_invalid", 422


class ProofInvalid(EvidenceError):
    """An inclusion or consistency proof does not lead to the root (RFC 9162 §2.1)."""

    code, status = "proof_invalid", 422


class EnvelopeMalformed(EvidenceError):
    """An envelope is not one canonical DSSE object with exactly one signature (RL-26)."""

    code, status = "envelope_malformed", 422


class SignatureInvalid(EvidenceError):
    """A signature does not verify under the key it names."""

    code, status = "signature_invalid", 422


class KeyInvalid(EvidenceError):
    """A key does not parse, is not of a supported kind, or its password is wrong (RL-26, LG-63)."""

    code, status = "key_invalid", 422


class WitnessPolicyInvalid(EvidenceError):
    """A witness policy is not of the form of C2SP tlog-policy."""

    code, status = "witness_policy_invalid", 422

    def __init__(self, line: int, expected: str) -> None:
        super().__init__(
            f"witness policy, line {line}: {expected}" if line else f"witness policy: {expected}"
        )
        self.line = line


# --- lists and bodies ------------------------------------------------------------------------------


class FilterInvalid(CallerError):
    """A filter or limit is not of the form it needs."""

    code, status = "filter_invalid", 422

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name} has to be {expected}")
        self.name = name


class CursorInvalid(CallerError):
    """A cursor was not given out by this list."""

    code, status = "cursor_invalid", 422

    def __init__(self) -> None:
        super().__init__("this cursor is not of this list; begin again without one")


class ValueInvalid(CallerError):
    """A field does not have the form that its meaning asks for."""

    code, status = "value_invalid", 422

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field


class NotFound(CallerError):
    """It does not exist, or the caller may not know that it does: the two look alike (AC-13)."""

    code, status = "not_found", 404

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no {kind} {name!r}, or none that you may read")
        self.kind, self.name = kind, name


class AlreadyErased(CallerError):
    """The person was erased before, or the erasure waits for a legal hold already (LG-61)."""

    code, status = "already_erased", 409

    def __init__(self, user: str, why: str) -> None:
        super().__init__(f"{user} is erased: {why}")


class AccountActive(CallerError):
    """An account has to be deactivated before its person is erased (LG-61)."""

    code, status = "account_active", 409


class Conflict(CallerError):
    """Someone else changed the row in between; read it again."""

    code, status = "conflict", 409

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} has changed since it was read; read it again and repeat")


class RevisionConflict(CallerError):
    """`If-Match` names a revision that is no longer the newest (AC-73)."""

    code, status = "revision_conflict", 412

    def __init__(self, kind: str, name: str, *, expected: int, found: int) -> None:
        super().__init__(f"{kind} {name} is at revision {found}, not {expected}; read it again")


# --- the store -------------------------------------------------------------------------------------


class NothingRecorded(OperatorError):
    """An action ended without recording a fact: a defect, rolled back (LG-8)."""

    code, status = "nothing_recorded", 500


class UnrecordedChange(OperatorError):
    """Governed rows moved without a fact that says so: a defect, rolled back (LG-7)."""

    code, status = "unrecorded_change", 500


class EntryTooLarge(CallerError):
    """What would be recorded is over 32 KiB (LG-3)."""

    code, status = "entry_too_large", 413

    def __init__(self, size: int) -> None:
        super().__init__(
            f"the entry would be {size} bytes; at most 32,768 are kept; send less in one call"
        )


class LedgerUnavailable(OperatorError):
    """The ledger can't take entries now (disk full, connection lost), so nothing was changed. Retry later."""

    code, status = "ledger_unavailable", 503


class RollbackSuspected(OperatorError):
    """The database is behind what is known to have been signed: writes stop, reads go on (LG-26)."""

    code, status = "rollback_suspected", 503


class LedgerDamaged(OperatorError):
    """Entries are missing, or can't be read, or are not those that were signed: nothing is built upon them."""

    code, status = "ledger_damaged", 500


class SinkBehind(OperatorError):
    """A required sink is too far behind: what it does not hold must not grow (LG-51). Stopping harm still works."""

    code, status = "sink_behind", 503


class SinkUnusable(OperatorError):
    """A sink's far end does not answer, or is not as it has to be."""

    code, status = "sink_unusable", 503


class ExternalUnreadable(OperatorError):
    """Another system of record can't be read, or its answer is not understood; the gate denies until it can (RL-33)."""

    code, status = "external_unreadable", 503


class BucketNotLocked(OperatorError):
    """A bucket, or an object in it, has no Object Lock: what lies there could be deleted (LG-51)."""

    code, status = "bucket_not_locked", 503


class RetentionShortened(OperatorError):
    """Locked copies would be kept for less long than those before them, or are (LG-62)."""

    code, status = "retention_shortened", 503


class SinkDiffers(EvidenceError):
    """A far end holds another entry than the ledger, or lost some that it held before: nothing is written over it."""

    code, status = "sink_differs", 500


class EndpointAddressRefused(CallerError):
    """An endpoint's address is none that is called: not https, not public, or not in a plain form (NO-5)."""

    code, status = "endpoint_address_refused", 422


class EndpointExists(CallerError):
    """Another endpoint has this name; take another one, or change that one."""

    code, status = "endpoint_exists", 409


class EndpointLimit(CallerError):
    """There are as many endpoints as one installation serves; disable one first."""

    code, status = "endpoint_limit", 409


class WebhookInvalid(EvidenceError):
    """A received webhook is not signed by any of the secrets, is too old, or lacks its headers (NO-4)."""

    code, status = "webhook_invalid", 401


class WitnessUnusable(OperatorError):
    """A witness's own key or state can't be used as they are."""

    code, status = "witness_unusable", 503


class ReadOnly(OperatorError):
    """The warden was opened for reading, or a key that writing needs is missing."""

    code, status = "read_only", 503


class SchemaTooNew(OperatorError):
    """The database was written by a newer release; this one will not touch it."""

    code, status = "schema_too_new", 503


class SchemaTooOld(OperatorError):
    """The database needs `modelwarden migrate` first."""

    code, status = "schema_too_old", 503


class NotReplicated(OperatorError):
    """Nothing newer is signed while a synchronous standby lacks the newest entries (LG-24)."""

    code, status = "not_replicated", 503


class KeyUnusable(OperatorError):
    """A key file is missing, unreadable by us, or readable by others."""

    code, status = "key_unusable", 503


class EncryptionKeyMissing(KeyUnusable):
    """The key that encrypts texts is not there: what rests on a text waits for it (AC-81)."""

    code, status = "encryption_key_missing", 503


class TextsLocked(OperatorError):
    """What was asked for needs a text, and texts can't be opened now (AC-81, LG-47)."""

    code, status = "texts_locked", 503


class SettingInvalid(OperatorError):
    """A setting is unknown, or its value is not of the form it needs."""

    code, status = "setting_invalid", 500


class RestoreRefused(OperatorError):
    """A backup does not verify, or is behind what is known to have been signed (LG-46)."""

    code, status = "restore_refused", 409


class RestoreNeedsLedger(RestoreRefused):
    """A backup lacks entries that are known to have been signed, and no copy of the ledger gives them (LG-46)."""

    code, status = "restore_needs_ledger", 409


class ObjectBehind(CallerError):
    """A restore brought back an older state of the object than the ledger tells: somebody has to decide (LG-46)."""

    code, status = "object_behind", 409

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"{kind} {name} came back from a backup in an older state than the ledger tells; the host of the database"
            " accepts it as it is by `modelwarden frozen --accept`, then it can be changed"
        )


class BackupInvalid(EvidenceError):
    """A backup does not open: it is damaged, cut off, or sealed under another encryption key (AC-87)."""

    code, status = "backup_invalid", 422


class BackupTargetUnusable(OperatorError):
    """A place for backups does not take or give what it should (AC-87)."""

    code, status = "backup_target_unusable", 503


class ManifestInvalid(EvidenceError):
    """An export's manifest does not parse, or does not fit its files (LG-44)."""

    code, status = "manifest_invalid", 422


class SizeUnknown(CallerError):
    """A proof was asked for a size or entry that the ledger has not reached."""

    code, status = "size_unknown", 404


class PathUnknown(CallerError):
    """No static log has anything at this path, or this one not yet."""

    code, status = "path_unknown", 404

    def __init__(self, path: str) -> None:
        super().__init__(
            f"nothing lies at {path[:200]!r}: see `checkpoint` for how far the log goes"
        )


class RangeTooLarge(CallerError):
    """More entries than one answer may cover over HTTP; use the command line (LG-31)."""

    code, status = "range_too_large", 422


# --- refusals: recorded in the ledger although the action rolls back (AC-61) -----------------------


class Refusal(CallerError):
    """A rule said no. The writer records it as `access.denied` with the subjects in `about`.

    Attributes:
        about: (kind, id) pairs that the refusal concerns.
        reasons: codes, where several conditions failed at once.
        permission: the permission that was missing, if that was the reason.
        entry: sequence number of the entry that records the refusal, once it is committed.
    """

    code, status = "refused", 403

    def __init__(
        self,
        message: str,
        *,
        about: tuple[tuple[str, str], ...] = (),
        reasons: tuple[str, ...] = (),
        permission: str = "",
    ) -> None:
        super().__init__(message)
        self.about, self.reasons, self.permission = about, reasons, permission
        self.entry: int | None = None


class NotPermitted(Refusal):
    """No binding of the actor gives this permission here and now, or the credential was cut down."""

    code, status = "not_permitted", 403


class DutyRefusal(Refusal):
    """Separation of duties: the person takes part in the case in a way that bars the act (AC-17)."""

    code, status = "duties", 403


class SelfApproval(DutyRefusal):
    """A participant in the release tried to approve it."""

    code, status = "self_approval", 403


class SamePerson(DutyRefusal):
    """One person tried to fill two seats."""

    code, status = "same_person", 403


class SelfGrant(DutyRefusal):
    """A person tried to grant a role to themselves, or to an account behind which they stand."""

    code, status = "self_grant", 403


class DelegationChain(Refusal):
    """One of the two hands on decisions already, or takes them: a delegation is never handed on (AC-20)."""

    code, status = "delegation_chain", 409


class GrantFromParticipant(DutyRefusal):
    """The deciding role was granted by someone who takes part in the case."""

    code, status = "grant_from_participant", 403


class RoleConflict(DutyRefusal):
    """One person would hold two roles that must not meet (AC-16)."""

    code, status = "role_conflict", 403


class LastAdmin(Refusal):
    """The last active administrator stays (AC-10)."""

    code, status = "last_admin", 409


class ActorMismatch(Refusal):
    """A body names an actor other than the credential's (AC-5)."""

    code, status = "actor_mismatch", 403


class PermitNeeded(Refusal):
    """A sensitive action needs an approved request first (AC-40)."""

    code, status = "permit_needed", 403


class PermitSpent(Refusal):
    """The approved request was used already (AC-41)."""

    code, status = "approval_spent", 409


class PermitExpired(Refusal):
    """The approved request is older than 24 hours (AC-41)."""

    code, status = "approval_expired", 409


class PayloadChanged(Refusal):
    """What is asked for is not what was approved (AC-41)."""

    code, status = "payload_changed", 409


# --- credentials -----------------------------------------------------------------------------------


class Unauthenticated(CallerError):
    """No credential, or one that is not valid. Deliberately says no more."""

    code, status = "unauthenticated", 401

    def __init__(self, message: str = "send a valid token: Authorization: Bearer mwp_…") -> None:
        super().__init__(message)


class TwoCredentials(CallerError):
    """Both a cookie and a token came along (AC-76)."""

    code, status = "two_credentials", 400


class SetUpRefused(CallerError):
    """The one-time link was used, is over its 30 minutes, or the warden is set up already."""

    code, status = "set_up_refused", 403


class HandleTaken(CallerError):
    """Another actor has this handle."""

    code, status = "handle_taken", 409


class ActorNotFound(NotFound):
    """No such actor, or none that the caller may read."""

    code, status = "actor_not_found", 404


class RoleUnknown(CallerError):
    """No built-in or defined role has this name."""

    code, status = "role_unknown", 422


class RoleFixed(CallerError):
    """A built-in role can't be changed (AC-7)."""

    code, status = "role_fixed", 409


class RoleCycle(CallerError):
    """A role would include itself (AC-7)."""

    code, status = "role_cycle", 422


class RoleCeiling(Refusal):
    """No role lifts this ceiling (AC-8)."""

    code, status = "role_ceiling", 403


class ExpiryNeeded(CallerError):
    """This binding or token needs an end, and not too far off (AC-9, AC-51)."""

    code, status = "expiry_needed", 422


class ChallengeInvalid(CallerError):
    """The challenge was not given out to this actor, was used, or is older than ten minutes."""

    code, status = "challenge_invalid", 422


class KeyKnown(CallerError):
    """This key is enrolled already."""

    code, status = "key_known", 409


class IllegalMove(CallerError):
    """The state machine has no such move."""

    code, status = "illegal_move", 409

    def __init__(self, kind: str, state: str, wanted: str) -> None:
        super().__init__(f"a {kind} that is {state} can't become {wanted}")


# --- fingerprints ---------------------------------------------------------------------------------


class FingerprintInvalid(CallerError):
    """A fingerprint is not `<algorithm id>:<64 hex>` (LN-1), or its algorithm is not for this."""

    code, status = "fingerprint_invalid", 422


class Unreadable(CallerError):
    """A path is missing, can't be read, or lies outside the folders that may be read (RL-4)."""

    code, status = "unreadable", 422


class ChangedWhileHashing(CallerError):
    """What was read is not what is there now, so nothing is stored (LN-6)."""

    code, status = "changed_while_hashing", 409

    def __init__(self, path: str) -> None:
        super().__init__(f"{path!r} changed while it was read; try again when nobody writes to it")


class PathNotPortable(CallerError):
    """A name in a folder is not UTF-8 in normal form C (LN-11)."""

    code, status = "path_not_portable", 422


class SpecialFile(CallerError):
    """A folder holds a device, socket, pipe, or a symlink that was not asked for (LN-11)."""

    code, status = "special_file", 422


class SymlinkEscapes(CallerError):
    """A symlink is absolute or leads out of its folder, as written or as resolved (LN-11)."""

    code, status = "symlink_escapes", 422


# --- approvals and deployments ---------------------------------------------------------------------


class RequestExists(CallerError):
    """A request for this version and environment is open already (RL-15)."""

    code, status = "request_exists", 409


class ApprovalNotNeeded(CallerError):
    """The governing policy asks no human here; the gate alone decides (RL-15)."""

    code, status = "approval_not_needed", 409


class JustificationMissing(CallerError):
    """A request needs 20 to 4,000 characters that say why (RL-15)."""

    code, status = "justification_missing", 422


class CommentMissing(CallerError):
    """A rejection needs a comment (RL-16)."""

    code, status = "comment_missing", 422


class SeatUnknown(CallerError):
    """The request has no such seat, or the policy names someone whom nobody knows."""

    code, status = "seat_unknown", 422


class NoOpenRequest(CallerError):
    """Nothing is being asked about this version here; request an approval first."""

    code, status = "no_open_request", 409


class SeatFilled(CallerError):
    """Somebody else has answered for this seat, or no seat is left for this person."""

    code, status = "seat_filled", 409


class AlreadyDecided(CallerError):
    """One person, one decision (RL-16); withdraw the first while the request is open."""

    code, status = "already_decided", 409


class RequestClosed(CallerError):
    """The request is no longer open; make a new one."""

    code, status = "request_closed", 409

    def __init__(self, request: str, state: str) -> None:
        super().__init__(f"{request} is {state}; make a new request")


class StatementChanged(EvidenceError):
    """What would be signed now is not what was signed, or not what was asked (RL-25).

    Attributes:
        fields: what differs, dotted from the statement's root.
    """

    code, status = "statement_changed", 409

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"this differs from the statement as it stands now: {', '.join(fields)}")
        self.fields = fields


class StatementStale(EvidenceError):
    """The statement was issued more than ten minutes away from now; ask for a fresh one (RL-25)."""

    code, status = "statement_stale", 409


class SignatureNeeded(Refusal):
    """A decision here takes a signature by the person's own key (RL-31, AC-5)."""

    code, status = "signature_needed", 403


class KeyNotYours(Refusal):
    """The envelope names a key that is not registered to the person who sends it (RL-26)."""

    code, status = "key_not_yours", 403


class KeyExpired(Refusal):
    """The key was not valid when the statement was issued, or has been revoked (RL-26, RL-30)."""

    code, status = "key_expired", 403


class GateRefused(Refusal):
    """The gate denies; `reasons` holds every condition that does not hold (RL-33)."""

    code, status = "gate_refused", 409


class StrategyUnknown(CallerError):
    """There is no such strategy, or this release can't carry it out yet."""

    code, status = "strategy_unknown", 422


class DeploymentInProgress(CallerError):
    """One deployment at a time for a model and environment (RL-36)."""

    code, status = "deployment_in_progress", 409


class NotInProgress(CallerError):
    """The deployment has ended, or is live: nothing of it can be moved on or broken off (RL-36)."""

    code, status = "not_in_progress", 409


class AcknowledgementLate(CallerError):
    """A target said which bytes it serves by when its time was over (RL-40): the deployment fails."""

    code, status = "acknowledgement_late", 409


class AlreadyAcknowledged(CallerError):
    """A target said of this step before what it serves by, or its time ran out (RL-40): it is said once."""

    code, status = "already_acknowledged", 409


class StepHeld(Refusal):
    """The next step has to wait; `reasons` say for what: its time, workers, conditions (RL-36, SG-32)."""

    code, status = "step_held", 409


class AutoApproveUnsupported(CallerError):
    """No walk through environments approves anything by itself (RL-39): ask for an approval."""

    code, status = "auto_approve_unsupported", 422


class EmergencyNotNeeded(CallerError):
    """The gate lets the version pass as it is, or it is live already: nothing has to be passed over (RL-44)."""

    code, status = "emergency_not_needed", 409


class LentCredential(Refusal):
    """Somebody else issued this credential and could act with it: an emergency takes one of one's own (RL-44)."""

    code, status = "lent_credential", 403


class SelfReview(Refusal):
    """Whoever asked for, approved or made a deployment can't be the one who looks back at it (RL-41)."""

    code, status = "self_review", 403


class ReviewNotDue(CallerError):
    """Nobody has to look back at this deployment, or somebody has (RL-41)."""

    code, status = "review_not_due", 409


class ReferenceExists(CallerError):
    """The model has a deployment with this reference already (RL-36a)."""

    code, status = "reference_exists", 409


class NothingToRollBackTo(CallerError):
    """No earlier version was live here (RL-38); stop the model with a switch instead."""

    code, status = "nothing_to_roll_back_to", 409


class ArtifactMismatch(Refusal):
    """The artifact's bytes are no longer those that were registered and signed."""

    code, status = "artifact_mismatch", 409


class ArtifactUnreadable(Refusal):
    """The server can't read the artifact, so it can't be vouched for (RL-4)."""

    code, status = "artifact_unreadable", 409


class SearchTooWide(CallerError):
    """More texts would have to be opened than one search may open (LG-42)."""

    code, status = "search_too_wide", 422


# --- records of other systems ----------------------------------------------------------------------


class RecordInvalid(CallerError):
    """A record of another system does not have the form that it needs; none of its batch was taken (LG-55)."""

    code, status = "record_invalid", 422

    def __init__(self, number: int, field: str, expected: str) -> None:
        super().__init__(f"record {number}, {field}: expected {expected}")
        self.number, self.field = number, field


class RecordFromFuture(CallerError):
    """A record is dated more than five minutes ahead: one of the two clocks is wrong; none was taken (LG-55)."""

    code, status = "record_from_future", 422

    def __init__(self, number: int) -> None:
        super().__init__(
            f"record {number} is dated more than five minutes ahead of this server; compare the clocks"
        )
        self.number = number


class RecordConflict(CallerError):
    """This account recorded something else under the same ref before; none of the batch was taken (LG-56)."""

    code, status = "record_conflict", 409

    def __init__(self, number: int, ref: str) -> None:
        super().__init__(
            f"record {number}: {ref} was recorded before, with other content; give each record its own ref"
        )
        self.number = number


class TooManyRecords(CallerError):
    """More records were handed in at once than are taken together (LG-55)."""

    code, status = "too_many_records", 422


class TrailDown(OperatorError):
    """What is to be recorded can't be made safe: the ledger does not answer, and there is no spool, or it is full."""

    code, status = "trail_down", 503


# --- HTTP ------------------------------------------------------------------------------------------


class IdempotencyConflict(CallerError):
    """The Idempotency-Key was used for another body (AC-72)."""

    code, status = "idempotency_conflict", 409


class IdempotencyRefused(CallerError):
    """This route returns a secret, which is shown once; it takes no Idempotency-Key (AC-72)."""

    code, status = "idempotency_refused", 400


class BodyTooLarge(CallerError):
    """The body is over the limit of this route (AC-71)."""

    code, status = "body_too_large", 413


class RateLimited(CallerError):
    """Too many requests of this class; see Retry-After (AC-70)."""

    code, status = "rate_limited", 429

    def __init__(self, rate: str, *, limit: int, window_s: int, wait_s: int) -> None:
        super().__init__(f"too many calls of the class {rate}; try again in {wait_s} s")
        self.rate, self.limit, self.window_s, self.wait_s = rate, limit, window_s, wait_s


class MethodNotAllowed(CallerError):
    """Nothing governed is deleted; the message names the verb to use (RL-5)."""

    code, status = "method_not_allowed", 405


class RequestInvalid(CallerError):
    """A body, query or header does not have the form of the route; every field is named.

    Attributes:
        errors: one (field, problem) pair for each thing that is wrong.
    """

    code, status = "request_invalid", 422

    def __init__(self, errors: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in errors))
        self.errors = errors


class JsonInvalid(CallerError):
    """The body is not JSON with one meaning: UTF-8, each key once, finite numbers, 32 levels at most (AC-71)."""

    code, status = "json_invalid", 400


class ContentTypeUnsupported(CallerError):
    """The body is of a type that this route does not read."""

    code, status = "content_type_unsupported", 415


class HeadersTooLarge(CallerError):
    """The headers are over 16 KiB (AC-71)."""

    code, status = "headers_too_large", 431


class FormInvalid(CallerError):
    """A form of the console is of another kind, or too large."""

    code, status = "form_invalid", 422


class RouteNotFound(CallerError):
    """The API has no such path."""

    code, status = "route_not_found", 404


class TooSlow(OperatorError):
    """The answer was not there in time (AC-71). A write may still be done: repeat it with its Idempotency-Key."""

    code, status = "too_slow", 503


class Unreachable(OperatorError):
    """The server did not answer."""

    code, status = "unreachable", 503


class AnswerMalformed(OperatorError):
    """What answered is no Modelwarden server, or one of a release with other answers."""

    code, status = "answer_malformed", 502


class MlflowFailed(OperatorError):
    """MLflow did not answer, or did not do what it was asked."""

    code, status = "mlflow_failed", 502


class MlflowAccountRefused(MlflowFailed):
    """MLflow does not take the account that it is asked as, or wants one, or that account may not do this."""

    code, status = "mlflow_account_refused", 502


class MlflowNotSetUp(MlflowFailed):
    """No MLflow is set up here: the setting `mlflow.url` names one."""

    code, status = "mlflow_not_set_up", 409


class AliasProtected(Refusal):
    """A name that stands for what is live moves with a deployment, and by nothing else (RL-57)."""

    code, status = "alias_protected", 403


# --- the registry ---------------------------------------------------------------------------------


class ModelNotFound(NotFound):
    """No such model, or none that the caller may read."""

    code, status = "model_not_found", 404

    def __init__(self, name: str) -> None:
        super().__init__("model", name)


class VersionNotFound(NotFound):
    """No such version, or none that the caller may read."""

    code, status = "version_not_found", 404

    def __init__(self, name: str) -> None:
        super().__init__("version", name)


class ModelExists(CallerError):
    """A model has this name already."""

    code, status = "model_exists", 409


class ModelIsRetired(CallerError):
    """A retired model takes no new versions and no changes (RL-5)."""

    code, status = "model_retired", 409


class UseCaseNotFound(NotFound):
    """No such use case, or none that the caller may read."""

    code, status = "use_case_not_found", 404

    def __init__(self, name: str) -> None:
        super().__init__("use_case", name)


class UseCaseExists(CallerError):
    """A use case has this name already."""

    code, status = "use_case_exists", 409


class UseCaseIncomplete(CallerError):
    """Submitting wants all that a use case says of itself (RL-8); the message names what is missing."""

    code, status = "use_case_incomplete", 422


class NotWaivable(CallerError):
    """Nobody can give leave from this (EVAL-5): no check that governs, one that has to pass, or none may be waived."""

    code, status = "not_waivable", 422


class WaiverTooLong(CallerError):
    """A waiver would last longer than the policies let one last (EVAL-5)."""

    code, status = "waiver_too_long", 422


class UseCaseIsDeprecated(CallerError):
    """A deprecated use case takes no changes and no requests (RL-11)."""

    code, status = "use_case_deprecated", 409


class NameReserved(CallerError):
    """The name is a word of the routes, which would shadow it."""

    code, status = "name_reserved", 422


class OwnerMissing(CallerError):
    """Nobody has confirmed who owns the model, and the first request wants it (RL-1)."""

    code, status = "owner_missing", 422


class OwnerFixed(CallerError):
    """After the first request an owner changes by a request of its own alone (RL-1)."""

    code, status = "owner_fixed", 409


class PurposeMissing(CallerError):
    """Nobody has confirmed what the model is for, and the first request wants it (RL-1)."""

    code, status = "purpose_missing", 422


class PurposeTooShort(CallerError):
    """A business purpose says in at least 20 characters what the model is for (RL-1)."""

    code, status = "purpose_too_short", 422


class PurposeTooLong(CallerError):
    """A business purpose has at most 2,000 characters (RL-1)."""

    code, status = "purpose_too_long", 422


class VersionExists(CallerError):
    """This label names a version with other content; versions never change (RL-2)."""

    code, status = "version_exists", 409


class VersionLive(CallerError):
    """A version that is live can't be retired: roll back, or deploy another first (RL-5)."""

    code, status = "version_live", 409


class VersionIsRetired(CallerError):
    """A retired version takes no metrics, no requests and no deployments (RL-5)."""

    code, status = "version_retired", 409


class SizeMismatch(CallerError):
    """The size that was claimed is not the size that was read (RL-2)."""

    code, status = "size_mismatch", 422


class DigestMismatch(CallerError):
    """The bytes have another digest than the one that was named (RL-4)."""

    code, status = "digest_mismatch", 422


class ArtifactTooLarge(CallerError):
    """The upload is over `artifacts.limit_bytes` (RL-4)."""

    code, status = "artifact_too_large", 413


# --- policies -------------------------------------------------------------------------------------


class PolicyInvalid(CallerError):
    """A policy document breaks rules; each problem is named with its path and line (POL-1)."""

    code, status = "policy_invalid", 422

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class CheckUnknownType(CallerError):
    """A policy names a check type that this installation does not have (POL-10)."""

    code, status = "check_unknown_type", 422


class PolicyWeakensParent(CallerError):
    """A policy is weaker than the one that it extends, where its `overrides` do not say so (POL-4)."""

    code, status = "policy_weakens_parent", 422

    def __init__(self, weaknesses: tuple[str, ...]) -> None:
        super().__init__("; ".join(weaknesses) + "; tighten it, or name each path under overrides")
        self.weaknesses = weaknesses


class EnforcementTooWeak(CallerError):
    """A policy that only observes or warns can't govern production at tiers 1 and 2 (RL-12)."""

    code, status = "enforcement_too_weak", 409


class EvidenceInvalid(CallerError):
    """Evidence that is not of the form of its kind, or holds a number that is none (EV-1)."""

    code, status = "evidence_invalid", 422


class EvidenceFromFuture(CallerError):
    """Evidence that says it will be made more than 5 minutes from now (EV-4)."""

    code, status = "evidence_from_future", 422


class ChecksBlocking(Refusal):
    """A blocking check fails on the evidence as it stands; `reasons` names each (RL-15)."""

    code, status = "checks_blocking", 409


class PolicyNotFound(NotFound):
    """No such policy, or none that the caller may read."""

    code, status = "policy_not_found", 404

    def __init__(self, name: str) -> None:
        super().__init__("policy", name)


class PolicyIsRetired(CallerError):
    """A retired policy takes no new versions and no assignments."""

    code, status = "policy_retired", 409


class PolicyAssignedStill(CallerError):
    """A policy that governs something can't be retired; assign another first."""

    code, status = "policy_assigned", 409


# --- safeguards ------------------------------------------------------------------------------------


class ScopeEmpty(CallerError):
    """A switch names no dimension, which would stop a whole environment, without saying `everything` (SG-3)."""

    code, status = "scope_empty", 422

    def __init__(self) -> None:
        super().__init__(
            "no dimension is named; name at least one, or give everything=true to stop the environment"
        )


class UnknownDimension(CallerError):
    """A scope names a dimension that is neither fixed nor configured (SG-2)."""

    code, status = "unknown_dimension", 422

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no dimension {name[:64]!r}; known are {', '.join(known)}")
        self.name = name


class UnknownTarget(CallerError):
    """A scope names a model or version that nobody registered: a typing error would stop nothing (SG-3)."""

    code, status = "unknown_target", 422

    def __init__(self, dimension: str, names: Sequence[str]) -> None:
        super().__init__(
            f"no {dimension} {', '.join(repr(name[:64]) for name in names[:5])}, or none that you may read; give"
            " allow_unknown=true for one that is not registered here"
        )
        self.dimension, self.names = dimension, tuple(names)


class FallbackUnknown(CallerError):
    """A switch names a fallback step that no chain has (SG-5)."""

    code, status = "fallback_unknown", 422

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(f"fallback is chain, or some of {', '.join(known)}, each once")


class SwitchLimit(CallerError):
    """As many switches are live in the environment as a snapshot can hold; release some, or name a wider scope."""

    code, status = "switch_limit", 409

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most:,} switches are live here; release some, or stop more by one with a wider scope"
        )


class TriggerNotWaiting(CallerError):
    """This version of a trigger is not in the state that the move begins in."""

    code, status = "trigger_not_waiting", 409

    def __init__(self, name: str, version: int, state: str) -> None:
        super().__init__(
            f"version {version} of {name} is {state}; read the trigger again, or set a new version"
        )
        self.name, self.version, self.state = name, version, state


class TriggerLimit(CallerError):
    """As many triggers are in force as one process judges in time."""

    code, status = "trigger_limit", 409

    def __init__(self, most: int) -> None:
        super().__init__(f"{most:,} triggers are in force; retire some")


class ProposalOver(CallerError):
    """A proposed switch was accepted already, or its hour is over."""

    code, status = "proposal_over", 409

    def __init__(self, proposal: str, state: str) -> None:
        super().__init__(f"{proposal} is {state}; activate a switch by hand if it is still needed")
        self.proposal, self.state = proposal, state


class SelfAgreement(DutyRefusal):
    """Whoever wrote a version of a trigger tried to be the second person who agrees to it (SG-47)."""

    code, status = "self_agreement", 403


class OwnerNotAsked(Refusal):
    """A trigger would act through an account whose owner neither wrote nor agreed to it."""

    code, status = "owner_not_asked", 403


class SnapshotTooLarge(OperatorError):
    """What guards of a model would have to hold is more than they accept, so they keep what they have (SG-17)."""

    code, status = "snapshot_too_large", 503

    def __init__(self, model: str, size_bytes: int) -> None:
        super().__init__(
            f"the snapshot of {model} has {size_bytes:,} bytes, and guards take 4 MiB; stop more by fewer switches with"
            " wider scopes"
        )


class ReasonRequired(CallerError):
    """Stopping a model, and letting it go on, takes words that say why (SG-1, SG-10)."""

    code, status = "reason_required", 422

    def __init__(self, field: str, longest: int) -> None:
        super().__init__(f"{field}: say why, in 1 to {longest:,} characters")
        self.field = field


class SwitchNotActive(CallerError):
    """The switch has ended, or is not in the state that this move begins in; it stays as it is (SG-10)."""

    code, status = "switch_not_active", 409

    def __init__(self, switch: str, state: str, wanted: str) -> None:
        super().__init__(
            f"{switch} is {state} and can't become {wanted}; to stop the same again, activate another switch"
        )
        self.switch, self.state = switch, state


class ReleaseNotRequested(CallerError):
    """A release is confirmed, refused or withdrawn after somebody asked for it (SG-10)."""

    code, status = "release_not_requested", 409

    def __init__(self, switch: str) -> None:
        super().__init__(f"nobody asks to release {switch}: request its release first")
        self.switch = switch


class DrillRefused(CallerError):
    """A drill can't begin or move now: they are off here, one runs, a grave switch stands, or it has ended (SG-53)."""

    code, status = "drill_refused", 409

    def __init__(self, why: str) -> None:
        super().__init__(f"no drill: {why}")


class SelfRelease(DutyRefusal):
    """Who asked for a release, or at SEV1 activated the switch, tried to confirm the release too (SG-10)."""

    code, status = "self_release", 403


class OwnerRelease(DutyRefusal):
    """The owner of a model that a switch stops tried to confirm its release (SG-10)."""

    code, status = "owner_release", 403


class RouteInvalid(EvidenceError):
    """A route of a snapshot does not have the form that a guard reads (SG-30)."""

    code, status = "route_invalid", 422


class PredictionBlocked(OperatorError):
    """There is no prediction: a switch or a check blocks it, and no fallback answered (SG-26).

    Attributes:
        reasons: stable codes, the deciding one first.
        switches: ids of the switches that matched.
    """

    code, status = "prediction_blocked", 503

    def __init__(self, reasons: Sequence[str], *, switches: Sequence[str] = ()) -> None:
        named = f" (switches {', '.join(switches)})" if switches else ""
        super().__init__(
            f"no prediction: {', '.join(reasons) or 'blocked'}{named}; ask whoever is on call for the model"
        )
        self.reasons, self.switches = tuple(reasons), tuple(switches)


class PredictionLimited(CallerError):
    """There is no prediction: too many were asked for, and no fallback answered (SG-42).

    Attributes:
        reasons: stable codes, the deciding one first.
        retry_after_s: when to come again, in seconds.
    """

    code, status = "prediction_limited", 429

    def __init__(self, reasons: Sequence[str], *, retry_after_s: float) -> None:
        super().__init__(
            f"no prediction: {', '.join(reasons) or 'limited'}; try again in {retry_after_s:g} s"
        )
        self.reasons, self.retry_after_s = tuple(reasons), retry_after_s


class SnapshotRejected(EvidenceError):
    """A guard did not take a snapshot and keeps the one it has (SG-17).

    Attributes:
        reason: a stable word that says which rule was broken.
    """

    code, status = "snapshot_rejected", 422

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(f"{reason}: {problem}; the guard keeps the snapshot that it has")
        self.reason = reason


class NoPinnedKey(SnapshotRejected):
    """A snapshot is not signed by a key that the guard has pinned, or none is pinned (SG-18)."""

    code, status = "no_pinned_key", 422

    def __init__(self, problem: str) -> None:
        super().__init__("no_pinned_key", f"{problem}; pin it by MODELWARDEN_SNAPSHOT_KEYS")


class NoVerifier(SnapshotRejected):
    """A signed snapshot can't be verified, because the package `cryptography` is not installed (SG-18)."""

    code, status = "no_verifier", 422

    def __init__(self) -> None:
        super().__init__("no_verifier", "install the package cryptography")


# --- the guard ------------------------------------------------------------------------------------


class LimitsConflict(CallerError):
    """Limits approved with a version and limits set in code leave no value that both allow (SG-34)."""

    code, status = "limits_conflict", 409

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: what is approved with the version and what the code asks for have nothing in common; "
            "code may only tighten approved limits"
        )


# --- slots of service levels -----------------------------------------------------------------------


class SlotRefused(CallerError):
    """A report of counts is not accepted and never will be; sending it again does not help (SL-17)."""

    code, status = "slot_refused", 422


class SketchInvalid(SlotRefused):
    """Bytes or counts are not a sketch (SL-12)."""

    code, status = "sketch_invalid", 422


class SlotInvalid(SlotRefused):
    """A report or a part of one does not have its form, or its counts contradict each other (SL-14, SL-17)."""

    code, status = "slot_invalid", 422

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field


class SlotConflict(SlotRefused):
    """Another part was told under the same number; a part is never changed (SL-14)."""

    code, status = "slot_conflict", 409


class SlotInFuture(SlotRefused):
    """A part is of a minute more than two minutes ahead; mend the reporter's clock (SL-17)."""

    code, status = "slot_in_future", 422


class SlotTooLate(SlotRefused):
    """A part is of a minute more than 48 hours ago (SL-17)."""

    code, status = "slot_too_late", 422


class SliUnknown(SlotRefused):
    """Nothing is measured under this name: define it first, or mend the name (SL-9)."""

    code, status = "sli_unknown", 404

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing is measured as {name}")
        self.name = name


class DriftInvalid(CallerError):
    """Edges, or counts by edges, do not have their form, or do not belong together (SG-49)."""

    code, status = "drift_invalid", 422

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field


# --- the tour -------------------------------------------------------------------------------------


class ExtraMissing(CallerError):
    """An extra package that this needs is not installed; the message says which to install."""

    code, status = "extra_missing", 422


class TourFolderTaken(CallerError):
    """The folder for the tour holds something already."""

    code, status = "folder_taken", 409


class TourFailed(EvidenceError):
    """Something on the tour did not turn out as it has to."""

    code, status = "tour_failed", 500
