"""What an actor can do with policies, and read of them; doors import this file alone."""

from __future__ import annotations

from modelwarden.policies.check_reads import check_run as check_run
from modelwarden.policies.check_reads import check_runs as check_runs
from modelwarden.policies.check_reads import evidence as evidence
from modelwarden.policies.check_reads import one_evidence as one_evidence
from modelwarden.policies.governing import Requirements as Requirements
from modelwarden.policies.governing import assign_payload as assign_payload
from modelwarden.policies.governing import publish_payload as publish_payload
from modelwarden.policies.publishing import assign as assign
from modelwarden.policies.publishing import publish as publish
from modelwarden.policies.publishing import retire_policy as retire_policy
from modelwarden.policies.reads import Imported as Imported
from modelwarden.policies.reads import Lint as Lint
from modelwarden.policies.reads import import_policy as import_policy
from modelwarden.policies.reads import lint as lint
from modelwarden.policies.reads import policies as policies
from modelwarden.policies.reads import policy as policy
from modelwarden.policies.reads import policy_versions as policy_versions
from modelwarden.policies.reads import prepare_policy as prepare_policy
from modelwarden.policies.reads import requirements as requirements
from modelwarden.policies.recording import artifact_to_read as artifact_to_read
from modelwarden.policies.recording import prepare_evidence as prepare_evidence
from modelwarden.policies.recording import read_artifact as read_artifact
from modelwarden.policies.recording import record_evidence as record_evidence
from modelwarden.registry.lifecycle import Environment as Environment
