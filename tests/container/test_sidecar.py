"""modelwatch in a container of its own, beside the training's."""

import pytest
from containers import MODELWATCH, OLDER, podman
from project_files import ROOT
from waiting import wait_until

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]  # the first test also builds the images

SIDECAR = (
    f"--volume={ROOT / 'config' / 'sidecar.yaml'}:/etc/modelwatch/modelwatch.yaml:ro",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
DRAIN = tuple(option.replace("sidecar.yaml", "drain.yaml") for option in SIDECAR)
TRAINING = "--user=65532:65532"
"""The training runs as the sidecar's user, as in a pod with runAsUser."""


def train(site, trainer, *options):
    """Run a training without modelwatch, in a container of its own on the same volume, to its end."""
    return podman("run", "--rm", *site.arguments(TRAINING, *options, trainer=trainer), OLDER, "sh", "/train.sh", check=False)


def stop(container):
    """Stop a container as a platform does; return its exit code."""
    podman("stop", "--time=50", container.name)
    return container.wait()


def test_beside_a_training(site):
    """What a training in another container saves is registered while it runs, and its last checkpoint after SIGTERM; root is read-only."""
    with site.started(MODELWATCH, "watch", options=SIDECAR) as sidecar:
        train(site, "save 1")
        wait_until(lambda: site.registered() == ["model.ckpt-1"])
        train(site, "save 2")
        assert stop(sidecar) == 0, sidecar.said()
    assert site.registered() == ["model.ckpt-1", "model.ckpt-2"]


def test_killed_and_started_again(site):
    """Each checkpoint is one version although the sidecar is killed and another one takes over its volume."""
    with site.started(MODELWATCH, "watch", options=SIDECAR) as sidecar:
        train(site, "save 1; save 2")
        wait_until(lambda: len(site.registered()) == 2)
        podman("kill", "--signal=KILL", sidecar.name)
        assert sidecar.wait() == 137
    with site.started(MODELWATCH, "watch", options=SIDECAR) as sidecar:
        train(site, "save 3")
        assert stop(sidecar) == 0, sidecar.said()
    assert sorted(site.registered()) == ["model.ckpt-1", "model.ckpt-2", "model.ckpt-3"]


def test_two_sidecars_on_one_volume(site):
    """The second one ends and says that another agent is there; the first goes on."""
    with site.started(MODELWATCH, "watch", options=SIDECAR) as sidecar:
        wait_until((site.artifacts / ".modelwatch" / "journal.sqlite3").exists)
        second = podman("run", "--rm", *site.arguments(*SIDECAR), MODELWATCH, "watch", check=False)
        assert second.returncode == 74, second.stderr
        train(site, "save 1")
        assert stop(sidecar) == 0, sidecar.said()
    assert site.registered() == ["model.ckpt-1"]
