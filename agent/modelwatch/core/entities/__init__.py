"""
The values that pass from stage to stage, in the order in which they come to be.

    FileTree → Candidate → Verdict(Checkpoint) → Snapshot(Manifest) → Registration(+ Metric) → Receipt → ModelVersion

All are frozen. Words are the field's own: registered model, model version, run, metric (MLflow), scalar, tag, step, wall time
(TensorBoard), manifest and digest (OCI).
"""

from modelwatch.core.entities.checkpoint import Candidate, Checkpoint, Verdict, VerdictKind
from modelwatch.core.entities.manifest import Manifest, ManifestEntry, Snapshot
from modelwatch.core.entities.metric import Metric
from modelwatch.core.entities.model_type import Lifetime, ModelType, Storage
from modelwatch.core.entities.model_version import ModelVersion, RegisteredModel
from modelwatch.core.entities.registration import Amendment, Provenance, Receipt, Registration

__all__ = [
    "Amendment",
    "Candidate",
    "Checkpoint",
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
    "Snapshot",
    "Storage",
    "Verdict",
    "VerdictKind",
]
