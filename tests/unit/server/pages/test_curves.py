"""What is sent to be drawn."""

from array import array
from dataclasses import replace

from samples import metric, registration

from modelwatch.core.entities import ModelVersion, RunReport
from modelwatch.core.entities.run_report import RunState, Series
from modelwatch.repository.index.answers import IndexedVersion, Page
from modelwatch.server.pages import curves


class Library:
    """A team's library of one model, of which one run was reported."""

    def __init__(self, report):
        self._report = report

    def runs(self, model):
        """Return the run."""
        return (self._report,)

    def versions(self, model, query):
        """Return no other versions than those that are asked about."""
        return Page((), None)


def series(tag, key, split, axis):
    """Return a curve of two points."""
    return Series(tag, ".", key, split, axis, array("q", [0, 1]), array("d", [10.0, 20.0]), array("d", [1.0, 0.5]))


def test_a_checkpoint_has_each_value_on_the_axis_that_it_was_logged_on():
    """Keras logs training by epoch and evaluation by step as well: the value at epoch 0 is the first point of its curve."""
    training = replace(metric("loss", 0.5, step=0), tag="epoch_loss")
    validation = replace(metric("loss", 0.25, step=450, split="validation"), tag="evaluation_loss_vs_iterations")
    made = replace(registration(metrics=(training, validation)), step=450)
    item = IndexedVersion("default", "mo1", "digits", ModelVersion(3, made, 1000.0), latest=True, best=False, aliases=())
    report = RunReport(
        team="default",
        model="digits",
        run="run-1",
        state=RunState.ENDED,
        started=0.0,
        updated=20.0,
        series=(
            series("epoch_loss", "loss", "train", "epoch"),
            series("evaluation_loss_vs_iterations", "loss", "validation", "step"),
        ),
    )
    [checkpoint] = curves.of_versions(Library(report), [item], others=False)["checkpoints"]
    assert checkpoint["values"] == {"loss/train/epoch": [0.5, 0, 1000.0], "loss/validation/step": [0.25, 450, 1000.0]}
