"""Everything wrong is reported at once, with field, value, origin and the nearest right name."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.config.load import load
from modelwatch.config.options import OPTIONS
from modelwatch.core.errors import ConfigError


def problems_of(flags=None, environment=None, directory="/work", **more):
    """Return the problems that loading finds."""
    with pytest.raises(ConfigError) as caught:
        load(flags or {}, environment or {}, directory, **more)
    return caught.value.problems


def test_every_problem_of_every_source_is_reported_at_once(tmp_path):
    """One wrong value in each source makes as many problems, each with its origin."""
    (tmp_path / "modelwatch.yaml").write_text("team: x\nlogLevel: loud\nmodle-path: /m\n", encoding="utf-8")
    (tmp_path / "options.yml").write_text("modelType: Tensorflwo\nmachineType: K80\n", encoding="utf-8")
    found = problems_of(
        {"drainTimeout": ("soon",)},
        {"MODELWATCH_STORAGE": "referance", "MODELWATCH_OPTIONS_FILE": "options.yml", "TF_CONFIG": "{"},
        str(tmp_path),
    )
    assert {(problem.field, problem.value, problem.origin) for problem in found} == {
        ("drainTimeout", "soon", "flag --drainTimeout"),
        ("storage", "referance", "environment MODELWATCH_STORAGE"),
        ("logLevel", "loud", f"{tmp_path / 'modelwatch.yaml'} line 2"),
        ("modle-path", "/m", f"{tmp_path / 'modelwatch.yaml'} line 3"),
        ("modelType", "Tensorflwo", f"{tmp_path / 'options.yml'} line 1"),
        ("TF_CONFIG", "{", "environment TF_CONFIG"),
    }
    text = "\n".join(map(str, found))
    for right in ("did you mean reference?", "did you mean modelPath?", "did you mean Tensorflow?"):
        assert right in text


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("modelPath", "", "is empty"),
        ("modelPath", "a\0b", "NUL"),
        ("modelName", " \t", "printable"),
        ("modelName", "a\x1b[2Jb", "printable"),
        ("modelName", "a\nb", "printable"),
        ("modelName", "a\udcffb", "printable"),
        ("modelName", "\u202egnp.exe", "printable"),
        ("modelName", "é" * 101, "longer than 200 bytes"),
        ("settleTime", "-1", "is not a time"),
        ("settleTime", "nan", "is not a time"),
        ("settleTime", "inf", "is not a time"),
        ("settleTime", "1e400", "is not a time"),
        ("settleTime", "1_000", "is not a time"),
        ("settleTime", "\u0661", "is not a time"),
        ("settleTime", "9" * 400, "longer than a week"),
        ("settleTime", "170h", "longer than a week"),
        ("pollInterval", "0", "at least 0.01 s"),
        ("modelType", "", "choose one of"),
        ("storage", "", "choose one of copy, reference"),
        ("commitMarker", "a/b", "is a path"),
        ("commitMarker", "..", "is a path"),
    ],
)
def test_hostile_values_are_refused(name, text, says):
    """What would break a line, a path, a clock or a name is told apart from what is meant."""
    if name == "modelType":
        assert load({name: (text,)}, {}, "/work").settings.model_type is None
        return
    [problem] = problems_of({name: (text,)})
    assert (problem.field, problem.value) == (name, text[:80])
    assert says in problem.problem


@given(st.sampled_from(OPTIONS), st.text(max_size=50) | st.text(alphabet="0123456789.smh- ", max_size=8))
def test_any_text_is_a_value_or_a_problem_of_its_option(option, text):
    """No text that somebody may give to an option is an error of ours."""
    try:
        load({option.name: (text,)}, {}, "/work")
    except ConfigError as error:
        assert {problem.field for problem in error.problems} <= {option.name, "repository", "modelPath"}  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("text", "field", "line", "says"),
    [
        ("modelPath: one\nmodelName: x\nmodelPath: two\n", "modelPath", 3, "given twice, first at"),
        ("modelPath: one\nmodel-path: two\n", "modelPath", 2, "given twice, first at"),
        ("- modelPath\n", "config", 1, "must hold options"),
        ("just text\n", "config", 1, "must hold options"),
        ("team: red\nmodelPath: [a, b]\n", "modelPath", 2, "must be one value"),
        ("modelPath: {a: b}\n", "modelPath", 1, "must be one value"),
        ("logDir: {a: b}\n", "logDir", 1, "must be a value or a list of values"),
        ("logDir: [[a]]\n", "logDir", 1, "must be a value or a list of values"),
        ("team: red\nmodelPath: 'a\n", "config", 3, "not YAML"),
        ("team: red\n\tmodelPath: a\n", "config", 2, "not YAML"),
        ("modelpath: a\n", "modelpath", 1, "there is no such option; did you mean modelPath?"),
        ("{a: b}: c\n", "", 1, "the name of an option must be one word"),
        ("x: &a [*a]\n", "x", 1, "there is no such option"),
        ("zzz: 1\n", "zzz", 1, "there is no such option"),
    ],
)
def test_yaml_problems_carry_file_and_line(tmp_path, text, field, line, says):
    """Each is found with the place to look at."""
    path = tmp_path / "ours.yaml"
    path.write_text(text, encoding="utf-8")
    [problem] = problems_of(config=str(path))
    assert field in problem.field
    assert problem.origin == f"{path} line {line}"
    assert problem.problem.startswith(says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"team: a\0b", "not YAML"),
        (b"#" * (1 << 20) + b"\n", "larger than 1 MiB"),
        (b"a: " + b"[" * 50_000, "cannot be read"),
    ],
)
def test_files_that_are_not_text_are_problems(tmp_path, content, says):
    """Whatever is in the file that was named, it is the file's problem."""
    (tmp_path / "modelwatch.yaml").write_bytes(content)
    [problem] = problems_of(directory=str(tmp_path))
    assert problem.field == "config"
    assert says in problem.problem


@pytest.mark.parametrize("way", ["config", "options_file", "MODELWATCH_CONFIG", "MODELWATCH_OPTIONS_FILE", "MODELWATCH_TEAM_FILE"])
def test_a_file_that_was_named_must_be_there(tmp_path, way):
    """A missing file is a problem; so is a folder."""
    for name, says in (("missing", "No such file"), (".", "Is a directory")):
        given = {"environment": {way: name}} if way.isupper() else {way: name}
        [problem] = problems_of(directory=str(tmp_path), **given)
        assert says in problem.problem


def test_a_file_may_come_out_of_a_pipe(tmp_path):
    """As a shell's `<(…)` gives it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"\xef\xbb\xbfteam: red\n",))
    writer.start()
    try:
        assert load({}, {}, str(tmp_path), config=str(path)).settings.team == "red"
    finally:
        writer.join()


def test_an_empty_file_and_null_values_say_nothing(tmp_path):
    """As Gradient's `--createOptionsFile` writes options that nobody has filled in."""
    (tmp_path / "modelwatch.yaml").write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "o.yml").write_text("name: null\nmodelType:\nmodelPath: ~\n", encoding="utf-8")
    assert set(load({}, {}, str(tmp_path), options_file="o.yml").origins.values()) == {"default"}


def test_gradients_options_file_is_understood(tmp_path):
    """Its names are known, what is not ours is passed over, and what nobody knows is a problem."""
    text = """\
        name: squeezenet
        modelType: onnx
        modelPath: /m
        projectId: prj
        notes: from the file
        tag: [a, b]
        modelSummary: {accuracy: 0.9}
        apiKey: secret
        machineType: K80
        command: python train.py
        PATH: ./model
        clusterId: null
        """.replace("        ", "")
    (tmp_path / "o.yml").write_text(text, encoding="utf-8")
    settings = load({}, {}, str(tmp_path), options_file="o.yml").settings
    assert (settings.model_name, settings.model_path, settings.project, settings.notes) == (
        "squeezenet",
        "/m",
        "prj",
        "from the file",
    )
    (tmp_path / "o.yml").write_text(text + "modleType: onnx\n", encoding="utf-8")
    [problem] = problems_of(directory=str(tmp_path), options_file="o.yml")
    assert "did you mean modelType?" in problem.problem


def test_a_broken_file_of_gradient_ci_stops_nothing(tmp_path):
    """Nobody has pointed us at it: it is a warning."""
    (tmp_path / ".ps_project").mkdir()
    (tmp_path / ".ps_project" / "config.yaml").write_text("model: [", encoding="utf-8")
    [warning] = load({}, {}, str(tmp_path)).warnings
    assert ".ps_project/config.yaml line 1: not YAML" in warning


def test_a_variable_that_looks_like_ours_is_a_warning():
    """A container may set what it likes; the nearest right name is told."""
    loaded = load({}, {"MODELWATCH_MODEL_PAHT": "/m", "MODELWATCH_DEBUG": "1", "MODELWATCH_TEAM": "red"}, "/work")
    assert loaded.warnings == ("environment MODELWATCH_MODEL_PAHT: there is no such option; did you mean MODELWATCH_MODEL_PATH?",)


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        ({"storage": "reference", "modelPath": "/artifacts", "experimentId": "e"}, ["storage"]),
        ({"lifetime": "experiment"}, ["lifetime"]),
        ({"lifetime": "experiment", "storage": "reference"}, ["storage", "lifetime"]),
        ({"modelPath": "/storage", "repository": "/storage/modelwatch"}, ["repository"]),
        ({"modelPath": "m", "repository": "m/../m"}, ["repository"]),
        ({"modelPath": "/storage/modelwatch/models/x", "repository": "/storage/modelwatch"}, ["modelPath"]),
        ({"modelPath": "/artifacts", "stateDir": "/artifacts/state"}, ["stateDir"]),
        ({"modelPath": "m", "stateDir": "m"}, ["stateDir"]),
        ({"modelPath": "m", "stateDir": "m/run/.modelwatch"}, ["stateDir"]),
    ],
)
def test_values_that_are_wrong_together(flags, fields):
    """Each is right alone: references to what will be deleted, a lifetime without experiment, copies of ours that would be watched."""
    found = problems_of({name: (text,) for name, text in flags.items()})
    assert [problem.field for problem in found] == fields


def test_a_state_folder_that_is_not_watched_is_right():
    """Beside the model path, above it, or in the one folder of it that is never watched."""
    for folder in ("/state", "/", "/artifacts2", "/artifacts/.modelwatch", "/artifacts/.modelwatch/of-node-1"):
        load({"modelPath": ("/artifacts",), "stateDir": (folder,)}, {}, "/")


def test_a_repository_beside_the_model_path_is_right(tmp_path):
    """Also when one name begins with the other's; a symbolic link into the model path is seen through."""
    (tmp_path / "models").mkdir()
    (tmp_path / "link").symlink_to("models")
    load({"modelPath": ("models",), "repository": ("models2",)}, {}, str(tmp_path))
    assert [problem.field for problem in problems_of({"modelPath": ("models",), "repository": ("link/r",)}, {}, str(tmp_path))] == [
        "repository"
    ]
