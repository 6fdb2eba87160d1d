"""The examples of container/ and config/ fit one another and what they configure; needs no container."""

import re

import pytest
import yaml
from project_files import ROOT

from modelwatch.config.load import load

KUBERNETES = ROOT / "container" / "kubernetes"
MANIFESTS = sorted(KUBERNETES.glob("*.yaml"))
CONFIGS = ("entrypoint", "sidecar", "drain")
DRAIN_MARGIN_SECONDS = 10.0


def documents(path):
    """Return a manifest's documents by their kind."""
    return {document["kind"]: document for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))}


def settings(name):
    """Load one of the examples of config/ as the command line would."""
    return load({}, {}, "/", config=str(ROOT / "config" / f"{name}.yaml"), needs_model_path=True)


@pytest.mark.parametrize("name", CONFIGS)
def test_each_example_configuration_is_valid(name):
    """It loads without a problem or a warning."""
    loaded = settings(name)
    assert loaded.warnings == ()
    assert loaded.settings.model_path == "/artifacts"


def test_there_is_a_manifest_for_each_configuration():
    """Each way to run on Kubernetes has both."""
    assert [path.stem for path in MANIFESTS] == sorted(CONFIGS)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_configures_as_the_example_does(path):
    """Its ConfigMap holds the file of config/ with the same name, and is the one that the Job mounts."""
    parts = documents(path)
    config = parts["ConfigMap"]
    assert config["data"]["modelwatch.yaml"] == (ROOT / "config" / path.name).read_text(encoding="utf-8")
    volumes = {volume["name"]: volume for volume in parts["Job"]["spec"]["template"]["spec"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] == config["metadata"]["name"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_pod_is_restricted_and_mounts_what_it_names(path):
    """It satisfies Kubernetes' "restricted" standard, every mount has its volume, and every folder of the configuration is mounted."""
    pod = documents(path)["Job"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounted = set()
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        mounted |= {mount["mountPath"] for mount in container["volumeMounts"]}
    found = settings(path.stem).settings
    for folder in (found.model_path, found.repository):
        assert any(folder == place or folder.startswith(f"{place}/") for place in mounted), folder


@pytest.mark.parametrize("name", ["entrypoint", "sidecar"])
def test_there_is_time_to_deliver(name):
    """What the platform waits before it kills is more than what modelwatch takes after training has ended."""
    pod = documents(KUBERNETES / f"{name}.yaml")["Job"]["spec"]["template"]["spec"]
    assert settings(name).settings.drain_timeout_seconds + DRAIN_MARGIN_SECONDS <= pod["terminationGracePeriodSeconds"]


def test_the_sidecar_is_a_native_one_and_is_asked_where_it_answers():
    """It is an init container that is restarted, the training waits for its start-up probe, and the probes' port is the configured one."""
    pod = documents(KUBERNETES / "sidecar.yaml")["Job"]["spec"]["template"]["spec"]
    (sidecar,) = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    ports = {port["name"]: port["containerPort"] for port in sidecar["ports"]}
    address = settings("sidecar").settings.health_address
    assert address is not None
    for probe in ("startupProbe", "livenessProbe"):
        assert ports[sidecar[probe]["httpGet"]["port"]] == address.port


def test_compose_shares_the_volume_and_the_user():
    """Training and modelwatch see the same model path as the same user; modelwatch may write nothing else, and has time to deliver."""
    composed = yaml.safe_load((ROOT / "container" / "compose.yaml").read_text(encoding="utf-8"))
    training, ours = composed["services"]["training"], composed["services"]["modelwatch"]
    assert training["user"] == ours["user"]
    assert set(training["volumes"]) & set(ours["volumes"]) == {"artifacts:/artifacts"}
    assert ours["read_only"] is True
    assert settings("sidecar").settings.drain_timeout_seconds < int(ours["stop_grace_period"].removesuffix("s"))
    named = {volume.partition(":")[0] for service in (training, ours) for volume in service["volumes"] if volume[0] != "."}
    assert named == set(composed["volumes"])


@pytest.mark.parametrize("path", sorted((ROOT / "container" / "examples").glob("Dockerfile.*")), ids=lambda path: path.suffix)
def test_what_a_dockerfile_copies_is_sent_to_the_builder(path):
    """.dockerignore lets through every file of the repository that an example copies."""
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for source in re.findall(r"^COPY (?!--from)(\S+) ", path.read_text(encoding="utf-8"), re.MULTILINE):
        assert (ROOT / source).exists()
        assert f"!{source}" in let_through
