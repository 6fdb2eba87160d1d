"""The JSON shapes of docs/models.md, written and read."""

import json
import math
import string
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.digest import Digest
from modelwatch.core.entities import (
    Lifetime,
    Manifest,
    ManifestEntry,
    Metric,
    ModelType,
    ModelVersion,
    Provenance,
    RegisteredModel,
    Registration,
    RunState,
    Storage,
)
from modelwatch.repository.experiments import Experiment
from modelwatch.repository.json_shapes import (
    experiment_from_json,
    experiment_json,
    metric_from_json,
    model_from_json,
    model_json,
    run_from_json,
    run_json,
    seconds_of,
    timestamp,
    version_from_json,
    version_json,
)
from modelwatch.repository.summaries import ExperimentSummary, ModelSummary, RunSummary
from modelwatch.testing.sink_contract import make_report

WORDS = st.text(string.ascii_letters + "/% é\ud800\n", min_size=1, max_size=8)
TIMES = st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000) | st.just(sys.float_info.max)
COUNTS = st.none() | st.integers(0, 1 << 40)
METRICS = st.builds(
    Metric, WORDS, WORDS, st.floats(allow_nan=False), st.integers(0, 1 << 40), TIMES, WORDS, WORDS, WORDS, st.integers(0, 9)
)
REGISTRATIONS = st.builds(
    Registration,
    team=WORDS,
    model=WORDS,
    model_type=st.sampled_from(ModelType),
    format=WORDS,
    root=WORDS,
    manifest=st.integers(0, 1 << 50).map(lambda size: Manifest((ManifestEntry("a", size, Digest("0" * 64)),))),
    provenance=st.builds(Provenance, run=st.none() | WORDS, experiment=st.none() | WORDS, project=st.none() | WORDS),
    created=TIMES,
    step=COUNTS,
    epoch=COUNTS,
    metrics=st.lists(METRICS, max_size=2).map(tuple),
    metadata=st.dictionaries(WORDS, st.floats(allow_nan=False) | WORDS, max_size=2),
    lifetime=st.sampled_from(Lifetime),
    storage=st.sampled_from(Storage),
    summary=st.none() | st.lists(st.floats(allow_nan=False), max_size=2),
)
VERSIONS = st.builds(ModelVersion, st.integers(1, 99), REGISTRATIONS, TIMES, st.lists(WORDS).map(tuple), WORDS)
MODELS = st.builds(
    RegisteredModel,
    WORDS,
    WORDS,
    WORDS,
    TIMES,
    TIMES,
    versions=st.lists(VERSIONS, min_size=0, max_size=3).map(tuple),
    public=st.booleans(),
    aliases=st.dictionaries(WORDS, st.integers(1, 99), max_size=2),
)


def sent(value):
    """Return a JSON value as the other side of a connection gets it."""
    return json.loads(json.dumps(value, allow_nan=False))


@given(MODELS)
def test_a_model_comes_back_as_it_was_sent(model):
    """Whoever reads the JSON of a model has the summary that it was made of, times to the millisecond."""
    assert model_from_json(sent(model_json(model))) == ModelSummary.of(model)


@given(MODELS)
def test_an_experiment_comes_back_as_it_was_sent(model):
    """Likewise for an experiment, whose size and models follow from its versions."""
    if model.versions:
        experiment = Experiment("e1", model.team, None, tuple((model, version) for version in model.versions))
        summary = experiment_from_json(sent(experiment_json(experiment)))
        assert summary == ExperimentSummary.of(experiment)
        assert (summary.size, summary.models) == (experiment.size, experiment.models)


@given(st.integers(10, 2000), st.sampled_from(RunState), TIMES)
def test_a_run_comes_back_as_it_was_sent(last_step, state, updated):
    """Likewise for a run without its curves."""
    summary = RunSummary.of(replace(make_report(last_step=last_step), state=state, updated=updated), now=5000.0)
    assert run_from_json(sent(run_json(summary))) == summary


@given(TIMES)
def test_a_time_comes_back_to_the_millisecond(seconds):
    """What is no time of this calendar stays none."""
    assert seconds_of(timestamp(seconds)) == seconds


def version_value():
    """Return the JSON of some version."""
    manifest = Manifest((ManifestEntry("a", 1, Digest("0" * 64)),))
    registration = Registration("t", "m", ModelType.ONNX, "onnx", "m.onnx", manifest, Provenance(), 1.0)
    return sent(version_json(ModelVersion(1, registration, 2.0)))


def test_fields_of_a_newer_server_are_passed_over():
    """A version that has more fields than are known, or the list of its files in place of the count, is read all the same."""
    value = version_value()
    metric = {
        "key": "loss",
        "split": "train",
        "value": "NaN",
        "step": 1,
        "timestamp": None,
        "run": ".",
        "tag": "loss",
        "join": "step",
    }
    read = version_from_json({**value, "colour": "red", "files": [{}, {}], "metrics": [{**metric, "smoothed": 0.5}]})
    assert read.files == 2
    assert math.isnan(read.metrics[0].value)
    assert replace(read, files=1, metrics=()) == version_from_json(value)
    assert metric_from_json(metric).step_delta == 0


@pytest.mark.parametrize("broken", [None, [], {}, {"files": 1}, {"type": "Caffe"}, {"digest": "md5:0"}, {"created": "soon"}])
def test_something_else_is_no_version(broken):
    """Each of the four errors that are promised, and no other."""
    value = broken if not broken or "files" in broken else {**version_value(), **broken}
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        version_from_json(value)
