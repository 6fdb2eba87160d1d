"""What a person's files are recognised as."""

import os

import pytest
from tensorflow_files import lay_out

from modelwatch.core.entities import ModelType
from modelwatch.formats.recognise import Recognised, recognise


def _paths(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_one_model_tells_its_type_and_metadata(tmp_path):
    """A SavedModel is recognised with what it tells about itself."""
    folder = lay_out("saved_model_2", tmp_path / "model")
    found = recognise(folder, _paths(folder), None)
    assert found.model_type is ModelType.TENSORFLOW
    assert found.told is not None
    assert found.told.metadata["parameters"] == 1


def test_the_order_in_which_files_were_copied_does_not_matter(tmp_path):
    """A checkpoint whose files were copied in another order than they were written is the same checkpoint."""
    folder = lay_out("saver", tmp_path / "model")
    for second, path in enumerate(sorted(folder.iterdir(), reverse=True)):
        os.utime(path, (1_700_000_000 + second, 1_700_000_000 + second))
    assert recognise(folder, _paths(folder), None).told is not None


def test_of_several_checkpoints_none_speaks_for_the_whole(tmp_path):
    """Two checkpoints have a type and no step in common."""
    for name in ("one", "two"):
        lay_out("saver", tmp_path / "models" / name)
    found = recognise(tmp_path / "models", _paths(tmp_path / "models"), None)
    assert found == Recognised(ModelType.TENSORFLOW)


@pytest.mark.parametrize("said", [None, ModelType.ONNX])
def test_what_nothing_knows_is_what_the_user_says(tmp_path, said):
    """Bytes of no known kind are of the type that was given, Custom without one."""
    (tmp_path / "weights").write_bytes(b"?")
    assert recognise(tmp_path, ["weights"], said) == Recognised(said or ModelType.CUSTOM)
