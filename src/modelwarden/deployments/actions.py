"""What people do about deployments, and what they may read; doors import this file alone."""

from __future__ import annotations

from modelwarden.deployments.advancing import abort as abort
from modelwarden.deployments.advancing import advance as advance
from modelwarden.deployments.advancing import hold_rollout as hold_rollout
from modelwarden.deployments.advancing import keep_rollout as keep_rollout
from modelwarden.deployments.advancing import take_back as take_back
from modelwarden.deployments.advancing import under_way as under_way
from modelwarden.deployments.advancing import waits_for as waits_for
from modelwarden.deployments.dry_run import Replay as Replay
from modelwarden.deployments.dry_run import dry_run as dry_run
from modelwarden.deployments.evidence import Candidate as Candidate
from modelwarden.deployments.evidence import Prepared as Prepared
from modelwarden.deployments.evidence import candidate as candidate
from modelwarden.deployments.evidence import candidate_before as candidate_before
from modelwarden.deployments.evidence import candidate_of as candidate_of
from modelwarden.deployments.evidence import hashed as hashed
from modelwarden.deployments.freezing.changing import NewFreeze as NewFreeze
from modelwarden.deployments.freezing.changing import add_freeze as add_freeze
from modelwarden.deployments.freezing.changing import freeze as freeze
from modelwarden.deployments.freezing.changing import freezes as freezes
from modelwarden.deployments.freezing.changing import lift_freeze as lift_freeze
from modelwarden.deployments.mlflow.following import may_sync_mlflow as may_sync_mlflow
from modelwarden.deployments.outlook import BAKING as BAKING
from modelwarden.deployments.outlook import standing as standing
from modelwarden.deployments.promoting import Promoted as Promoted
from modelwarden.deployments.promoting import promote as promote
from modelwarden.deployments.reads import Outlook as Outlook
from modelwarden.deployments.reads import deployment as deployment
from modelwarden.deployments.reads import deployments as deployments
from modelwarden.deployments.reads import gate_answer as gate_answer
from modelwarden.deployments.reads import live as live
from modelwarden.deployments.reads import lock_file as lock_file
from modelwarden.deployments.reads import release_file as release_file
from modelwarden.deployments.recording import Made as Made
from modelwarden.deployments.recording import record as record
from modelwarden.deployments.returning import rollback as rollback
from modelwarden.deployments.reviewing import review as review
from modelwarden.deployments.rollout import Deployment as Deployment
from modelwarden.deployments.rollout import DeploymentState as DeploymentState
from modelwarden.deployments.rollout import ReviewOutcome as ReviewOutcome
from modelwarden.deployments.starting import Launch as Launch
from modelwarden.deployments.starting import start as start
from modelwarden.registry.lifecycle import Environment as Environment
