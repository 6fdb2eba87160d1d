"""What is said of versions side by side."""

import math
from dataclasses import replace

import pytest
from samples import metric, registration

from modelwatch.core.entities import ModelVersion
from modelwatch.repository.index.answers import IndexedVersion
from modelwatch.server.pages.better import more_is_better
from modelwatch.server.pages.compare_page import fact_rows, metric_rows
from modelwatch.server.pages.curves import colours_of


def item(number, *metrics, run="run-1", **fields):
    """Return a version with some metrics."""
    made = replace(registration(), metrics=metrics, **fields)
    made = replace(made, provenance=replace(made.provenance, run=run))
    return IndexedVersion("default", "mo1", "digits", ModelVersion(number, made, 1000.0), latest=False, best=False, aliases=())


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("loss", False),
        ("rmse", False),
        ("head/loss", False),
        ("box_loss", False),
        ("accuracy", True),
        ("top5_accuracy", True),
        ("f1", True),
        ("learning_rate", None),
        ("lossless_ratio", None),
    ],
)
def test_a_name_tells_which_value_is_better(key, more):
    """Losses and errors are better when they are less, accuracies and scores when they are more, and of others nothing is said."""
    assert more_is_better(key) is more


def test_the_best_of_each_metric_is_marked():
    """NaN is never the best, equal values are none of them the best, and what only one has is not compared."""
    rows = metric_rows(
        [
            item(1, metric("loss", 0.5), metric("accuracy", 0.8), metric("reward", 1.0)),
            item(2, metric("loss", math.nan), metric("accuracy", 0.8)),
            item(3, metric("loss", 0.25), metric("accuracy", 0.8)),
        ]
    )
    marked = {row.name: (row.order, [cell.text for cell in row.cells], [cell.is_best for cell in row.cells]) for row in rows}
    assert marked == {
        "loss": ("↓", ["0.5000", "NaN", "0.2500"], [False, False, True]),
        "accuracy": ("↑", ["0.8000"] * 3, [False] * 3),
        "reward": ("↑", ["1.0000", "–", "–"], [False] * 3),
    }


def test_what_an_upload_tells_in_its_summary_is_compared_too():
    """It stands where the list of models shows it: beside the evaluation of others."""
    rows = metric_rows([item(1, metric("loss", 0.5, split="validation")), item(2, summary={"loss": 0.25})])
    assert [(row.name, [cell.text for cell in row.cells], [cell.is_best for cell in row.cells]) for row in rows] == [
        ("val_loss", ["0.5000", "0.2500"], [False, True])
    ]


def test_what_differs_is_told_from_what_does_not():
    """Nested metadata is compared leaf by leaf, and what one of them lacks is a difference."""
    rows = {
        row.name: row
        for row in fact_rows(
            [
                item(1, metadata={"lineage": {"git": {"sha": "a"}, "python": "3.11"}, "layers": [1, 2]}),
                item(2, metadata={"lineage": {"git": {"sha": "b"}, "python": "3.11"}}),
            ]
        )
    }
    assert rows["lineage.git.sha"].cells == ("a", "b")
    assert rows["lineage.git.sha"].differs
    assert not rows["lineage.python"].differs
    assert rows["metadata.layers"].cells == ("[1, 2]", None)
    assert rows["metadata.layers"].differs


def test_versions_of_one_run_have_one_colour():
    """The colour is the run's, in the order in which the runs appear; uploads have one each."""
    items = [item(1, run="a"), item(2, run="b"), item(3, run="a"), item(4, run=None), item(5, run=None)]
    assert colours_of(items) == [0, 1, 0, 2, 3]
