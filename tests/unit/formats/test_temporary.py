"""Names under which writers work before they rename."""

import pytest

from modelwatch.formats.temporary import is_temporary

_HEX = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "path",
    [
        "model.ckpt-5.data-00000-of-00001.tempstate9876543210",
        "run/model.ckpt-5.index.tempstate1",
        f"checkpoint.tmp{_HEX}",
        f"model.ckpt-5.meta.tmp{_HEX}",
        f"1/saved_model.pb.tmp{_HEX}",
        f"1/fingerprint.pb.tmp{_HEX}",
        "model.ckpt-5_temp/part-00000-of-00002.index",
        f"model.ckpt-5_temp_{_HEX}/part-00000-of-00001.data-00000-of-00001",
        "1/variables/variables_temp/part-00000-of-00001.data-00000-of-00001.tempstate5",
        "export/best/temp-1585769947/saved_model.pb",
        "export/best/temp-1585769947",
        "tmpab12_xyz",
        ".tmpAb12Cd",
        ".nfs000000000042aa1b00000001",
        "tmp-checkpoint-500/model.safetensors",
        "checkpoint_tmp",
        "3.orbax-checkpoint-tmp-1700000000/state/x",
        "3.orbax-checkpoint-tmp",
        "a/manifest.ocdbt.__lock",
        ".t.onnx.data.k3j2h1g0/t.onnx.data",
        "odd\nname.tempstate1",
    ],
)
def test_working_names_are_temporary(path):
    """Each name that a writer uses before its rename is left alone."""
    assert is_temporary(path)


@pytest.mark.parametrize(
    "path",
    [
        "model.ckpt-5.index",
        "checkpoint",
        "room_temp/model.ckpt-1.index",
        "room_temp",
        "part-00000-of-00001.index",
        "temporary/model.keras",
        "export/1585769947/saved_model.pb",
        "checkpoint-500/model.safetensors",
        "model.tmp",
        "tmp/model.h5",
        "",
    ],
)
def test_final_names_are_not(path):
    """Names that only look a little like them are as good as any."""
    assert not is_temporary(path)
