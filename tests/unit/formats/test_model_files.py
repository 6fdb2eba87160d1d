"""Automatic mode's fallbacks: files and folders of frameworks without a format of their own."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
from format_trees import candidates, judge, tree_with
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.model_files import ModelFiles, is_model_name
from modelwatch.formats.model_folders import ModelFolders


def safetensors() -> bytes:
    """Return a file with two tensors."""
    tensors = {
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "I8", "shape": [4], "data_offsets": [24, 28]},
    }
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(range(28))


def torch_archive() -> bytes:
    """Return an archive as torch.save lays it out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}.")
        archive.writestr("model/data/0", bytes(range(200)))
        archive.writestr("model/version", b"3\n")
    return out.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        *("model.pt", "resnet50.pth", "epoch=3-step=1200.ckpt", "model.safetensors", "llama.Q4.gguf", "m.tflite", "clf.joblib"),
        *("model.pkl", "best_model.pickle", "pytorch_model.bin", "frozen_graph.pb", "xgb.ubj", "xgboost.model", "state_dict.pt"),
        *("policy-params.npz", "classifier.mlmodel", "best_val_model.pt"),
    ],
)
def test_models_by_name(name):
    """Names under which models are saved."""
    assert is_model_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("mnist.npz", "train.pkl", "dataset.pt", "features.joblib", "x_train.npz", "data.bin", "vocab.pkl", "tokenizer.model"),
        *("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "saved_model.pb", "fingerprint.pb", "history.pkl"),
        *(
            "events.out.tfevents.1.host",
            "train.log",
            "checkpoint",
            "README.md",
            "config.json",
            "metrics.csv",
            "graph.pbtxt",
            "a.npy",
        ),
    ],
)
def test_other_files_by_name(name):
    """Data sets, logs and what is saved beside a model are not models."""
    assert not is_model_name(name)


def test_a_file_is_registered_with_what_its_name_tells(tmp_path):
    """A pickle has no structure to judge; its name tells step and epoch."""
    (tmp_path / "epoch=3-step=1200.ckpt").write_bytes(b"\x80\x02}.")
    checkpoint = judge(ModelFiles(), tmp_path, "epoch=3-step=1200.ckpt").checkpoint
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.epoch) == (1200, 3)


def test_safetensors_are_described(tmp_path):
    """Tensors, parameters and the writer's metadata are told."""
    (tmp_path / "model.safetensors").write_bytes(safetensors())
    checkpoint = judge(ModelFiles(), tmp_path, "model.safetensors").checkpoint
    assert checkpoint is not None
    assert dict(checkpoint.metadata) == {"tensors": 2, "parameters": 10, "metadata": {"format": "pt"}}


@pytest.mark.parametrize(
    ("name", "content"), [("m.safetensors", safetensors()), ("m.pt", torch_archive()), ("model.npz", torch_archive())]
)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_truncated_file_is_never_complete(tmp_path_factory, name, content, data):
    """A beginning of a file that has a structure is not COMPLETE, not even shallowly, but for three bytes that could be a pickle."""
    size = data.draw(st.integers(0, len(content) - 1))
    folder = tmp_path_factory.mktemp("t")
    (folder / name).write_bytes(content[:size])
    kind = judge(ModelFiles(), folder, name, deep=False).kind
    assert kind is not VerdictKind.COMPLETE or (name == "m.pt" and size < 4)


@given(at=st.integers(0, len(safetensors()) - 1), byte=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_scrambled_safetensors_never_raise(tmp_path_factory, at, byte):
    """Whatever a byte is changed to, the answer is a verdict."""
    content = bytearray(safetensors())
    content[at] = byte
    folder = tmp_path_factory.mktemp("t")
    (folder / "m.safetensors").write_bytes(content)
    assert isinstance(judge(ModelFiles(), folder, "m.safetensors").kind, VerdictKind)


def test_checksums_of_archives(tmp_path):
    """One wrong checksum is damage; if none is right, PyTorch was told to write none."""
    content = torch_archive()
    one = content.replace(bytes(range(200)), bytes(200))
    (tmp_path / "m.pt").write_bytes(one)
    assert judge(ModelFiles(), tmp_path, "m.pt", deep=False).kind is VerdictKind.COMPLETE
    assert judge(ModelFiles(), tmp_path, "m.pt").kind is VerdictKind.INCOMPLETE
    (tmp_path / "m.pt").write_bytes(one.replace(b"\x80\x02}.", b"\x80\x02].").replace(b"3\n", b"4\n"))
    assert judge(ModelFiles(), tmp_path, "m.pt").kind is VerdictKind.COMPLETE


@pytest.mark.parametrize("content", [b"", bytes(100)])
def test_empty_files_and_zeros_are_incomplete(tmp_path, content):
    """Nothing, or what a host crash left, is not a model."""
    (tmp_path / "m.pt").write_bytes(content)
    assert judge(ModelFiles(), tmp_path, "m.pt").kind is VerdictKind.INCOMPLETE


# ------------------------------------------------------------------------------------------------------------------- folders


def folders(*paths):
    """Return root and members of the model folders among `paths`."""
    return {candidate.root: candidate.paths for candidate in ModelFolders().find(tree_with(*paths))}


def test_checkpoint_folders_by_name():
    """A folder called like a checkpoint with weights below it is one, without event files and logs."""
    paths = (
        "checkpoint-5/model.safetensors",
        "checkpoint-5/runs/events.out.tfevents.1",
        "checkpoint-5/x.log",
        "global_step10/zero/a.pt",
    )
    assert folders(*paths, "step_1/data.csv", "stepwise/a.pt") == {
        "checkpoint-5": {"checkpoint-5/model.safetensors"},
        "global_step10": {"global_step10/zero/a.pt"},
    }


def test_folders_with_a_configuration_beside_weights():
    """Hugging Face's folder; the model path itself takes the files directly in it, folders in folders are separate."""
    paths = ("config.json", "model.safetensors", "checkpoint-5/config.json", "checkpoint-5/pytorch_model.bin", "logs/a")
    assert folders(*paths) == {
        "": {"config.json", "model.safetensors"},
        "checkpoint-5": {"checkpoint-5/config.json", "checkpoint-5/pytorch_model.bin"},
    }
    assert folders("a/config.json", "a/data.bin") == {}


def hugging_face(folder: Path) -> None:
    """Write a checkpoint folder with sharded weights."""
    (folder / "checkpoint-7").mkdir()
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for name in shards:
        (folder / "checkpoint-7" / name).write_bytes(safetensors())
    texts = {
        "config.json": {"architectures": ["Bert"]},
        "trainer_state.json": {"global_step": 8, "epoch": 1.5},
        "model.safetensors.index.json": {"weight_map": dict(zip("ab", shards, strict=True))},
    }
    for name, value in texts.items():
        (folder / "checkpoint-7" / name).write_text(json.dumps(value))


def test_a_whole_folder_tells_its_trainers_step(tmp_path):
    """The trainer's own state comes before the folder's name."""
    hugging_face(tmp_path)
    checkpoint = judge(ModelFolders(), tmp_path, "checkpoint-7").checkpoint
    assert checkpoint is not None
    assert (checkpoint.step, len(checkpoint.members)) == (8, 5)
    assert dict(checkpoint.metadata) == {"architectures": ["Bert"], "epoch": 1.5}


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
def test_missing_and_torn_shards_make_a_folder_incomplete(tmp_path, name):
    """Every shard that the index names is there and whole."""
    hugging_face(tmp_path)
    shard = tmp_path / "checkpoint-7" / name
    shard.write_bytes(safetensors()[:-1])
    assert judge(ModelFolders(), tmp_path, "checkpoint-7").kind is VerdictKind.INCOMPLETE
    shard.unlink()
    assert judge(ModelFolders(), tmp_path, "checkpoint-7").kind is VerdictKind.INCOMPLETE


@pytest.mark.parametrize("name", ["config.json", "trainer_state.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_torn_json_does_not_raise(tmp_path, name, text):
    """Half a JSON file is INCOMPLETE; JSON of another shape is no reason to raise."""
    hugging_face(tmp_path)
    (tmp_path / "checkpoint-7" / name).write_text(text)
    verdict = judge(ModelFolders(), tmp_path, "checkpoint-7")
    assert verdict.kind is VerdictKind.INCOMPLETE or text == "[1]"


def test_a_folder_that_changes_is_incomplete(tmp_path):
    """Files must be as they were seen, and there."""
    hugging_face(tmp_path)
    candidate = candidates(ModelFolders(), tmp_path)["checkpoint-7"]
    (tmp_path / "checkpoint-7" / "config.json").write_text("{}")
    assert ModelFolders().inspect(str(tmp_path), candidate, deep=True).kind is VerdictKind.INCOMPLETE
    (tmp_path / "checkpoint-7" / "config.json").unlink()
    assert ModelFolders().inspect(str(tmp_path), candidate, deep=True).kind is VerdictKind.INCOMPLETE


@pytest.mark.parametrize("format_", [ModelFiles(), ModelFolders()])
def test_members_may_not_be_hard_linked(format_):
    """Most are written in place."""
    assert not format_.hardlink_safe("m")
