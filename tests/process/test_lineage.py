"""The lineage of a real training, from its start to what people are shown."""

import json
import os
import shutil
import sys
from pathlib import Path

import supervised

KERAS = Path(__file__).parents[1] / "golden" / "keras" / "three-epochs.keras"
MODELWATCH = (sys.executable, "-m", "modelwatch")


def modelwatch(folder, *arguments, **environment):
    """Run modelwatch in a folder and return what it prints."""
    result = supervised.run([*MODELWATCH, *map(str, arguments)], cwd=folder, env={**os.environ, **environment})
    assert result.returncode == 0, result.stderr
    return result.stdout.decode()


def test_a_version_tells_where_it_comes_from_and_no_secret(tmp_path):
    """Commit, command, interpreter and hyperparameters of `run`, in the table and as JSON; the training's own command is untouched."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("c" * 40, encoding="utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "train.py").write_text(
        "import os, shutil, sys\n"
        f"shutil.copy({str(KERAS)!r}, 'models/tmp'); os.rename('models/tmp', 'models/a.keras')\n"
        "assert sys.argv[1:] == ['--password', 'hunter2', '--epochs', '3'], sys.argv\n",
        encoding="utf-8",
    )
    options = ("--repository", tmp_path / "repository", "--modelName=digits")
    secrets = {"HP_TOKEN": "hunter3", "PS_API_KEY": "hunter4"}
    command = (sys.executable, "train.py", "--password", "hunter2", "--epochs", "3")
    modelwatch(tmp_path, "run", "--modelPath=models", *options, "--", *command, HP_LAYERS="5", **secrets)
    shown = modelwatch(tmp_path, "models", "details", "digits", *options[:2], COLUMNS="200")
    version = json.loads(modelwatch(tmp_path, "models", "details", "digits", "--json", *options[:2]))["version"]
    lineage = version["metadata"]["lineage"]
    assert lineage["git"] == {"sha": "c" * 40}
    assert lineage["command"] == f"{sys.executable} train.py --password '***' --epochs 3"
    assert lineage["environment"] == {"HP_LAYERS": "5"}
    assert sys.version.startswith(lineage["python"])
    assert "c" * 40 in shown
    assert "HP_LAYERS" in shown
    for path in [path for folder in ("models", "repository") for path in (tmp_path / folder).rglob("*") if path.is_file()]:
        assert b"hunter" not in path.read_bytes(), path
    assert "hunter" not in shown


def test_a_sidecar_tells_what_the_platform_says(tmp_path):
    """GradientCI's variables are enough; the sidecar's own folder and command are not the training's."""
    (tmp_path / "models").mkdir()
    shutil.copy(KERAS, tmp_path / "models" / "a.keras")
    options = ("--repository", tmp_path / "repository", "--modelName=digits")
    modelwatch(tmp_path, "watch", "--once", "--modelPath=models", *options, PS_GRADIENT_CI_GIT_SHA="d" * 40)
    version = json.loads(modelwatch(tmp_path, "models", "details", "digits", "--json", *options[:2]))["version"]
    assert version["metadata"]["lineage"] == {"git": {"sha": "d" * 40}}
