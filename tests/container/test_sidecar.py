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


PAUSE = "cp /bin/sleep /tmp/pause; exec /tmp/pause 1000"
"""What holds a pod's process namespace, under the name that Kubernetes gives it."""


@pytest.mark.parametrize("wanted", ["others", "train.sh"])
def test_in_the_process_namespace_of_the_training(site, wanted):
    """The sidecar sees the training's end itself, looks once more, and ends; nobody stops it."""
    with site.started(OLDER, "sh", "-c", PAUSE) as pod:
        shared = f"--pid=container:{pod.name}"
        options = [*SIDECAR, shared, f"--env=MODELWATCH_WAIT_FOR={wanted}"]
        training = site.started(OLDER, "sh", "/train.sh", trainer="await go; save 1; exit 2", options=[TRAINING, shared])
        with training as trainer, site.started(MODELWATCH, "watch", options=options) as sidecar:
            wait_until((site.artifacts / ".modelwatch" / "journal.sqlite3").exists)
            site.tell("go")
            assert trainer.wait() == 2
            assert sidecar.wait() == 0, sidecar.said()
    assert site.registered() == ["model.ckpt-1"]


def test_it_answers_probes(site):
    """It is ready once the watch is armed, and the image's own health check finds it well."""
    ask = "import sys, urllib.request as request; print(request.urlopen(f'http://127.0.0.1:9321/{sys.argv[1]}', timeout=5).status)"
    options = [*SIDECAR, "--network=none", "--env=MODELWATCH_HEALTH_ADDRESS=0.0.0.0:9321"]
    with site.started(MODELWATCH, "watch", options=options) as sidecar:
        wait_until(lambda: sidecar.run("/opt/modelwatch/bin/python", "-I", "-c", ask, "readyz", check=False) == "200\n")
        podman("healthcheck", "run", sidecar.name)
