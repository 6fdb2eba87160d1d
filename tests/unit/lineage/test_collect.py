"""What is collected of a training, and what never is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.config.options import LINEAGE_ENVIRONMENT
from modelwatch.config.settings import Git
from modelwatch.lineage.collect import collect, hyperparameters
from modelwatch.lineage.interpreter import installed, interpreter


def collected(directory, environment=None, *, git=None, command=("true",)):
    """Return the lineage with the default globs."""
    return collect(git, LINEAGE_ENVIRONMENT, environment or {}, command=command, directory=directory)


@pytest.fixture
def python(tmp_path):
    """The interpreter of an environment, with two frameworks installed as far as names of files go."""
    site = tmp_path / "env" / "lib" / "python3.9" / "site-packages"
    for name in ("tensorflow-2.16.1.dist-info", "scikit_learn-1.5.0.dist-info", "six-1.0.dist-info", "torch"):
        (site / name).mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.9.18\n", encoding="utf-8")
    (tmp_path / "env" / "bin").mkdir()
    path = tmp_path / "env" / "bin" / "python"
    path.symlink_to(sys.executable)
    return path


def test_the_platform_s_commit_wins_over_the_working_tree(tmp_path):
    """GradientCI knows what it checked out; a password in its address is not told."""
    said = Git("main", "a" * 40, "https://u:p@host/r.git")
    assert collected(tmp_path, git=said)["git"] == {"ref": "main", "sha": "a" * 40, "repository": "https://***@host/r.git"}


def test_a_sidecar_s_own_folder_tells_nothing_of_the_training():
    """Without the training's command neither a commit nor an interpreter is looked for."""
    assert collected(Path(__file__).parent, command=None) == {}


def test_the_script_s_folder_is_asked_when_the_working_folder_is_in_no_tree(tmp_path):
    """`python /app/train.py` is started anywhere."""
    (tmp_path / "app" / ".git").mkdir(parents=True)
    (tmp_path / "app" / ".git" / "HEAD").write_text("b" * 40, encoding="utf-8")
    script = tmp_path / "app" / "train.py"
    script.write_text("", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    assert collected(tmp_path / "elsewhere", command=("python", str(script)))["git"] == {"sha": "b" * 40}


def test_python_and_frameworks_are_told_from_names_of_files(python, tmp_path):
    """Of the environment whose interpreter the command names, by path or on PATH."""
    by_path = collected(tmp_path, command=("env/bin/python", "train.py"))
    on_path = collected(tmp_path, {"PATH": str(python.parent)}, command=("python", "train.py"))
    assert by_path["python"] == on_path["python"] == "3.9.18"
    assert by_path["packages"] == on_path["packages"] == {"scikit-learn": "1.5.0", "tensorflow": "2.16.1"}
    assert by_path["command"] == "env/bin/python train.py"


@pytest.mark.parametrize("line", ["#!{python}", "#!{python} -u", "#!/usr/bin/env python", "#!/usr/bin/env -S python -u"])
def test_a_script_s_first_line_names_its_interpreter(python, tmp_path, line):
    """As that of `torchrun`, which is a script on PATH."""
    script = python.with_name("torchrun")
    script.write_text(line.format(python=python) + "\nimport x\n", encoding="utf-8")
    script.chmod(0o755)
    assert interpreter(["torchrun", "x"], {"PATH": str(python.parent)}, tmp_path) == python


@pytest.mark.parametrize("command", ["nowhere", "./nowhere", "sh", "/", "."])
def test_other_commands_have_no_interpreter(tmp_path, command):
    """A shell's script may start anything."""
    assert interpreter([command], dict(os.environ), tmp_path) is None


def test_this_interpreter_is_told_as_it_tells_itself():
    """The version and the packages of a real environment."""
    code = "import json, sys, importlib.metadata as m; print(json.dumps([sys.version.split()[0], m.version('pip')]))"
    said = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert said[0].startswith(installed(Path(sys.executable))[0])


@given(st.lists(st.text(), min_size=1) | st.lists(st.text("/.a", max_size=6), min_size=1))
def test_no_command_is_too_strange(command):
    """Whatever the words are, a lineage is told."""
    assert "git" not in collect(None, (), {}, command=command, directory=Path("/nowhere"))


@pytest.mark.parametrize("word", ["/" + "x" * 5000, "a/b\0c", "/root/\udcff", "", "/"])
def test_words_that_are_no_paths_are_passed_over(tmp_path, word):
    """A script after `sh -c` is longer than any path and full of slashes."""
    assert set(collected(tmp_path, command=("sh", "-c", word))) == {"command"}
    assert "python" not in collected(tmp_path, command=(word or "x", "y"))


@given(st.dictionaries(st.sampled_from(["CONTAINER_IMAGE", "CI_JOB_IMAGE", "IMAGE", "NAME"]), st.just("host/image:1")))
def test_the_image_is_told_by_the_variables_that_are_listed(environment):
    """And by no other."""
    known = collect(None, (), environment, command=None, directory=Path("/"))
    assert ("image" in known) == bool({"CONTAINER_IMAGE", "CI_JOB_IMAGE"} & set(environment))


def test_hyperparameters_are_those_that_a_glob_names():
    """The default globs know the usual names."""
    environment = {"HP_LAYERS": "3", "LEARNING_RATE": "1e-3", "TRAIN_EPOCHS": "10", "PATH": "/bin", "HOME": "/root"}
    assert hyperparameters(environment, LINEAGE_ENVIRONMENT) == {"HP_LAYERS": "3", "LEARNING_RATE": "1e-3", "TRAIN_EPOCHS": "10"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HP_API_KEY", "abc"),
        ("HP_PASSWORD", "abc"),
        ("PS_API_KEY", "abc"),
        ("HP_DATA", "https://u:p@host/"),
        ("HP_OPTIONS", "--token=abc"),
        ("HP_ID", "AKIA" + "ABCDEFGH12345678"),
        ("HP_TEXT", "two\nlines"),
        ("HP_LONG", "1" * 201),
        ("HP_BYTES", "\udcff"),
    ],
)
def test_no_glob_shows_a_secret(name, value):
    """Names and values that look like secrets, and what is no parameter of a line, stay out whatever is asked for."""
    assert hyperparameters({name: value}, ["*"]) == {}
