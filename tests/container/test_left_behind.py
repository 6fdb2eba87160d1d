"""What a killed container, or a repository that did not answer, leaves on the volume is finished later, from the volume alone."""

import pytest
from containers import ENTRYPOINT, MODELWATCH, podman
from project_files import ROOT
from waiting import wait_until

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]  # the first test also builds the images

DRAIN = (f"--volume={ROOT / 'config' / 'drain.yaml'}:/etc/modelwatch/modelwatch.yaml:ro", "--read-only", "--cap-drop=all")
USER = "--user=65532:65532"


def test_the_repository_is_away_for_the_whole_training(site):
    """Training ends normally and is told what is left and how to finish it; `modelwatch drain` in another container registers it."""
    storage = site.folder / "storage"
    storage.chmod(0o555)
    result = site.train(ENTRYPOINT, "save 1; exit 3", USER, "--env=MODELWATCH_DRAIN_TIMEOUT=1s")
    assert result.returncode == 3
    assert "modelwatch drain --modelPath /artifacts" in result.stderr
    storage.chmod(0o777)
    assert site.registered() == []
    podman("run", "--rm", *site.arguments(*DRAIN), MODELWATCH, "drain")
    assert site.registered() == ["model.ckpt-1"]


def test_the_whole_container_is_killed(site):
    """The drain Job's command registers each checkpoint once: those that were registered before, and those that nobody looked at."""
    with site.started(ENTRYPOINT, "sh", "/train.sh", trainer="save 1; await never", options=[USER]) as container:
        wait_until(lambda: site.registered() == ["model.ckpt-1"])
        podman("kill", "--signal=KILL", container.name)
        assert container.wait() == 137
    podman("run", "--rm", *site.arguments(USER, "--entrypoint=sh", trainer="save 2"), ENTRYPOINT, "/train.sh")
    for _ in range(2):
        podman("run", "--rm", *site.arguments(*DRAIN), MODELWATCH, "watch", "--once")
        assert site.registered() == ["model.ckpt-1", "model.ckpt-2"]
