"""What holds when nobody says anything: Gradient's platform decides, and a laptop is told what to say."""

import base64
import json
import os
from pathlib import Path

import pytest

from modelwatch.config.load import load
from modelwatch.config.settings import Git
from modelwatch.config.surroundings import Surroundings
from modelwatch.core.entities import Lifetime
from modelwatch.core.errors import ConfigError

ONE = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}, "environment": "cloud"}
TWO = {"cluster": {"master": ["a:1"], "worker": ["b:1"], "ps": []}, "task": {"type": "master", "index": 0}}


def settings_of(environment, directory="/work"):
    """Return the settings that an environment leads to."""
    return load({}, environment, directory).settings


def encoded(value, *, padded=True):
    """Return PS_CONFIG's encoding of a cluster."""
    text = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    return text if padded else text.rstrip("=")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"TF_CONFIG": json.dumps(ONE)},
        {"TF_CONFIG": "{}"},
        {"TF_CONFIG": ""},
        {"PS_CONFIG": encoded(ONE)},
        {"WORKER_HOSTS": "a:1"},
        {"WORKER_HOSTS": "", "PS_HOSTS": ","},
    ],
)
def test_on_one_node_the_model_path_is_artifacts(more):
    """Whether the platform says nothing of a cluster or that it has one node."""
    environment = {"PS_ARTIFACTS": "/artifacts", "PS_JOBSPACE": "/storage", "PAPERSPACE_EXPERIMENT_ID": "e1", **more}
    assert settings_of(environment).model_path == "/artifacts"


@pytest.mark.parametrize(
    "more",
    [
        {"TF_CONFIG": json.dumps(TWO)},
        {"TF_CONFIG": json.dumps({"cluster": {"worker": {"0": "a:1", "1": "b:1"}}})},
        {"PS_CONFIG": encoded(TWO)},
        {"PS_CONFIG": encoded(TWO, padded=False)},
        {"WORKER_HOSTS": "a:1,b:1"},
        {"WORKER_HOSTS": "a:1", "PS_HOSTS": "p:1"},
    ],
)
def test_on_several_nodes_it_is_the_permanent_folder_of_the_experiment(more):
    """In every way in which the platform tells of several nodes."""
    environment = {"PS_ARTIFACTS": "/artifacts", "PS_JOBSPACE": "/storage", "PAPERSPACE_EXPERIMENT_ID": "e1", **more}
    assert settings_of(environment).model_path == "/storage/models/e1"
    del environment["PAPERSPACE_EXPERIMENT_ID"]
    assert settings_of(environment).model_path == "/storage/models"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TF_CONFIG", "not JSON"),
        ("TF_CONFIG", "[]"),
        ("TF_CONFIG", '{"cluster": [1]}'),
        ("TF_CONFIG", "[" * 100_000),
        ("PS_CONFIG", "%%%"),
        ("PS_CONFIG", "é"),
        ("PS_CONFIG", encoded("text")),
    ],
)
def test_a_cluster_that_cannot_be_understood_is_a_problem_of_its_variable(variable, value):
    """The problem names the variable, not the model path; a model path that was given makes the cluster irrelevant."""
    with pytest.raises(ConfigError) as caught:
        settings_of({variable: value})
    [problem] = caught.value.problems
    assert (problem.field, problem.origin) == (variable, f"environment {variable}")
    assert len(str(problem)) < 300
    assert settings_of({variable: value, "PS_MODEL_PATH": "/m"}).model_path == "/m"


def test_nothing_to_watch_is_a_problem_for_those_who_need_it_only(tmp_path):
    """On a laptop `models list` needs no model path; `run` says how to give one."""
    environment = {"PS_ARTIFACTS": ""}
    if Path("/artifacts").exists():
        pytest.skip("this machine has an /artifacts folder")
    assert load({}, environment, str(tmp_path)).settings.model_path == ""
    with pytest.raises(ConfigError, match="give --modelPath DIR"):
        load({}, environment, str(tmp_path), needs_model_path=True)


def test_a_bad_cluster_is_not_reported_twice(tmp_path):
    """A model path that is unknown because its source is wrong is one problem."""
    with pytest.raises(ConfigError) as caught:
        load({}, {"TF_CONFIG": "{"}, str(tmp_path), needs_model_path=True)
    assert [problem.field for problem in caught.value.problems] == ["TF_CONFIG"]


@pytest.mark.parametrize(
    ("path", "experiment", "lifetime"),
    [
        ("/artifacts", "e1", Lifetime.EXPERIMENT),
        ("/artifacts/deep/er", "e1", Lifetime.EXPERIMENT),
        ("/artifacts", "", Lifetime.PERMANENT),
        ("/artifacts/../storage", "e1", Lifetime.PERMANENT),
        ("/artifacts2", "e1", Lifetime.PERMANENT),
        ("/storage/models/e1", "e1", Lifetime.PERMANENT),
    ],
)
def test_what_is_in_artifacts_goes_with_its_experiment(path, experiment, lifetime):
    """As documented for Gradient's two paths."""
    environment = {"PS_MODEL_PATH": path, "PAPERSPACE_EXPERIMENT_ID": experiment}
    assert settings_of(environment).lifetime is lifetime


def test_the_platforms_variables_are_understood():
    """Experiment, run and commit are known without any option."""
    settings = settings_of(
        {
            "PAPERSPACE_EXPERIMENT_ID": "e1",
            "PS_JOB_ID": "j1",
            "PS_GRADIENT_CI_GIT_REF": "main",
            "PS_GRADIENT_CI_GIT_SHA": "abc",
            "PS_GRADIENT_CI_GIT_REPO_URL": "https://example.org/r.git",
        }
    )
    assert (settings.experiment, settings.run, settings.model_name) == ("e1", "j1", "e1")
    assert settings.git == Git("main", "abc", "https://example.org/r.git")
    assert settings_of({}).git is None


def test_a_metrics_workload_is_the_experiment_when_it_is_one():
    """gradient-utils tells of the experiment by PAPERSPACE_METRIC_WORKLOAD_ID; other workloads are no experiments."""
    names = ("PAPERSPACE_METRIC_WORKLOAD_ID", "PAPERSPACE_METRIC_WORKLOAD_TYPE")
    assert settings_of(dict(zip(names, ("e1", "experiment"), strict=True))).experiment == "e1"
    assert settings_of(dict(zip(names, ("d1", "deployment"), strict=True))).experiment is None


def test_the_model_is_named_after_the_working_directory():
    """Without experiment and name; in the root folder there is nothing to name it after."""
    assert settings_of({}, "/projects/digits").model_name == "digits"
    assert settings_of({}, "/").model_name == "model"


def test_the_repository_is_in_permanent_storage_where_there_is_one(tmp_path):
    """Else in the folder that the platform has for the user's data."""
    assert settings_of({"PS_JOBSPACE": str(tmp_path)}).repository == str(tmp_path / "modelwatch")
    elsewhere = {"PS_JOBSPACE": str(tmp_path / "missing")}
    assert settings_of({**elsewhere, "XDG_DATA_HOME": "/data"}).repository == "/data/modelwatch/repository"
    assert settings_of({**elsewhere, "HOME": "/home/user"}).repository == "/home/user/.local/share/modelwatch/repository"


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("win32", {"LOCALAPPDATA": "/appdata"}, "/appdata"),
        ("win32", {"HOME": "/home/user"}, "/home/user/AppData/Local"),
        ("darwin", {"HOME": "/home/user", "XDG_DATA_HOME": "/x"}, "/home/user/Library/Application Support"),
        ("linux", {"HOME": "/home/user", "XDG_DATA_HOME": "/x"}, "/x"),
    ],
)
def test_every_platform_has_its_own_folder_for_data(monkeypatch, platform, environment, folder):
    """The user's data folder is where the platform's users look for it."""
    monkeypatch.setattr("sys.platform", platform)
    assert Surroundings(environment, "/").user_data_folder() == Path(folder)


def test_a_user_without_a_home_is_told_to_give_a_repository(monkeypatch, tmp_path):
    """A container may run under a user number that has no entry in the password file."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 5)
    environment = {"PS_JOBSPACE": str(tmp_path / "missing")}
    with pytest.raises(ConfigError, match=r"repository = '' .*no home folder"):
        load({}, environment, str(tmp_path))
    assert load({"repository": ("/r",)}, environment, str(tmp_path)).settings.repository == "/r"


def test_blind_nothing_is_looked_at(tmp_path, monkeypatch):
    """Where a mount may not answer, what the environment promises is taken as there, and files of options are passed over."""
    (tmp_path / "modelwatch.yaml").write_text("modelName: from-a-file\n", encoding="ascii")
    with monkeypatch.context() as blind:
        for look in ("stat", "lstat", "access", "open", "listdir", "scandir", "readlink"):
            blind.setattr(os, look, lambda *given, **_: pytest.fail(f"looked at {given}"))
        given = load({"repository": ["/hangs/repository"]}, {"MODELWATCH_DRAIN_TIMEOUT": "3s"}, str(tmp_path), blind=True).settings
        nothing_given = load({}, {}, str(tmp_path), blind=True).settings
    assert (given.model_path, given.repository, given.drain_timeout_seconds) == ("/artifacts", "/hangs/repository", 3.0)
    assert (nothing_given.repository, nothing_given.model_name) == ("/storage/modelwatch", tmp_path.name)
