"""The whole entrypoint: the installed command, its supervisor and its real agent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import supervised
from waiting import wait_until

import modelwatch

MODELWATCH = str(Path(sys.executable).with_name("modelwatch"))
MAIN = str(Path(modelwatch.__file__).with_name("__main__.py"))
HOSTILE = (
    "agent",
    "queue",
    "logging",
    "yaml",
    "json",
    "signal",
    "enum",
    "argparse",
    "threading",
    "modelwatch_agent",
    "sqlite3",
    "select",
)
"""Modules of a training project that have the names of what we import."""


@pytest.fixture
def model_path(tmp_path):
    """Return an empty model path, and configure modelwatch, by its environment, to keep everything below the test's folder."""
    path = tmp_path / "models"
    path.mkdir()
    return path


def environment(tmp_path, **more):
    """Return the environment of these tests."""
    return {**os.environ, "MODELWATCH_REPOSITORY": str(tmp_path / "repository"), **more}


def test_the_command_returns_the_trainings_status_and_output(tmp_path, model_path):
    """Exit code and standard output are the training's, and it is told the model path."""
    command = [MODELWATCH, "run", "--modelPath", str(model_path), "--", "/bin/sh", "-c", "echo $PS_MODEL_PATH; exit 3"]
    result = supervised.run(command, env=environment(tmp_path))
    assert (result.returncode, result.stdout) == (3, f"{model_path}\n".encode())


def test_the_command_adds_nothing_else_to_the_environment(tmp_path, model_path):
    """Under the C locale, which Python would replace, the training's environment is the caller's and PS_MODEL_PATH."""
    given = {
        "LC_ALL": "C",
        "PATH": os.defpath,
        "PYTHONHASHSEED": "7",
        "HOME": str(tmp_path),
        "MODELWATCH_REPOSITORY": str(tmp_path / "r"),
    }
    command = [MODELWATCH, "run", f"--modelPath={model_path}", "cat", "/proc/self/environ"]
    seen = supervised.run(command, env=given).stdout.split(b"\0")
    assert sorted(seen[:-1]) == sorted(
        os.fsencode(f"{name}={value}") for name, value in (given | {"PS_MODEL_PATH": str(model_path)}).items()
    )


def test_a_given_model_path_variable_is_left_alone(tmp_path, model_path):
    """PS_MODEL_PATH of the platform is not replaced by a flag's value."""
    command = [MODELWATCH, "run", "--modelPath", str(model_path), "--", "/bin/sh", "-c", "echo $PS_MODEL_PATH"]
    result = supervised.run(command, env=environment(tmp_path, PS_MODEL_PATH="/given"))
    assert result.stdout == b"/given\n"


@pytest.mark.parametrize("way", ["working directory", "PYTHONPATH"])
def test_modules_of_the_training_are_not_ours(tmp_path, model_path, way):
    """A project with its own queue.py, logging.py and so on runs under us, and imports its own."""
    project = tmp_path / "project"
    project.mkdir()
    for name in HOSTILE:
        (project / f"{name}.py").write_text(f"print('imported the project\\'s {name}')\n", encoding="utf-8")
    (project / "train.py").write_text("import agent\n", encoding="utf-8")
    more = {"PYTHONPATH": str(project)} if way == "PYTHONPATH" else {}
    command = [
        MODELWATCH,
        "run",
        "--modelPath",
        str(model_path),
        "--",
        "/bin/sh",
        "-c",
        f"{sys.executable} -S {project / 'train.py'}",
    ]
    result = supervised.run(command, env=environment(tmp_path, **more), cwd=project)
    assert (result.returncode, result.stdout) == (0, b"imported the project's agent\n"), result.stderr.decode()
    assert b"imported" not in result.stderr


@pytest.mark.parametrize("start", [(sys.executable, "-m", "modelwatch"), (sys.executable, MAIN)])
def test_every_way_to_start_it_isolates_the_interpreter(tmp_path, start):
    """As a module and by its path the command line starts, with nothing of PYTHONPATH."""
    (tmp_path / "argparse.py").write_text("print('not ours')\n", encoding="utf-8")
    result = supervised.run([*start, "no-such-command"], env=environment(tmp_path, PYTHONPATH=str(tmp_path)))
    assert (result.returncode, result.stdout) == (64, b"")
    assert b"there is no command no-such-command" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--modelType", "nonsense", "--", "true"], b"modelType"),
        (["--modelPth", "x", "--", "true"], b"--modelPath"),
        (["--"], b"no command to run"),
        ([], b"no command to run"),
    ],
)
def test_our_own_failures_before_the_start_are_125(tmp_path, arguments, says):
    """Whatever is wrong with the options of `run`, its exit code is 125, and the training has not started."""
    result = supervised.run([MODELWATCH, "run", *arguments], env=environment(tmp_path), cwd=tmp_path)
    assert result.returncode == 125
    assert says in result.stderr


def test_a_restarted_agent_is_of_the_same_run_and_has_the_same_options(tmp_path, model_path):
    """The agent is started with the options that were given and with one run's id, which a restart keeps."""
    command = [
        MODELWATCH,
        "run",
        "--modelPath",
        str(model_path),
        "--model-name",
        "digits",
        "--notes=a b",
        "--",
        "/bin/sh",
        "-c",
        "read line",
    ]
    child = supervised.start(command, env=environment(tmp_path))
    first = wait_until(lambda: agents_of(child.pid))
    os.kill(first[0][0], 9)
    second = wait_until(lambda: [agent for agent in agents_of(child.pid) if agent[0] != first[0][0]])
    child.communicate(b"\n", timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 0
    options = first[0][1][first[0][1].index("watch") + 1 :]
    assert sorted(options[:3]) == ["--modelName=digits", f"--modelPath={model_path}", "--notes=a b"]
    assert options[3] == "--runId"
    assert len(options[4]) == 26
    assert options[:5] == second[0][1][second[0][1].index("watch") + 1 :][:5]


def test_a_model_that_the_training_leaves_is_registered(tmp_path, model_path):
    """The thin whole path: a Custom model folder, committed by its marker, is in the repository when the command returns."""
    script = 'mkdir "$PS_MODEL_PATH/m" && echo weights >"$PS_MODEL_PATH/m/w.bin" && : >"$PS_MODEL_PATH/m/_SUCCESS"'
    command = [
        MODELWATCH,
        "run",
        f"--modelPath={model_path}",
        "--modelType=Custom",
        "--modelName=toy",
        "--",
        "/bin/sh",
        "-c",
        script,
    ]
    result = supervised.run(command, env=environment(tmp_path))
    assert result.returncode == 0, result.stderr.decode()
    listed = subprocess.run(
        [MODELWATCH, "models", "list", "--json"],
        env=environment(tmp_path),
        capture_output=True,
        check=True,
        timeout=supervised.LIMIT_SECONDS,
    )
    assert b'"toy"' in listed.stdout, result.stderr.decode()


def agents_of(supervisor):
    """Return the process ids and arguments of the agents that run below a supervisor."""
    try:
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii").split()
        found = [(int(pid), Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]) for pid in children]
    except OSError:
        return []  # between two programs, or gone
    return [(pid, arguments) for pid, arguments in found if "watch" in arguments and "--supervisor-fd" in arguments]
