"""What people do about deployments, and what they may read; doors import this file alone."""

from __future__ import annotations

from modelwarden.deployments.dry_run import Replay as Replay
from modelwarden.deployments.dry_run import dry_run as dry_run
from modelwarden.deployments.evidence import Candidate as Candidate
from modelwarden.deployments.evidence import Prepared as Prepared
from modelwarden.deployments.evidence import candidate as candidate
from modelwarden.deployments.evidence import candidate_before as candidate_before
from modelwarden.deployments.evidence import hashed as hashed
from modelwarden.deployments.reads import Outlook as Outlook
from modelwarden.deployments.reads import deployment as deployment
from modelwarden.deployments.reads import deployments as deployments
from modelwarden.deployments.reads import gate_answer as gate_answer
from modelwarden.deployments.reads import live as live
from modelwarden.deployments.reads import release_file as release_file
from modelwarden.deployments.recording import Made as Made
from modelwarden.deployments.recording import record as record
from modelwarden.deployments.returning import rollback as rollback
from modelwarden.deployments.rollout import DeploymentState as DeploymentState
from modelwarden.deployments.starting import Launch as Launch
from modelwarden.deployments.starting import start as start
from modelwarden.registry.lifecycle import Environment as Environment
