"""
The values that pass from stage to stage, in the order in which they come to be.

    FileTree → Candidate → Verdict(Checkpoint) → Snapshot(Manifest) → Registration(+ Metric) → Receipt → ModelVersion

Beside them a `RunReport` tells how a training goes on.

All are frozen. Words are the field's own: registered model, model version, run, metric (MLflow), scalar, tag, step, wall time
(TensorBoard), manifest and digest (OCI).
"""

from modelwatch.core.entities.checkpoint import Candidate, Checkpoint, Verdict, VerdictKind
from modelwatch.core.entities.manifest import Manifest, ManifestEntry, Snapshot
from modelwatch.core.entities.metric import Metric
from modelwatch.core.entities.model_type import Lifetime, ModelType, Storage
from modelwatch.core.entities.model_version import ModelVersion, RegisteredModel
from modelwatch.core.entities.registration import Amendment, Provenance, Receipt, Registration
from modelwatch.core.entities.run_report import CheckpointState, RunReport, RunState, Series

__all__ = [
    "Amendment",
    "Candidate",
    "Checkpoint",
    "CheckpointState",
    "Lifetime",
    "Manifest",
    "ManifestEntry",
    "Metric",
    "ModelType",
    "ModelVersion",
    "Provenance",
    "Receipt",
    "RegisteredModel",
    "Registration",
    "RunReport",
    "RunState",
    "Series",
    "Snapshot",
    "Storage",
    "Verdict",
    "VerdictKind",
]
