"""modelwatch as the entrypoint of a training's container."""

import pytest
from containers import ENTRYPOINT, ENTRYPOINT_WITHOUT, OLDER, PIP, podman
from waiting import wait_until

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]  # the first test also builds the images

LOCKED_DOWN = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--user=1234:1234",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
HOSTILE_MODULES = (
    *(
        "agent",
        "queue",
        "yaml",
        "logging",
        "json",
        "re",
        "enum",
        "os",
        "site",
        "codecs",
        "encodings",
        "sitecustomize",
        "usercustomize",
    ),
    "modelwatch",
)
HOSTILE_LIBRARIES = (
    "libz.so.1",
    "libsqlite3.so.0",
    "libssl.so.3",
    "libcrypto.so.3",
    "libexpat.so.1",
    "libffi.so.8",
    "libstdc++.so.6",
)
KILL_AGENT = """
for pid in $(cat /proc/1/task/1/children); do
    case $(tr '\\0' ' ' </proc/$pid/cmdline) in /opt/modelwatch/*) kill -9 $pid ;; esac
done
"""


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("exec /absent", 127)]
)
def test_the_container_ends_as_the_training(site, script, code):
    """The container's exit code is the training's, or 128 + n after a signal, and what was saved before is registered."""
    result = site.train(ENTRYPOINT, f"save 1\n{script}")
    assert result.returncode == code, result.stderr
    assert site.registered() == ["model.ckpt-1"], result.stderr


def test_a_command_that_is_not_there(site):
    """The container ends with 127, as a shell would."""
    assert podman("run", "--rm", *site.arguments(), ENTRYPOINT, "absent", check=False).returncode == 127


@pytest.mark.parametrize(
    ("image", "python"),
    [(ENTRYPOINT, "Python 3.9"), (ENTRYPOINT_WITHOUT, "none"), (PIP, "Python 3.11")],
    ids=["older", "without", "pip"],
)
def test_whatever_python_the_image_has(site, image, python):
    """It works in an image with an older Python and C library, in one with neither, and installed by pip; the training sees its own Python."""
    result = site.train(image, "save 1; python3 --version 2>/dev/null || echo none; exit 3")
    assert (result.returncode, result.stdout.startswith(python)) == (3, True), result
    assert site.registered() == ["model.ckpt-1"], result.stderr


def test_the_training_sees_its_own_environment(site):
    """Every variable is as without us; PS_MODEL_PATH is added."""
    options = site.arguments("--env=PYTHONPATH=/somewhere", "--env=LC_ALL=C", "--hostname=here")
    without = podman("run", "--rm", *options, OLDER, "env").stdout.splitlines()
    within = podman("run", "--rm", *options, ENTRYPOINT, "env").stdout.splitlines()
    assert sorted(within) == sorted([*without, "PS_MODEL_PATH=/artifacts"])


def test_hostile_modules_and_libraries(site, tmp_path):
    """Modules and libraries of the training that have the names of ours, on PYTHONPATH, LD_LIBRARY_PATH and in the working directory, do nothing to us."""
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in HOSTILE_MODULES:
        (hostile / f"{name}.py").write_text("raise SystemExit('hostile')\n", encoding="ascii")
    for name in HOSTILE_LIBRARIES:
        (hostile / name).write_bytes(b"hostile")
    options = [f"--volume={hostile}:/hostile:ro", "--workdir=/hostile"]
    options += [
        "--env=PYTHONPATH=/hostile",
        "--env=PYTHONHOME=/absent",
        "--env=LD_LIBRARY_PATH=/hostile",
        "--env=PYTHONSTARTUP=/hostile/os.py",
    ]
    result = site.train(ENTRYPOINT, "save 1; exit 4", *options)
    assert (result.returncode, "hostile" in result.stderr) == (4, False), result.stderr
    assert site.registered() == ["model.ckpt-1"], result.stderr


def test_locked_down(site):
    """Nothing but the model path and the repository is written: a read-only root without /tmp, a user without a name, no capabilities."""
    result = site.train(ENTRYPOINT, "save 1; exit 5", *LOCKED_DOWN)
    assert result.returncode == 5, result.stderr
    assert site.registered() == ["model.ckpt-1"], result.stderr


def test_orphans_are_reaped(site):
    """A hundred processes that lost their parents do not stay behind as zombies of the container's PID 1."""
    trainer = """
        for i in $(seq 100); do sh -c 'sh -c : &'; done
        until [ "$(grep -l '^State:.Z' /proc/[0-9]*/status | wc -l)" = 0 ]; do :; done
        exit 6
    """
    assert site.train(ENTRYPOINT, trainer).returncode == 6


def test_stopping_the_container(site):
    """`podman stop` gives SIGTERM to the training, which saves once more; that checkpoint is registered, too, and the exit code is the training's."""
    trainer = "trap 'save 2; exit 8' TERM; save 1; touch /artifacts/trapped; while :; do sleep 0.05; done"
    with site.started(ENTRYPOINT, "sh", "/train.sh", trainer=trainer) as container:
        wait_until((site.artifacts / "trapped").exists)
        podman("stop", "--time=50", container.name)
        assert container.wait() == 8, container.said()
    assert site.registered() == ["model.ckpt-1", "model.ckpt-2"]


def test_the_agent_is_killed(site):
    """The agent is killed in the middle of a training: the training does not notice, and each checkpoint is one version."""
    trainer = f"save 1; await killing; {KILL_AGENT} await told; save 2; exit 9"
    with site.started(ENTRYPOINT, "sh", "/train.sh", trainer=trainer) as container:
        wait_until(lambda: site.registered() == ["model.ckpt-1"])
        site.tell("killing")
        wait_until(lambda: "signal 9; starting it again" in container.said())
        site.tell("told")
        assert container.wait() == 9, container.said()
    assert site.registered() == ["model.ckpt-1", "model.ckpt-2"]


TAKE_MEMORY = """
import os

def killed():
    counts = []
    for name in ("memory/memory.oom_control", "memory.events"):  # control groups of version 1 and 2
        if os.path.exists("/sys/fs/cgroup/" + name):
            counts += [line for line in open("/sys/fs/cgroup/" + name) if line.startswith("oom_kill ")]
    return counts

before, taken = killed(), []
assert before, "the kernel does not count"
while killed() == before:
    taken.append(bytearray(b"x") * (1 << 20))
"""
"""
A program that takes memory, far more than the agent ever has, until the kernel has killed a process of its container.

Not the training: the kernel may look for a second one while what the first had is still being given back, and then that is whoever
takes memory.
"""


def test_the_agent_is_taken_when_memory_runs_out_and_not_the_training(site):
    """Of all that is in the container the kernel takes the agent first; the training does not notice, and the agent comes back."""
    trainer = "save 1; await told; save 2; exit 9"
    options = ["--memory=192m", "--memory-swap=192m"]
    with site.started(ENTRYPOINT, "sh", "/train.sh", trainer=trainer, options=options) as container:
        wait_until(lambda: site.registered() == ["model.ckpt-1"])
        container.run("python3", "-c", TAKE_MEMORY, check=False)
        wait_until(lambda: "the agent ended with signal 9; starting it again" in container.said())
        site.tell("told")
        assert container.wait() == 9, container.said()
    assert site.registered() == ["model.ckpt-1", "model.ckpt-2"]


def test_the_training_runs_out_of_memory(site):
    """The kernel kills a training that takes more than the container has: the container ends with 137, and what was saved is registered."""
    trainer = "save 1; await registered; exec python3 -c 'bytearray(1 << 30)'"
    options = ["--memory=256m", "--memory-swap=256m"]
    with site.started(ENTRYPOINT, "sh", "/train.sh", trainer=trainer, options=options) as container:
        wait_until(lambda: site.registered() == ["model.ckpt-1"])
        site.tell("registered")
        assert container.wait() == 137, container.said()
    assert site.registered() == ["model.ckpt-1"]
