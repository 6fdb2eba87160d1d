"""Which step and epoch a checkpoint is of."""

import pytest

from modelwatch.formats.tensorflow.counters import progress


@pytest.mark.parametrize(
    ("counters", "name", "step", "source"),
    [
        ({"global_step": 40}, "model.ckpt-39", 40, "global_step"),
        ({"global_step": 40, "optimizer/iterations": 50}, "ckpt", 40, "global_step"),
        ({"step": 7, "optimizer/_iterations": 4, "save_counter": 1}, "ckpt-1", 7, "step"),
        ({"optimizer/_iterations": 4, "save_counter": 1}, "ckpt-1", 4, "optimizer/_iterations"),
        ({"generator/iter": 10, "critic/iter": 50}, "gan", 50, "critic/iter"),
        ({"save_counter": 3}, "ckpt-3", None, ""),
        ({"save_counter": 3}, "ckpt-500", 500, "name"),
        ({}, "model.ckpt-500", 500, "name"),
        ({"global_step": 0}, "model.ckpt-500", 500, "name"),
        ({"global_step": 0}, "model.ckpt-0", 0, "name"),
        ({"global_step": 0}, "model.ckpt", 0, "global_step"),
        ({"global_step": -1}, "model.ckpt", None, ""),
        ({}, "model.ckpt-1585769947", None, ""),
        ({}, "1585769947", None, ""),
        ({}, "model.ckpt", None, ""),
    ],
)
def test_step(counters, name, step, source):
    """Content goes before the name, the program's own counters before the optimizer's, and neither save counters nor times are steps."""
    at = progress(counters, name)
    assert (at.step, at.step_source) == (step, source)


@pytest.mark.parametrize(
    ("counters", "name", "epoch"),
    [
        ({"epoch": 4}, "ckpt-9", 4),
        ({}, "weights.epoch-07", 7),
        ({}, "epoch_3-step_9", 3),
        ({}, "depoch1", None),
        ({}, "ckpt-3", None),
    ],
)
def test_epoch(counters, name, epoch):
    """An epoch is told by a counter or by a name that says so."""
    assert progress(counters, name).epoch == epoch
