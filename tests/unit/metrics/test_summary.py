"""Choosing what stands in a table."""

from modelwatch.core.entities import Metric
from modelwatch.metrics.summary import headline


def metric(split: str, key: str, value: float = 1.0) -> Metric:
    """Return a metric."""
    return Metric(key, split, value, 1, 1.0, ".", key, "step")


def test_plain_names_first():
    """`loss` and `accuracy` themselves go before what only ends so."""
    chosen = headline(
        [metric("train", "head/loss"), metric("train", "loss"), metric("train", "top5_accuracy"), metric("train", "acc")]
    )
    assert (chosen.loss.key, chosen.accuracy.key) == ("loss", "acc")


def test_endings_when_there_is_no_plain_name():
    """Without a plain name the shortest that ends in it stands for it, and a name that only begins so never does."""
    chosen = headline(
        [metric("train", "loss_1"), metric("train", "sparse_categorical_accuracy"), metric("train", "binary_accuracy")]
    )
    assert chosen.loss is None
    assert chosen.accuracy.key == "binary_accuracy"


def test_splits_are_kept_apart():
    """Training and validation have their own columns; a lone other split stands for validation."""
    chosen = headline([metric("train", "loss", 1.0), metric("validation", "loss", 2.0), metric("test", "loss", 3.0)])
    assert (chosen.loss.value, chosen.validation_loss.value, chosen.accuracy) == (1.0, 2.0, None)
    assert headline([metric("test", "loss", 3.0)]).validation_loss.value == 3.0
