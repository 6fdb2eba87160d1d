"""Real containers: podman, the images that the tests build, and what a training in one left behind."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from project_files import ROOT
from terminals import AtTerminal

BASE, OLDER, WITHOUT = (f"localhost/modelwatch-test/{name}" for name in ("base", "older", "without"))
"""Made by tests/container/prepare.sh, which says what they are."""
MODELWATCH, ENTRYPOINT, ENTRYPOINT_WITHOUT, PIP = (
    f"localhost/modelwatch-test/{name}" for name in ("modelwatch", "entrypoint", "entrypoint-without", "pip")
)
"""Built by `build_images`."""

LIMIT_SECONDS = 60.0
"""What no container of a test may take."""

TRAINER = """\
save() { # save STEP: a checkpoint as TensorFlow writes it, the index last
    cp /golden/model.ckpt-3.data-00000-of-00001 "/artifacts/model.ckpt-$1.data-00000-of-00001"
    cp /golden/model.ckpt-3.meta "/artifacts/model.ckpt-$1.meta"
    cp /golden/model.ckpt-3.index "/artifacts/model.ckpt-$1.index"
}
await() { until [ -e "/artifacts/$1" ]; do sleep 0.05; done; }
"""
"""What every trainer of these tests begins with; the rest is its own."""

_ENVIRONMENT = {**os.environ, "CONTAINERS_CONF": str(ROOT / "tests" / "container" / "containers.conf")}  # before a test changes it
_CERTIFICATES = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))


def podman(*arguments: object, check: bool = True, limit_seconds: float = LIMIT_SECONDS) -> subprocess.CompletedProcess[str]:
    """
    Run podman to its end, both outputs captured.

    Raises:
        AssertionError: It failed, and `check` was asked for; with all that it said.
    """
    command = ["podman", *map(str, arguments)]
    result = subprocess.run(
        command,
        env=_ENVIRONMENT,
        cwd=Path.home(),  # the test's own: podman's monitor leaves a file there when memory runs out
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=limit_seconds,
    )
    assert not check or result.returncode == 0, f"{' '.join(command)}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


@functools.cache
def missing() -> str:
    """Say what is missing for running containers here; empty when nothing is."""
    if shutil.which("podman") is None:
        return "podman is not installed"
    absent = [image for image in (BASE, OLDER, WITHOUT) if podman("image", "exists", image, check=False).returncode]
    return f"there are no images {', '.join(absent)}" if absent else ""


def build_images(folder: Path) -> None:
    """Build every image of container/, as its README says to."""
    secrets = _secrets(folder)
    build("container/Dockerfile", MODELWATCH, *secrets, BASE=BASE, VERSION="0.0.0", REVISION="test")
    build("container/examples/Dockerfile.entrypoint", ENTRYPOINT, MODELWATCH=MODELWATCH, TRAINING=OLDER)
    build("container/examples/Dockerfile.entrypoint", ENTRYPOINT_WITHOUT, MODELWATCH=MODELWATCH, TRAINING=WITHOUT)
    build("container/examples/Dockerfile.pip", PIP, *secrets, TRAINING=BASE, REQUIREMENT=".")


def build(file: str, tag: str, *options: str, **arguments: str) -> None:
    """Build one image from the repository's top."""
    given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    podman(
        "build",
        "--quiet",
        "--format=docker",
        "--network=host",
        *options,
        *given,
        "-f",
        ROOT / file,
        "-t",
        tag,
        ROOT,
        limit_seconds=600.0,
    )


def _secrets(folder: Path) -> list[str]:
    """Give the build this machine's way to a package index, as secrets: pip's settings but those that name local files, and certificates."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, env=_ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    lines = ["[global]"]
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        if name.rpartition(".")[2] in {"index-url", "extra-index-url", "proxy", "trusted-host"} and "file:" not in value:
            lines.append(f"{name.rpartition('.')[2]} = {value.strip(chr(39))}")
    secrets = {"pip.conf": folder / "pip.conf"}
    if _CERTIFICATES.exists():
        secrets["ca.crt"] = _CERTIFICATES
        lines.append("cert = /etc/ssl/certs/ca-certificates.crt")
    secrets["pip.conf"].write_text("\n".join([*lines, ""]), encoding="utf-8")
    return [f"--secret=id={name},src={path}" for name, path in secrets.items()]


class Container:
    """A container that runs in the background."""

    def __init__(self, name: str) -> None:
        self.name = name

    def said(self) -> str:
        """Return both outputs up to now."""
        result = podman("logs", self.name)
        return result.stdout + result.stderr

    def wait(self) -> int:
        """Wait for the end; return the exit code."""
        return int(podman("wait", self.name).stdout)

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in it as root; return what it printed."""
        return podman("exec", "--user=0", self.name, *command, check=check).stdout


@dataclass(frozen=True, slots=True)
class Site:
    """
    The volumes of one training, and running containers on them.

    Attributes:
        folder: Holds everything.
    """

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Site:
        """Make the folders, writable for every user."""
        for name in ("artifacts", "storage"):
            path = folder / name
            path.mkdir()
            path.chmod(0o777)
        return cls(folder)

    @property
    def artifacts(self) -> Path:
        """The model path, as this machine sees it."""
        return self.folder / "artifacts"

    def arguments(self, *options: str, trainer: str = "") -> list[str]:
        """Return the options of `podman run` for the volumes and a trainer's script, and more."""
        script = self.folder / f"{uuid.uuid4().hex}.sh"
        script.write_text(TRAINER + trainer, encoding="utf-8")
        volumes = {
            self.artifacts: "/artifacts",
            self.folder / "storage": "/storage",
            script: "/train.sh:ro",
            ROOT / "tests" / "golden" / "tensorflow" / "saver": "/golden:ro",
        }
        given = [f"--volume={path}:{place}" for path, place in volumes.items()]
        return [*given, "--env=MODELWATCH_HEALTH_ADDRESS=off", *options]

    def train(self, image: str, trainer: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run an image whose entrypoint is modelwatch to its end, with a shell script as the training."""
        return podman("run", "--rm", *self.arguments(*options, trainer=trainer), image, "sh", "/train.sh", check=False)

    @contextmanager
    def started(self, image: str, *command: str, trainer: str = "", options: Sequence[str] = ()) -> Iterator[Container]:
        """Start a container in the background; it is removed at the end."""
        container = Container(f"modelwatch-test-{uuid.uuid4().hex[:12]}")
        podman("run", "--detach", f"--name={container.name}", *self.arguments(*options, trainer=trainer), image, *command)
        try:
            yield container
        finally:
            podman("rm", "--force", "--time=0", container.name)

    @contextmanager
    def at_terminal(self, image: str, *command: str, trainer: str = "", options: Sequence[str] = ()) -> Iterator[AtTerminal]:
        """Run a container at a terminal of its own, which podman hands on to the one that the test types at; it is removed at the end."""
        name = f"modelwatch-test-{uuid.uuid4().hex[:12]}"
        given = [
            "podman",
            "run",
            "--interactive",
            "--tty",
            f"--name={name}",
            *self.arguments(*options, trainer=trainer),
            image,
            *command,
        ]
        try:
            with AtTerminal(given, _ENVIRONMENT) as terminal:
                yield terminal
        finally:
            podman("rm", "--force", "--time=0", "--ignore", name)

    def tell(self, name: str) -> None:
        """Make the file that a trainer awaits."""
        (self.artifacts / name).touch()

    def registered(self, model: str = "digits") -> list[str]:
        """Return the checkpoints of a model's versions, in the order of their numbers; empty when there is no such model."""
        repository = self.folder / "storage" / "modelwatch"
        if not (repository / "repository.json").exists():
            return []
        command = [Path(sys.executable).with_name("modelwatch"), "models", "versions", model, "--json", "--repository", repository]
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if result.returncode == 66:
            return []
        assert result.returncode == 0, result.stderr
        return [version["root"] for version in json.loads(result.stdout)["versions"]]
