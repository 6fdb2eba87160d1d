"""Which formats are looked for, and which of them a file belongs to."""

import pytest
from format_trees import tree_with
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.entities import ModelType
from modelwatch.formats.registry import claim, formats_for


def claimed(*paths, model_type=None, markers=()):
    """Return format name, root and number of members of each claim."""
    found = claim(formats_for(model_type, commit_markers=markers), tree_with(*paths))
    return {(candidate.format, candidate.root): len(candidate.members) for candidate in found}


EVERYTHING = (
    *("run/model.ckpt-5.index", "run/model.ckpt-5.data-00000-of-00001", "run/model.ckpt-5.meta", "run/checkpoint"),
    *("export/1/saved_model.pb", "export/1/variables/variables.index", "export/1/variables/variables.data-00000-of-00001"),
    *("m.keras", "m.weights.h5", "s.weights.json", "s_00000.weights.h5", "o.onnx", "o.onnx.data", "p.pt"),
    *(
        "checkpoint-9/config.json",
        "checkpoint-9/pytorch_model.bin",
        "checkpoint-9/tf_model.h5",
        "events.out.tfevents.1",
        "train.log",
    ),
    *("described/gradient-model-metadata.json", "described/m.keras"),
)


def test_automatic_mode_gives_each_file_to_the_format_that_says_most():
    """SavedModels keep their variables, model folders and described folders all of their files."""
    assert claimed(*EVERYTHING) == {
        ("custom", "described"): 2,
        ("saved-model", "export/1"): 3,
        ("tensorflow-checkpoint", "run/model.ckpt-5"): 3,
        ("keras", "m.keras"): 1,
        ("keras-sharded", "s.weights.json"): 2,
        ("model-folder", "checkpoint-9"): 3,
        ("hdf5", "m.weights.h5"): 1,
        ("onnx", "o.onnx"): 2,
        ("model-file", "p.pt"): 1,
    }


@pytest.mark.parametrize(
    ("model_type", "names"),
    [
        (ModelType.TENSORFLOW, {"saved-model", "tensorflow-checkpoint", "keras", "keras-sharded", "hdf5"}),
        (ModelType.ONNX, {"onnx"}),
        (ModelType.CUSTOM, {"custom"}),
    ],
)
def test_a_given_type_is_the_only_one(model_type, names):
    """Only formats of the type that the user gave are looked for, and all of their models are of it."""
    assert {name for name, _ in claimed(*EVERYTHING, model_type=model_type)} == names
    assert {format_.model_type for format_ in formats_for(model_type)} == {model_type}


def test_configured_markers_count_in_automatic_mode_too():
    """A folder with the user's marker is committed; one without is left to the other formats."""
    assert claimed("a/DONE", "a/m.keras", "b/m.keras", markers=("DONE",)) == {
        ("custom-committed", "a"): 2,
        ("keras", "b/m.keras"): 1,
    }


def test_models_may_share_their_weights_but_no_other_format_gets_them():
    """Two ONNX models beside one data file both hold it."""
    assert claimed("a.onnx", "b.onnx", "model.bin") == {("onnx", "a.onnx"): 2, ("onnx", "b.onnx"): 2}


def test_names_are_unique_and_stable():
    """A format's name is part of registration keys."""
    names = [format_.name for format_ in (*formats_for(None, commit_markers=("x",)), *formats_for(ModelType.CUSTOM))]
    assert set(names) == {
        *(
            "custom",
            "custom-committed",
            "saved-model",
            "tensorflow-checkpoint",
            "tensorflow-checkpoint-v1",
            "keras",
            "keras-sharded",
        ),
        *("model-folder", "hdf5", "onnx", "model-file"),
    }
    assert all(len({format_.name for format_ in formats_for(kind)}) == len(formats_for(kind)) for kind in (None, *ModelType))


_NAMES = st.sampled_from([name for path in EVERYTHING for name in path.split("/")])


@given(
    st.lists(st.lists(_NAMES, min_size=1, max_size=4).map("/".join), unique=True, max_size=25), st.sampled_from([None, *ModelType])
)
def test_each_file_belongs_to_one_format(paths, model_type):
    """Whatever the tree: formats never share a file, every member is in the tree, members are sorted and never none."""
    files = [path for path in paths if not any(other.startswith(f"{path}/") for other in paths)]
    owners: dict[str, str] = {}
    for candidate in claim(formats_for(model_type), tree_with(*files)):
        assert candidate.members
        assert list(candidate.members) == sorted(candidate.members)
        for member in candidate.members:
            assert member.path in files
            assert owners.setdefault(member.path, candidate.format) == candidate.format
