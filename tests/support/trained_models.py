"""A repository that looks as after some trainings: models with versions, metrics, curves, lineage, tags and notes, all through the real code."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import replace
from pathlib import Path

from modelwatch.core.entities import Lifetime, Metric, ModelType, Provenance, Registration, RunReport
from modelwatch.core.entities.run_report import CheckpointState, RunState, Series
from modelwatch.repository.repository import Repository
from modelwatch.testing.sink_contract import make_snapshot

STARTED = 1_763_900_000.0
"""When the first training began, seconds since the epoch."""

SIGNATURE = {
    "inputs": {"image": {"dtype": "float32", "shape": [-1, 28, 28, 1]}},
    "outputs": {"logits": {"dtype": "float32", "shape": [-1, 10]}},
}


def lineage(seed: int) -> dict[str, object]:
    """Return what an agent would have found out about a training."""
    return {
        "git": {"sha": f"{seed * 7919:040x}", "ref": "refs/heads/main", "repository": "https://git.example.org/team/digits.git"},
        "command": f"python train.py --learning-rate 0.{seed:03d} --batch-size {32 * seed}",
        "python": "3.11.9",
        "packages": {"tensorflow": "2.18.0", "keras": "3.8.0"},
        "environment": {"LEARNING_RATE": f"0.{seed:03d}", "BATCH_SIZE": str(32 * seed), "DROPOUT": "0.3"},
        "image": "registry.example.org/train:2.18",
    }


def _loss(step: int, seed: int, noise: random.Random) -> float:
    return 0.9 * math.exp(-step / (2500 + 300 * seed)) + 0.05 + 0.02 * noise.random() + 0.004 * seed


def _metrics(step: int, when: float, curves: dict[tuple[str, str], list[float]], index: int) -> tuple[Metric, ...]:
    return tuple(
        Metric(key, split, values[index], step, when, run=split, tag=f"epoch_{key}", join="step")
        for (key, split), values in curves.items()
    )


def train(
    repository: Repository,
    folder: Path,
    model: str,
    *,
    seed: int = 1,
    versions: int = 6,
    points: int = 400,
    started: float = STARTED,
    state: RunState = RunState.ENDED,
    team: str = "default",
    experiment: str | None = None,
    diverged: bool = False,
) -> None:
    """
    Register the versions of one training, and report its run.

    Args:
        repository: Where.

        folder: For the checkpoints' files; each call needs its own model or seed.

        model: The model's name.

        seed: Of its curves, and in its run's name: another training of the same model has another.

        versions: How many checkpoints.

        points: Of each curve.

        started: When it began.

        state: Whether it goes on.

        team: Whose.

        experiment: Gradient's id, None for the one of the seed.

        diverged: Whether its loss becomes NaN near the end.
    """
    noise = random.Random(seed)
    run = f"run-{model[:12]}-{seed}"
    steps = [10 * (index + 1) for index in range(points)]
    walls = [started + 2.5 * index for index in range(points)]
    curves: dict[tuple[str, str], list[float]] = {}
    curves["loss", "train"] = [_loss(step, seed, noise) for step in steps]
    curves["loss", "validation"] = [value + 0.03 + 0.01 * noise.random() for value in curves["loss", "train"]]
    curves["accuracy", "train"] = [1 - 0.6 * value for value in curves["loss", "train"]]
    curves["accuracy", "validation"] = [1 - 0.62 * value for value in curves["loss", "validation"]]
    if diverged:
        for values in curves.values():
            values[-points // 10 :] = [math.nan] * (points // 10)
    extra = {("learning_rate", "train"): [0.001 * 0.5 ** (step // 1000) for step in steps]}
    provenance = Provenance(run=run, experiment=experiment or f"ex{seed}k1kvbwza", project="prmr22ve0", host=f"node-{seed}")
    states = []
    for number in range(versions):
        index = (number + 1) * points // versions - 1
        step, when = steps[index], walls[index]
        root = f"model.ckpt-{step}"
        files = {
            f"{root}.data-00000-of-00001": random.Random(step * seed).randbytes(4096),
            f"{root}.index": f"{model} {seed} {step}".encode(),
            f"{root}.meta": b"graph" * 100,
        }
        snapshot = make_snapshot(folder / f"{run}-{step}", files)
        registration = Registration(
            team=team,
            model=model,
            model_type=ModelType.TENSORFLOW,
            format="tensorflow-checkpoint",
            root=root,
            manifest=snapshot.manifest,
            provenance=provenance,
            created=when,
            step=step,
            epoch=number,
            metrics=_metrics(step, when, curves, index),
            metadata={"lineage": lineage(seed), "signature": SIGNATURE, "parameters": 1_199_882 + seed},
            lifetime=Lifetime.PERMANENT,
            source=f"/storage/models/{model}",
        )
        receipt = repository.register(registration, snapshot)
        states.append(
            CheckpointState(
                root, "tensorflow-checkpoint", "JOURNALLED", "", when, when, step, number, registration.key, int(receipt.version)
            )
        )
    if state is RunState.TRAINING:
        later = steps[-1] + 10
        states.append(
            CheckpointState(
                f"model.ckpt-{later}",
                "tensorflow-checkpoint",
                "SETTLING",
                "waits until nothing changes any more",
                walls[-1],
                walls[-1],
                later,
            )
        )
        states.append(
            CheckpointState(
                f"model.ckpt-{later + 10}",
                "tensorflow-checkpoint",
                "GONE",
                "rotated away before its snapshot ended",
                walls[-1],
                walls[-1],
                later + 10,
            )
        )
    repository.report(
        RunReport(
            team=team,
            model=model,
            run=run,
            state=state,
            started=started,
            updated=walls[-1],
            reason="exit code 0" if state is RunState.ENDED else "",
            host=provenance.host,
            experiment=provenance.experiment,
            project=provenance.project,
            command=f"python train.py --seed {seed}",
            hyperparameters={"LEARNING_RATE": f"0.{seed:03d}"},
            series=tuple(
                Series(f"epoch_{key}", split, key, split, "step", array("q", steps), array("d", walls), array("d", values))
                for (key, split), values in {**curves, **extra}.items()
            ),
            checkpoints=tuple(states),
        )
    )


def bring(
    repository: Repository,
    folder: Path,
    model: str,
    *,
    summary: object = None,
    notes: str = "",
    team: str = "default",
    name: str = "model.onnx",
    metrics: tuple[Metric, ...] = (),
) -> None:
    """Register a version as a person brings one: a file, without a run, and without metrics unless they are given."""
    snapshot = make_snapshot(folder / f"upload-{model[:20]}-{name[:20]}", {name: f"{model} as onnx".encode()})
    registration = Registration(
        team=team,
        model=model,
        model_type=ModelType.ONNX,
        format="upload",
        root=name,
        manifest=snapshot.manifest,
        provenance=Provenance(),
        created=STARTED,
        summary=summary,
        notes=notes,
        metrics=metrics,
        upload="1",
    )
    repository.register(registration, snapshot)


def fill(repository: Repository, folder: Path, *, now: float) -> None:
    """Fill a repository as a team's looks after a while: a training that goes on, earlier ones, an upload, tags and notes."""
    train(repository, folder, "digits", seed=1, versions=8, started=STARTED)
    train(repository, folder, "digits", seed=2, versions=4, started=now - 1000, state=RunState.TRAINING)
    train(repository, folder, "fashion-mnist", seed=3, versions=5, points=250, started=STARTED + 90_000)
    train(repository, folder, "speech-commands", seed=5, versions=3, points=90, diverged=True, started=STARTED - 400_000)
    bring(repository, folder, "squeezenet", summary={"loss": 0.0680, "accuracy": 0.9795}, notes="From the zoo, opset 13.")
    repository.tag("digits", ("released", "mnist"), team="default")
    repository.tag("squeezenet", ("released", "mobile"), team="default")
    repository.tag("digits", ("candidate",), team="default", version="5")
    repository.note("digits", "Trained on the 60,000 digits.\nThe best one is what the demo serves.", team="default")
    repository.set_alias("digits", "production", "5", team="default")


def shifted(report: RunReport, updated: float) -> RunReport:
    """Return a report told at another time."""
    return replace(report, updated=updated)
