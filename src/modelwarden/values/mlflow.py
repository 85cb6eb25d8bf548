"""What callers get about an import from MLflow, and about a look at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModelAnswer:
    """What an import did about one registered model of MLflow.

    Attributes:
        name: what MLflow calls it.
        model: what it is called here.
        added: labels that are new here.
        known: labels that were here already, and stay as they are.
        notes: what did not come over, and why.
    """

    name: str
    model: str
    added: tuple[str, ...]
    known: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowImportAnswer:
    """What an import did."""

    models: tuple[ImportedModelAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowSyncAnswer:
    """What a look at MLflow did.

    Attributes:
        moved: aliases that were set, as `model@alias`: a deployment went live, or one that had strayed was put back.
        strayed: aliases and stages that name what is not live here; `model@stage/production` is a stage.
        tagged: versions whose tags were brought up to date.
        models: what was imported of models that had something new.
        failures: what MLflow did not do; it is tried again each minute.
        unguarded: aliases that are protected here, and that this MLflow lets anybody move: it runs without our gate, or
            with another setting.
    """

    moved: tuple[str, ...] = ()
    strayed: tuple[str, ...] = ()
    tagged: tuple[str, ...] = ()
    models: tuple[ImportedModelAnswer, ...] = ()
    failures: tuple[str, ...] = ()
    unguarded: tuple[str, ...] = ()
