"""SavedModels: what TensorFlow wrote, and what can happen to it."""

import json
import shutil

import protobuf_messages as made
import pytest
import tensorflow_files as files
from format_trees import candidates, judge, tree_with
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.saved_model import SavedModel

FORMAT = SavedModel()
SAVED = [
    "saved_model_1",
    "saved_model_2",
    "saved_model_text",
    "saved_model_constant",
    "others/saved_model_counter/00000123",
    "others/saved_model_half_plus_two_cpu/00000123",
]
GRAPH, FINGERPRINT = "m/saved_model.pb", "m/fingerprint.pb"
INDEX, DATA = "m/variables/variables.index", "m/variables/variables.data-00000-of-00001"
ASSET = "m/assets/vocabulary.txt"


@pytest.fixture
def model(tmp_path):
    """A SavedModel of TensorFlow 2 in the folder ``m`` below this one."""
    files.lay_out("saved_model_2", tmp_path / "m")
    return tmp_path


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", SAVED)
def test_what_tensorflow_wrote_is_complete(tmp_path, name, deep):
    """Every golden SavedModel is COMPLETE with all files of its folder."""
    folder = files.lay_out(name, tmp_path / "m")
    checkpoint = judge(FORMAT, tmp_path, "m", deep=deep).checkpoint
    assert checkpoint is not None
    assert set(checkpoint.members) == {path.relative_to(tmp_path).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert checkpoint.awaited == ()
    json.dumps(dict(checkpoint.metadata), allow_nan=False)


def test_tells_signatures_versions_and_assets(model):
    """Inputs and outputs with types and shapes, tags, the writer's version, assets, the fingerprint."""
    metadata = judge(FORMAT, model, "m").checkpoint.metadata
    assert metadata["tensorflow_version"] == "2.21.0"
    (graph,) = metadata["graphs"]
    assert (graph["tags"], graph["assets"]) == (["serve"], ["vocabulary.txt"])
    signature = graph["signatures"]["serving_default"]
    assert signature["inputs"]["x"] == {"name": "serving_default_x:0", "dtype": "float32", "shape": [-1, 2]}
    assert signature["outputs"]["y"]["shape"] == [-1, 2]
    assert signature["method"] == "tensorflow/serving/predict"
    assert metadata["variables"] == [{"name": "scale", "dtype": "float32", "shape": []}]
    assert len(metadata["fingerprint"]["checkpoint_hash"]) == 16


def test_reads_the_models_of_tensorflow_1(tmp_path):
    """Signatures and assets of a model that TensorFlow 1.14 wrote, whose assets stand in a collection."""
    files.lay_out("others/saved_model_half_plus_two_cpu/00000123", tmp_path / "00000123")
    checkpoint = judge(FORMAT, tmp_path, "00000123").checkpoint
    assert (checkpoint.step, checkpoint.metadata["version_folder"]) == (None, "00000123")
    (graph,) = checkpoint.metadata["graphs"]
    assert (graph["tensorflow_version"], graph["assets"]) == ("1.14.0", ["foo.txt"])
    assert set(graph["signatures"]) == {
        "serving_default",
        "classify_x_to_y",
        "regress_x_to_y2",
        "regress_x_to_y",
        "regress_x2_to_y3",
    }


def test_reads_graphs_in_text_form(tmp_path):
    """A graph as text tells the same tags, version, assets and nodes as its binary twin."""
    graphs = []
    for name in ("saved_model_1", "saved_model_text"):
        files.lay_out(name, tmp_path / name)
        checkpoint = judge(FORMAT, tmp_path, name).checkpoint
        assert checkpoint.step == 7
        (graph,) = checkpoint.metadata["graphs"]
        graphs.append({key: graph[key] for key in ("tags", "tensorflow_version", "nodes", "functions", "assets")})
        assert set(graph["signatures"]) == {"serving_default"}
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize(
    ("folder", "step"), [("1585769947", None), ("3", None), ("model-3", None), ("step-300", 300), ("ckpt_step-12", 12)]
)
def test_a_folders_number_is_a_step_only_where_it_says_so(tmp_path, folder, step):
    """Versions and times in folder names are not steps."""
    files.lay_out("saved_model_2", tmp_path / folder)
    assert judge(FORMAT, tmp_path, folder).checkpoint.step == step


def test_finds_folders():
    """Folders with a graph or with SavedModel variables are candidates; exporters' working folders and what lies in assets are not."""
    tree = tree_with(
        "export/1/saved_model.pb",
        "export/1/assets/inner/saved_model.pb",
        "export/2/variables/variables.index",
        "export/temp-1585769947/saved_model.pb",
        "run/variables/other.index",
        "run/variables_temp/part-00000-of-00001.index",
        "text/saved_model.pbtxt",
        f"text/saved_model.pb.tmp{'0f' * 16}",
    )
    assert {candidate.root: sorted(candidate.paths) for candidate in FORMAT.find(tree)} == {
        "export/1": ["export/1/assets/inner/saved_model.pb", "export/1/saved_model.pb"],
        "export/2": ["export/2/variables/variables.index"],
        "text": ["text/saved_model.pbtxt"],
    }


def test_other_files_belong_to_it_unless_the_folder_serves_training_too():
    """Labels beside a graph are part of the model; in a run's folder, and in the watched folder itself, they are not."""
    own = ["saved_model.pb", "assets.extra/warmup", "variables/variables.index"]
    tree = tree_with(
        *own,
        "readme.txt",
        *(f"model/{name}" for name in (*own, "labels.txt", "tokenizer/words.txt")),
        *(f"run/{name}" for name in (*own, "labels.txt", "logs/events.out.tfevents.1.host")),
    )
    found = {
        candidate.root: sorted(path.removeprefix(f"{candidate.root}/") for path in candidate.paths)
        for candidate in FORMAT.find(tree)
    }
    assert found == {"": sorted(own), "model": sorted([*own, "labels.txt", "tokenizer/words.txt"]), "run": sorted(own)}


def test_a_model_in_the_watched_folder_itself_is_complete(tmp_path):
    """Its root is the empty path."""
    files.lay_out("saved_model_2", tmp_path / "m")
    verdict = judge(FORMAT, tmp_path / "m", "")
    assert verdict.kind is VerdictKind.COMPLETE
    assert "variables/variables.index" in verdict.checkpoint.members


@pytest.mark.parametrize("name", [GRAPH, INDEX, DATA, ASSET])
def test_what_is_missing_is_waited_for(model, name):
    """Without its graph, variables or an asset that the graph names, it is INCOMPLETE; so it is if a file goes after the walk."""
    (before,) = candidates(FORMAT, model).values()
    (model / name).unlink()
    for candidate in (before, *candidates(FORMAT, model).values()):
        verdict = FORMAT.inspect(str(model), candidate, deep=True)
        assert (verdict.kind, verdict.only_order) == (VerdictKind.INCOMPLETE, False)


def test_a_missing_fingerprint_is_forgiven_in_time(model):
    """TensorFlow 2.12 and later write it last: without it only long quiet tells that no more comes."""
    (model / FINGERPRINT).unlink()
    assert judge(FORMAT, model, "m").only_order


@pytest.mark.parametrize(
    ("younger", "deep_is_complete"),
    [(INDEX, True), (GRAPH, False), (ASSET, False), (DATA, True)],
)
def test_a_younger_file_needs_proof(model, younger, deep_is_complete):
    """Variables are proven by checksums and the fingerprint; the graph and assets by nothing but order or a long quiet time."""
    files.touch(model / younger, 9)
    assert judge(FORMAT, model, "m", deep=False).only_order
    deep = judge(FORMAT, model, "m", deep=True)
    assert (deep.kind is VerdictKind.COMPLETE, deep.only_order) == (deep_is_complete, not deep_is_complete)


def test_a_fingerprint_of_other_variables_is_not_accepted(model):
    """Not even when all times are in order."""
    shutil.copyfile(files.GOLDEN / "saved_model_2_again" / "fingerprint.pb", model / FINGERPRINT)
    verdict = judge(FORMAT, model, "m", deep=True)
    assert (verdict.kind, verdict.only_order) == (VerdictKind.INCOMPLETE, False)


def test_damaged_variables_are_corrupt(model):
    """Other bytes of the right length and age are no writer's work."""
    (model / DATA).write_bytes(bytes((model / DATA).stat().st_size))
    files.touch(model / DATA, 0)
    assert judge(FORMAT, model, "m", deep=True).kind is VerdictKind.CORRUPT


def test_the_metadata_of_keras_2_is_awaited(model):
    """Objects of Keras 2 in the graph say that its metadata comes right after; required it is not."""
    identifier = made.field(1, "_tf_keras_sequential")
    graph = made.field(2, b"") + made.field(7, made.field(1, made.field(4, identifier)))
    with (model / GRAPH).open("ab") as file:
        file.write(made.field(2, graph))
    files.touch(model / GRAPH, 3)
    checkpoint = judge(FORMAT, model, "m").checkpoint
    assert checkpoint.awaited == ("m/keras_metadata.pb",)
    assert len(checkpoint.metadata["graphs"]) == 2


def test_keras_metadata_comes_last(model):
    """It is part of the model; empty it is still being written, and older than the graph it may be replaced."""
    keras = model / "m" / "keras_metadata.pb"
    keras.write_bytes(b"\x0a\x02\x08\x01")
    files.touch(keras, 9)
    assert "m/keras_metadata.pb" in judge(FORMAT, model, "m").checkpoint.members
    files.touch(keras, 0)
    assert judge(FORMAT, model, "m").only_order
    keras.write_bytes(b"")
    assert judge(FORMAT, model, "m").kind is VerdictKind.INCOMPLETE


@given(st.sampled_from(SAVED), st.data())
def test_no_damage_is_complete(tmp_path_factory, name, data):
    """A cut graph or variables file is never COMPLETE; nor, deep, are variables with a changed byte or a tail of zeros."""
    folder = tmp_path_factory.mktemp("damage")
    files.lay_out(name, folder / "m")
    victims = [path for path in (folder / "m").rglob("*") if path.is_file() and path.parent.name != "assets"]
    victim = data.draw(st.sampled_from(sorted(victims)))
    whole = victim.read_bytes()
    last = len(whole.rstrip()) - (49 if victim.suffix == ".index" else 1)
    position = data.draw(st.integers(0, last))
    kind = data.draw(st.sampled_from(["cut", "zeros", "flip"]))
    content = {
        "cut": whole[:position],
        "zeros": whole[:position] + bytes(len(whole) - position),
        "flip": whole[:position] + bytes([whole[position] ^ data.draw(st.integers(1, 255))]) + whole[position + 1 :],
    }[kind]
    victim.write_bytes(content)
    files.touch(victim, files.rank(f"m/{victim.relative_to(folder).as_posix()}"))
    (candidate,) = candidates(FORMAT, folder).values()
    FORMAT.inspect(str(folder), candidate, deep=False)
    deep = FORMAT.inspect(str(folder), candidate, deep=True)
    if content != whole and (victim.parent.name == "variables" or (kind == "cut" and victim.name.startswith("saved_model."))):
        assert deep.kind is not VerdictKind.COMPLETE


@given(st.binary(max_size=2000), st.sampled_from([GRAPH, FINGERPRINT, INDEX, DATA, "m/saved_model.pbtxt", "m/keras_metadata.pb"]))
def test_hostile_bytes_are_judged(tmp_path_factory, content, victim):
    """Any bytes in place of any file raise nothing."""
    folder = tmp_path_factory.mktemp("hostile")
    files.lay_out("saved_model_2", folder / "m")
    (folder / victim).write_bytes(content)
    if victim.endswith(".pbtxt"):
        (folder / GRAPH).unlink()
    (candidate,) = candidates(FORMAT, folder).values()
    for deep in (False, True):
        FORMAT.inspect(str(folder), candidate, deep=deep)


def test_only_data_files_are_renamed_into_place():
    """Hard links keep them; every other file may be written in place."""
    assert [FORMAT.hardlink_safe(path) for path in (DATA, DATA.removeprefix("m/"), INDEX, GRAPH, ASSET)] == [
        True,
        True,
        False,
        False,
        False,
    ]
