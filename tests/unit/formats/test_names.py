"""Step and epoch out of names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.formats.names import step_and_epoch


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model-100.pt", (100, None)),
        ("model.ckpt-12000", (12000, None)),
        ("checkpoint-500", (500, None)),
        ("ckpt100", (100, None)),
        ("step_00100", (100, None)),
        ("global_step500", (500, None)),
        ("train_step_7", (7, None)),
        ("iter_0001000", (1000, None)),
        ("Epoch-07", (None, 7)),
        ("epoch3.pth", (None, 3)),
        ("checkpoint_epoch_10.pth", (None, 10)),
        ("epoch=3-step=1200.ckpt", (1200, 3)),
        ("epoch=3-val_loss=0.25.ckpt", (None, 3)),
        ("resnet50", (None, None)),
        ("resnet-50.pt", (None, None)),
        ("vgg16.pth", (None, None)),
        ("gpt-2", (None, None)),
        ("bert-base-768", (None, None)),
        ("v2", (None, None)),
        ("model-v2", (None, None)),
        ("model_v2_final.pt", (None, None)),
        ("1557442950", (None, None)),
        ("model-1557442950", (None, None)),
        ("model-20240501.pt", (None, None)),
        ("model-20240501-120000.pt", (None, None)),
        ("model-2024-05-01.pt", (None, None)),
        ("model-0.25.pt", (None, None)),
        ("model_10k.pt", (None, None)),
        ("step-1e5", (None, None)),
        ("ckpt_3_1200", (None, None)),
        ("timestep-5", (None, None)),
        ("sweep-3", (None, None)),
        ("best_model.pt", (None, None)),
        ("", (None, None)),
    ],
)
def test_names_as_they_are_seen(name, expected):
    """Counts are found; architectures, versions, dates and metrics are not counts."""
    assert step_and_epoch(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("weights.05-0.23.keras", (None, 5)),
        ("ck-01.keras", (None, 1)),
        ("model_7.h5", (None, 7)),
        ("ck-03-0250.keras", (None, 3)),
        ("weights.10.weights.h5", (None, 10)),
        ("model-step_300.keras", (300, None)),
        ("weights-2024-05.h5", (None, None)),
        ("model.keras", (None, None)),
        ("weights.0.5.h5", (None, None)),
    ],
)
def test_a_bare_number_of_keras_counts_epochs(name, expected):
    """ModelCheckpoint's template variable is the epoch."""
    assert step_and_epoch(name, bare="epoch") == expected


@given(st.text(max_size=60), st.sampled_from(["step", "epoch"]))
def test_any_name_gives_counts_or_nothing(name, bare):
    """No name raises, and no count is negative or beyond 64 bits."""
    for count in step_and_epoch(name, bare=bare):
        assert count is None or 0 <= count < 1 << 63


@given(
    st.integers(0, 10**12),
    st.integers(0, 10**6),
    st.sampled_from(["", "-", "_", "="]),
    st.integers(0, 8),
    st.sampled_from(["", ".pt", ".ckpt", ".keras"]),
)
def test_labelled_counts_are_always_found(step, epoch, separator, zeros, extension):
    """Whatever the separator, padding and extension, a labelled count is found."""
    name = f"run-epoch{separator}{epoch}-step{separator}{'0' * min(zeros, 5)}{step}{extension}"
    assert step_and_epoch(name) == (step, epoch)


@given(
    st.sampled_from(["resnet", "vgg", "efficientnet-b", "gpt", "llama-", "yolov", "v", "bert_", "mobilenet-"]),
    st.integers(0, 10**9),
)
def test_architectures_are_no_counts(word, number):
    """A number after any word that does not mean a saved model is part of a name."""
    assert step_and_epoch(f"{word}{number}.pt") == (None, None)
