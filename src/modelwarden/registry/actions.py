"""What an actor can do with models and versions, and read of them; doors import this file alone."""

from __future__ import annotations

from modelwarden.registry.artifacts import PreparedArtifact as PreparedArtifact
from modelwarden.registry.artifacts import prepare_artifact as prepare_artifact
from modelwarden.registry.drift.reads import drift_reference as drift_reference
from modelwarden.registry.model_actions import ModelChanges as ModelChanges
from modelwarden.registry.model_actions import NewModel as NewModel
from modelwarden.registry.model_actions import confirmed_for_request as confirmed_for_request
from modelwarden.registry.model_actions import record_upload as record_upload
from modelwarden.registry.model_actions import register_model as register_model
from modelwarden.registry.model_actions import retire_model as retire_model
from modelwarden.registry.model_actions import retire_version as retire_version
from modelwarden.registry.model_actions import update_model as update_model
from modelwarden.registry.queries import ModelFilter as ModelFilter
from modelwarden.registry.reads import compare as compare
from modelwarden.registry.reads import may_register as may_register
from modelwarden.registry.reads import may_upload as may_upload
from modelwarden.registry.reads import metrics as metrics
from modelwarden.registry.reads import model as model
from modelwarden.registry.reads import model_filter as model_filter
from modelwarden.registry.reads import models as models
from modelwarden.registry.reads import owner_filter as owner_filter
from modelwarden.registry.reads import resource_named as resource_named
from modelwarden.registry.reads import resource_of as resource_of
from modelwarden.registry.reads import version as version
from modelwarden.registry.reads import version_status as version_status
from modelwarden.registry.reads import versions as versions
from modelwarden.registry.uploads import Upload as Upload
from modelwarden.registry.uploads import store_upload as store_upload
from modelwarden.registry.uploads import upload_size as upload_size
from modelwarden.registry.use_cases.changing import UseCaseWords as UseCaseWords
from modelwarden.registry.use_cases.changing import create_use_case as create_use_case
from modelwarden.registry.use_cases.changing import update_use_case as update_use_case
from modelwarden.registry.use_cases.reads import use_case as use_case
from modelwarden.registry.use_cases.reads import use_cases as use_cases
from modelwarden.registry.version_actions import NewVersion as NewVersion
from modelwarden.registry.version_actions import metric_kind as metric_kind
from modelwarden.registry.version_actions import record_metrics as record_metrics
from modelwarden.registry.version_actions import register_version as register_version
