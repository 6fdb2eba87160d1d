"""The snapshot budget of a real agent."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import supervised

KERAS = Path(__file__).parents[1] / "golden" / "keras" / "three-epochs.keras"
MODELWATCH = (sys.executable, "-m", "modelwatch")


def saved(folder, count):
    """Return a model path with so many checkpoints, the oldest first by name and time."""
    models = folder / "models"
    models.mkdir()
    for number in range(count):
        shutil.copy(KERAS, models / f"{number}.keras")
        os.utime(models / f"{number}.keras", (1_600_000_000 + number, 1_600_000_000 + number))
    return models


def modelwatch(*arguments, **options):
    """Run modelwatch to its end and return the result."""
    return subprocess.run(
        [*MODELWATCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=supervised.LIMIT_SECONDS,
        **options,
    )


def test_a_folder_larger_than_the_budget_is_registered_in_order(tmp_path):
    """One snapshot at a time is enough: each makes room for the next when it has been delivered."""
    models, repository = saved(tmp_path, 4), tmp_path / "repository"
    result = modelwatch("watch", "--once", "--modelPath", models, "--repository", repository, "--snapshotBudget=1B")
    assert result.returncode == 0, result.stderr
    listing = json.loads(modelwatch("models", "list", "--json", "--repository", repository).stdout)
    name = listing["models"][0]["name"]
    versions = json.loads(modelwatch("models", "versions", name, "--json", "--repository", repository).stdout)["versions"]
    assert [version["root"] for version in sorted(versions, key=lambda version: version["version"])] == [
        f"{number}.keras" for number in range(4)
    ]
    status = json.loads(modelwatch("status", "--json", "--modelPath", models).stdout)
    assert status["short_of_room"] is None


def test_room_that_no_delivery_makes_is_not_waited_for(tmp_path):
    """With a repository that takes nothing the end comes after the drain timeout, and what was not copied is said and shown."""
    models, repository = saved(tmp_path, 2), tmp_path / "repository"
    repository.write_text("not a folder", encoding="utf-8")
    options = ("--modelPath", models, "--repository", repository, "--snapshotBudget=1B", "--drainTimeout=0.3")
    result = modelwatch("watch", "--once", *options)
    assert result.returncode == 75, result.stderr
    status = json.loads(modelwatch("status", "--json", "--modelPath", models).stdout)
    assert status["short_of_room"] == {"waiting": 1, "why": "the snapshot budget of 1 B is used up"}
    assert "1.keras" in result.stderr
    assert (
        "short of room: the snapshot budget of 1 B is used up; 1 checkpoints wait"
        in modelwatch("status", "--modelPath", models).stdout
    )


def test_what_rotation_destroys_meanwhile_is_counted_at_the_end(tmp_path):
    """A training that keeps its last checkpoint only, beside a repository that takes nothing: its end names the number that is lost."""
    (tmp_path / "models").mkdir()
    (tmp_path / "repository").write_text("not a folder", encoding="utf-8")
    script = """
seen() { until "$PYTHON" -m modelwatch status --json --modelPath models 2>/dev/null | grep -q "\\"checkpoint\\": \\"$1\\""; do :; done; }
for number in 1 2 3; do cp "$KERAS" models/tmp; mv models/tmp models/$number.keras; seen $number.keras; rm models/$number.keras; done
"""
    result = modelwatch(
        *("run", "--modelPath=models", "--repository=repository", "--snapshotBudget=1B", "--drainTimeout=0.1"),
        *("--", "sh", "-c", script),
        cwd=tmp_path,
        env={**os.environ, "PYTHON": sys.executable, "KERAS": str(KERAS)},
    )
    assert result.returncode == 0
    assert "2 checkpoints were deleted or overwritten before there was room to copy" in result.stderr
