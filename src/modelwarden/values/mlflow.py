"""What callers get about an import from MLflow."""

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
