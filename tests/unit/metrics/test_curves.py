"""Which curves there are, in which order, under which names, and how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.entities import Checkpoint, ModelType
from modelwatch.core.entities.run_report import POINTS_LIMIT, SERIES_LIMIT
from modelwatch.metrics.curves import POINTS_IN_ALL, curves, share
from modelwatch.metrics.join import join
from modelwatch.scalars.logdir import LogDirectories
from modelwatch.scalars.series import Point
from modelwatch.testing import event_writer as w
from modelwatch.testing.event_writer import EventWriter

FILE = "events.out.tfevents.1000.host"
EVER = float("-inf")


def never():
    """Interrupt nothing."""
    return False


def read(folder):
    """Return what the event files of a folder hold."""
    logs = LogDirectories([str(folder)])
    logs.poll(final=True)
    return logs


def found(folder, since=EVER):
    """Return the curves of what a folder holds."""
    return curves(read(folder), since=since, interrupted=never)


def test_what_people_look_at_first_comes_first(tmp_path):
    """Loss and accuracy of both splits, the learning rate, what is named after them, and the rest by name."""
    train = EventWriter(tmp_path / "train" / FILE, 1000.0)
    train.scalars(1001.0, 1, zebra=1.0, grad__norm=1.0, aux_loss=1.0, learning_rate=1.0, accuracy=1.0, loss=1.0)
    EventWriter(tmp_path / "validation" / FILE, 1000.0).scalars(1001.0, 1, loss=2.0, top5_acc=2.0)
    assert [(series.key, series.split) for series in found(tmp_path)] == [
        ("accuracy", "train"),
        ("loss", "train"),
        ("loss", "validation"),
        ("learning_rate", "train"),
        ("aux_loss", "train"),
        ("top5_acc", "validation"),
        ("norm", "train"),
        ("zebra", "train"),
    ]


def test_the_names_are_those_of_the_metrics(tmp_path):
    """A version's metric and its curve have the same key, split, run and tag, ambiguous names too."""
    writer = EventWriter(tmp_path / FILE, 1000.0)
    for step in (10, 20):
        writer.scalars(1000.0 + step, step, loss=1.0, head__loss=2.0, tail__loss=3.0, val_loss=4.0, Accuracy__train=5.0)
    logs = read(tmp_path)
    checkpoint = Checkpoint("keras", ModelType.TENSORFLOW, "a", ("a",), 10)
    metrics = join(checkpoint, directory=str(tmp_path), committed=1010.0, scalars=logs).metrics
    series = curves(logs, since=EVER, interrupted=never)
    assert len(metrics) == 5
    assert {(m.key, m.split, m.run, m.tag) for m in metrics} == {(s.key, s.split, s.run, s.tag) for s in series}
    assert {m.tag: m.value for m in metrics} == {s.tag: s.values[s.steps.index(10)] for s in series}


def test_each_says_what_its_steps_count(tmp_path):
    """Keras logs one metric by epoch and by batch, others log it by step: three curves."""
    EventWriter(tmp_path / "train" / FILE, 1000.0).scalars(1001.0, 1, epoch_loss=1.0, batch_loss=1.0, loss=1.0)
    assert {(series.tag, series.axis) for series in found(tmp_path)} == {
        ("epoch_loss", "epoch"),
        ("batch_loss", "batch"),
        ("loss", "step"),
    }


def test_a_session_that_started_takes_steps_away_and_no_epochs(tmp_path):
    """PyTorch's purge_step: what was logged for it and later is gone before anything new is logged, on the axis that it counts on."""
    writer = EventWriter(tmp_path / FILE, 1000.0)
    for step in range(5):
        writer.scalars(1000.0 + step, step, loss=float(step), epoch_loss=float(step))
    EventWriter(tmp_path / "events.out.tfevents.2000.host", 2000.0).add(w.event(2000.0, 3, rest=w.session(1)))
    assert {series.tag: series.steps.tolist() for series in found(tmp_path)} == {"loss": [0, 1, 2], "epoch_loss": [0, 1, 2, 3, 4]}


def test_the_training_begun_last_comes_first(tmp_path):
    """Of many trainings in one log directory the newest are the ones that there is room for."""
    for number in range(SERIES_LIMIT + 10):
        writer = EventWriter(tmp_path / f"run-{number:03d}" / FILE, 1000.0 + number)
        writer.scalars(1000.0 + number, 1, loss=1.0)
    series = found(tmp_path)
    assert [curve.run for curve in series] == [f"run-{number:03d}" for number in range(SERIES_LIMIT + 9, 9, -1)]


def test_earlier_trainings_of_the_same_folder_are_left_out(tmp_path):
    """A run has what was logged since it began, of every file."""
    EventWriter(tmp_path / "old" / FILE, 1000.0).scalars(1000.0, 1, loss=1.0)
    writer = EventWriter(tmp_path / "new" / FILE, 1000.0)
    for step in range(10):
        writer.scalars(1000.0 + step, step, loss=1.0)
    assert [(series.run, series.steps.tolist()) for series in found(tmp_path, since=1004.5)] == [("new", [5, 6, 7, 8, 9])]


def test_a_name_of_no_sensible_length_is_left_out(tmp_path):
    """A tag of kilobytes is nothing that a chart can show."""
    EventWriter(tmp_path / FILE, 1000.0).scalars(1000.0, 1, loss=1.0, **{"x" * 600: 1.0})
    assert [series.tag for series in found(tmp_path)] == ["loss"]


def test_it_can_be_interrupted_before_each_curve(tmp_path):
    """Something more urgent came: nothing is returned, and nothing half."""
    EventWriter(tmp_path / FILE, 1000.0).scalars(1000.0, 1, loss=1.0, accuracy=1.0)
    answers = iter([False, True])
    assert curves(read(tmp_path), since=EVER, interrupted=lambda: next(answers)) is None


def test_nothing_logged_is_no_curve(tmp_path):
    """An empty folder has none, and a tag that is no metric is none."""
    assert found(tmp_path) == ()
    EventWriter(tmp_path / FILE, 1000.0).scalars(1000.0, 1, hp_metric=-1.0)
    assert found(tmp_path) == ()


def test_long_curves_share_the_room(tmp_path):
    """Short ones are whole, the others have as many points as each other, and all together no more than a report holds."""
    writer = EventWriter(tmp_path / FILE, 1000.0)
    writer.scalars(1000.0, 1, short=1.0)
    logs = read(tmp_path)
    with logs.view() as (run,):
        [stream] = run.streams.values()
        for step in range(3 * POINTS_LIMIT):
            for number in range(60):
                stream.add(f"loss_{number}", Point(step, 1000.0 + step, float(step % 7)))
    series = curves(logs, since=EVER, interrupted=never)
    counts = {curve.tag: len(curve.steps) for curve in series}
    assert counts.pop("short") == 1
    assert len(counts) == 60
    assert len(set(counts.values())) == 1
    assert POINTS_IN_ALL / 4 < sum(counts.values()) < POINTS_IN_ALL


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(100, 1000), st.integers(1, 100))
def test_sharing_is_fair_and_uses_the_room(counts, in_all, most):
    """All together have at most so many; one more for each would be too many, or is not allowed."""
    limit = share(counts, in_all=in_all, most=most)
    assert limit <= most
    assert sum(min(count, limit) for count in counts) <= in_all
    assert limit == most or sum(min(count, limit + 1) for count in counts) > in_all


@pytest.mark.parametrize(("counts", "limit"), [([], 1000), ([5] * 200, 1000), ([10**6] * 200, 150), ([10**6, 3], 1000)])
def test_shares_of_a_report(counts, limit):
    """A few curves have a thousand points each; two hundred long ones have a hundred and fifty."""
    assert share(counts, in_all=POINTS_IN_ALL, most=POINTS_LIMIT) == limit
