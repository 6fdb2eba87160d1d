"""Which of several nodes is the chief, from the environment alone."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.config.load import load
from modelwatch.config.workers import ClusterError, bystander, cluster
from modelwatch.core.errors import ConfigError

KINDS = ("chief", "master", "worker", "ps", "evaluator")
NODES = st.integers(0, 4)
CLUSTERS = st.fixed_dictionaries({"worker": NODES, "ps": NODES, "chief": st.integers(0, 1), "evaluator": st.integers(0, 1)})


def tf_config(hosts, kind, index):
    """Return the text of TF_CONFIG for a node of a cluster of so many hosts of each kind."""
    named = {name: [f"{name}{number}:1" for number in range(count)] for name, count in hosts.items() if count}
    return json.dumps({"cluster": named, "task": {"type": kind, "index": index}, "environment": "cloud"})


@given(CLUSTERS, st.booleans())
def test_a_cluster_in_which_somebody_trains_has_one_chief(hosts, encoded):
    """Of all nodes of a TensorFlow cluster exactly one registers, however the platform tells of it."""
    nodes = [(kind, index) for kind, count in hosts.items() for index in range(count)]
    texts = [tf_config(hosts, *node) for node in nodes]
    if encoded:
        environments = [{"PS_CONFIG": base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")} for text in texts]
    else:
        environments = [{"TF_CONFIG": text} for text in texts]
    chiefs = [node for node, environment in zip(nodes, environments, strict=True) if bystander(environment) is None]
    if hosts["chief"]:
        assert chiefs == [("chief", 0)]
    elif hosts["worker"]:
        assert chiefs == [("worker", 0)]


@given(st.integers(0, 3), st.integers(1, 3), st.booleans())
def test_gradient_s_hosts_have_one_chief(parameter_servers, workers, master):
    """WORKER_HOSTS and PS_HOSTS leave a master out, who is the chief where there is one."""
    hosts = {"WORKER_HOSTS": ",".join("w" * workers), "PS_HOSTS": ",".join("p" * parameter_servers)}
    nodes = [("worker", index) for index in range(workers)] + [("ps", index) for index in range(parameter_servers)]
    environments = [{**hosts, "TYPE": kind, "INDEX": str(index)} for kind, index in nodes]
    if workers + parameter_servers > 1:
        assert [bystander(environment) is None for environment in environments] == [node == ("worker", 0) for node in nodes]
    if master:
        assert bystander({**hosts, "TYPE": "master", "INDEX": "0"}) is None


@given(
    st.sampled_from(
        [
            ("WORLD_SIZE", "RANK"),
            ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
            ("SLURM_NTASKS", "SLURM_PROCID"),
            ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
        ]
    ),
    st.integers(1, 64),
    st.data(),
)
def test_of_numbered_processes_the_first_is_the_chief(names, size, data):
    """torchrun, Open MPI and Slurm number their processes from 0."""
    rank = data.draw(st.integers(0, size - 1))
    environment = dict(zip(names, (str(size), str(rank)), strict=True))
    assert (bystander(environment) is None) == (rank == 0)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TYPE": "master", "INDEX": "0"},
        {"TYPE": "worker", "INDEX": "3"},
        {"TYPE": "worker", "INDEX": "3", "WORKER_HOSTS": "a:1"},
        {"TYPE": "gpu", "INDEX": "x", "WORKER_HOSTS": "a:1,b:1"},
        {"TF_CONFIG": "{}"},
        {"TF_CONFIG": tf_config({"worker": 1}, "worker", 0)},
        {"TF_CONFIG": json.dumps({"cluster": {"worker": ["a", "b"]}})},
        {"RANK": "3"},
        {"WORLD_SIZE": "8"},
        {"RANK": "silver", "WORLD_SIZE": "1"},
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"},
        {"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"},
    ],
)
def test_one_node_or_an_unknown_one_is_the_chief(environment):
    """Nobody is left out who might be the only one."""
    assert bystander(environment) is None


def test_tasks_numbered_with_gaps_have_their_lowest_as_the_chief():
    """TensorFlow takes an object from index to host, whose indices need not begin at 0."""
    hosts = {"worker": {"2": "a:1", "5": "b:1"}}
    for index, chief in ((2, True), (5, False)):
        text = json.dumps({"cluster": hosts, "task": {"type": "worker", "index": index}})
        assert (bystander({"TF_CONFIG": text}) is None) == chief


def test_a_bystander_is_told_why():
    """The line that `run` and `watch` say names the variable."""
    assert bystander({"TF_CONFIG": tf_config({"chief": 1, "worker": 2}, "worker", 1)}) == (
        "TF_CONFIG makes this worker 1 of 3 nodes"
    )
    assert bystander({"RANK": "3", "WORLD_SIZE": "8"}) == "RANK makes this process 3 of 8"


@pytest.mark.parametrize(
    ("variable", "environment"),
    [
        ("TF_CONFIG", {"TF_CONFIG": json.dumps({"cluster": {"worker": ["a", "b"]}, "task": [1]})}),
        ("TF_CONFIG", {"TF_CONFIG": json.dumps({"cluster": {"worker": ["a", "b"]}, "task": {"type": 1}})}),
        ("TF_CONFIG", {"TF_CONFIG": json.dumps({"cluster": {"worker": ["a", "b"]}, "task": {"type": "worker", "index": "x"}})}),
        ("TF_CONFIG", {"TF_CONFIG": json.dumps({"cluster": {"worker": {"x": "a"}}})}),
        ("RANK", {"RANK": "first", "WORLD_SIZE": "2"}),
        ("RANK", {"RANK": "-1", "WORLD_SIZE": "2"}),
        ("WORLD_SIZE", {"RANK": "1", "WORLD_SIZE": "9" * 5000}),
        ("INDEX", {"TYPE": "worker", "INDEX": "last", "WORKER_HOSTS": "a,b"}),
    ],
)
def test_what_cannot_be_understood_is_a_problem_of_its_variable_and_can_be_overruled(variable, environment, tmp_path):
    """Told at once, with the option that does without it; commands that watch nothing do not care."""
    with pytest.raises(ClusterError) as caught:
        bystander(environment)
    assert caught.value.variable == variable
    flags = {"modelPath": ["m"], "repository": ["r"]}
    with pytest.raises(ConfigError) as refused:
        load(flags, environment, str(tmp_path), needs_model_path=True)
    assert [problem.field for problem in refused.value.problems] == [variable]
    assert "--workers all" in refused.value.problems[0].problem
    assert load({**flags, "workers": ["all"]}, environment, str(tmp_path), needs_model_path=True).settings.bystander is None
    assert load(flags, environment, str(tmp_path)).settings.bystander is None


def test_the_option_decides(tmp_path):
    """With `workers` at `all` every node registers."""
    environment = {"RANK": "1", "WORLD_SIZE": "2"}
    flags = {"modelPath": ["m"], "repository": ["r"]}
    assert load(flags, environment, str(tmp_path)).settings.bystander == "RANK makes this process 1 of 2"
    assert load({**flags, "workers": ["all"]}, environment, str(tmp_path)).settings.bystander is None


@given(
    st.dictionaries(st.sampled_from(["TF_CONFIG", "PS_CONFIG", "WORKER_HOSTS", "TYPE", "INDEX", "RANK", "WORLD_SIZE"]), st.text())
)
def test_no_environment_is_anything_but_an_answer_or_a_problem(environment):
    """Whatever stands in the variables, nothing else is raised."""
    try:
        described = cluster(environment)
        bystander(environment)
    except ClusterError:
        return
    assert described is None or described.nodes >= 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*KINDS, "cluster", "task", "type", "index", "0"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_no_json_in_tf_config_is_anything_but_an_answer_or_a_problem(value):
    """A cluster of any shape is understood or refused."""
    try:
        bystander({"TF_CONFIG": json.dumps(value)})
    except ClusterError:
        return
