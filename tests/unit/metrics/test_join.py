"""Joining scalars to checkpoints: one test for each convention of the frameworks, and for what must not be joined."""

import math
from pathlib import Path

import pytest

from modelwatch.core.entities import Checkpoint, ModelType
from modelwatch.metrics.join import Joined, join
from modelwatch.scalars.logdir import LogDirectories
from modelwatch.testing import event_writer as w
from modelwatch.testing.event_writer import EventWriter

FILE = "events.out.tfevents.1000.host"


def checkpoint(root: str, *, kind: str = "tensorflow-checkpoint", step: int | None = None, epoch: int | None = None) -> Checkpoint:
    """Return a checkpoint."""
    return Checkpoint(kind, ModelType.TENSORFLOW, root, (root,), step, epoch)


def joined(tmp_path: Path, of: Checkpoint, committed: float, directory: str = "") -> Joined:
    """Poll everything below `tmp_path` and join."""
    logs = LogDirectories([str(tmp_path)])
    logs.poll(final=True)
    return join(of, directory=str(tmp_path / directory) if directory else str(tmp_path), committed=committed, scalars=logs)


def values(result: Joined) -> dict[str, float]:
    """Return the values by split and key."""
    return {f"{metric.split}/{metric.key}": metric.value for metric in result.metrics}


def rules(result: Joined) -> dict[str, str]:
    """Return the rules by split and key."""
    return {f"{metric.split}/{metric.key}": metric.join for metric in result.metrics}


def keras(root: Path, epochs: int, *, steps: int = 5, begun: float = 1000.0, offset: int = 0, first: float = 0.0) -> None:
    """Write what Keras's callback writes in one call of `fit`, 10 seconds an epoch; loss of epoch e is first + e, validation's + 0.5."""
    train, validation = EventWriter(root / "train" / FILE, begun), EventWriter(root / "validation" / FILE, begun)
    for epoch in range(epochs):
        at = begun + 10 * (epoch + 1)
        value = first + epoch
        validation.scalars(at - 0.1, offset + steps * (epoch + 1), evaluation_loss_vs_iterations=value + 0.5)
        train.scalars(at, epoch, epoch_loss=value, epoch_accuracy=0.25)
        validation.scalars(at, epoch, epoch_loss=value + 0.5, epoch_accuracy=0.75)


# --------------------------------------------------------------------------------------------------------------------- Keras


def test_keras_by_epoch(tmp_path):
    """A name's epoch counts from 1, the event file's from 0; training and validation are those of the epoch."""
    keras(tmp_path / "logs", 4)
    result = joined(tmp_path, checkpoint("weights.03.keras", kind="keras", epoch=3), 1030.05, "ckpt")
    assert values(result) == {
        "train/loss": 2.0,
        "train/accuracy": 0.25,
        "validation/loss": 2.5,
        "validation/accuracy": 0.75,
    }
    assert set(rules(result).values()) == {"epoch"}
    assert not result.pending


def test_keras_epoch_not_logged_yet(tmp_path):
    """A checkpoint saved before its epoch's values are written has none, and waits for them."""
    keras(tmp_path / "logs", 2)
    result = joined(tmp_path, checkpoint("weights.03.keras", kind="keras", epoch=3), 1030.0, "ckpt")
    assert result == Joined((), pending=True) or set(rules(result).values()) == {"time"}
    assert result.pending


def test_keras_by_iterations(tmp_path):
    """A model that knows its iterations gets the epoch whose evaluation was logged at them, whatever its file is called."""
    keras(tmp_path / "logs", 4)
    result = joined(tmp_path, checkpoint("best.keras", kind="keras", step=10), 9999.0)
    assert (values(result)["train/loss"], values(result)["validation/loss"]) == (1.0, 1.5)
    assert rules(result)["train/loss"] == "iterations"
    assert not result.pending


def test_keras_short_epochs_with_equal_values(tmp_path):
    """Of two epochs less than a second apart that have the same accuracy, the one logged right after the evaluation is meant."""
    train, validation = EventWriter(tmp_path / "train" / FILE, 1000.0), EventWriter(tmp_path / "validation" / FILE, 1000.0)
    for epoch, accuracy in enumerate((0.5, 0.75, 0.75, 0.75)):
        at = 1001.0 + 0.7 * epoch
        validation.scalars(at, 45 * (epoch + 1), evaluation_accuracy_vs_iterations=accuracy)
        train.scalars(at + 0.08, epoch, epoch_accuracy=epoch)
        validation.scalars(at + 0.08, epoch, epoch_accuracy=accuracy)
    for epoch in range(4):
        result = joined(tmp_path, checkpoint("m.keras", kind="keras", step=45 * (epoch + 1)), 9999.0)
        assert values(result)["train/accuracy"] == epoch


def test_keras_epoch_not_logged_yet_is_not_taken_for_the_one_before(tmp_path):
    """Saved between its evaluation and its epoch's values, a checkpoint waits, even if the epoch before had the same accuracy."""
    train, validation = EventWriter(tmp_path / "train" / FILE, 1000.0), EventWriter(tmp_path / "validation" / FILE, 1000.0)
    validation.scalars(1001.0, 45, evaluation_accuracy_vs_iterations=0.75)
    train.scalars(1001.1, 0, epoch_accuracy=0.5)
    validation.scalars(1001.1, 0, epoch_accuracy=0.75)
    validation.scalars(1002.0, 90, evaluation_accuracy_vs_iterations=0.75)
    of = checkpoint("m.keras", kind="keras", step=90)
    early = joined(tmp_path, of, 1002.05)
    assert early.pending
    assert rules(early).get("train/accuracy") != "iterations"
    train.scalars(1002.1, 1, epoch_accuracy=0.6)
    validation.scalars(1002.1, 1, epoch_accuracy=0.75)
    late = joined(tmp_path, of, 1002.05)
    assert values(late) == pytest.approx({"train/accuracy": 0.6, "validation/accuracy": 0.75})
    assert not late.pending


def test_a_training_in_the_same_folder_does_not_get_what_an_earlier_one_logged(tmp_path):
    """Trained again with the old logs kept, the first checkpoint waits for its own epoch instead of taking the old one's."""
    keras(tmp_path / "logs", 3)
    of = checkpoint("weights.01.keras", kind="keras", epoch=1)
    logs = LogDirectories([str(tmp_path)])
    logs.poll(final=True)
    early = join(of, directory=str(tmp_path / "ckpt"), committed=5010.0, scalars=logs, began=5000.0, final=False)
    assert early == Joined((), pending=True)
    keras(tmp_path / "logs", 1, begun=5000.0, first=7.0)
    logs.poll(final=True)
    late = join(of, directory=str(tmp_path / "ckpt"), committed=5010.0, scalars=logs, began=5000.0, final=False)
    assert values(late)["train/loss"] == 7.0
    assert not late.pending


def test_what_is_only_near_is_given_when_nothing_better_can_come(tmp_path):
    """A loss logged a little before the checkpoint is not shown while its own may still come, and is when training is over."""
    writer = EventWriter(tmp_path / FILE, 1000.0)
    for step in (10, 20, 30):
        writer.scalars(1000.0 + step, step, loss=float(step))
    logs = LogDirectories([str(tmp_path)])
    logs.poll(final=True)
    of = checkpoint("model.ckpt-35", step=35)
    early = join(of, directory=str(tmp_path), committed=1035.0, scalars=logs, final=False)
    assert early == Joined((), pending=True)
    assert values(join(of, directory=str(tmp_path), committed=1035.0, scalars=logs, final=True)) == {"train/loss": 30.0}
    writer.scalars(1040.0, 40, loss=40.0)
    logs.poll(final=True)
    assert values(join(of, directory=str(tmp_path), committed=1035.0, scalars=logs, final=False)) == {"train/loss": 30.0}


def test_keras_second_fit_by_iterations(tmp_path):
    """After a second call of fit, which counts epochs from 0 again, the iterations tell which epoch is meant."""
    keras(tmp_path, 3)
    keras(tmp_path, 3, begun=2000.0, offset=15, first=100.0)
    first = joined(tmp_path, checkpoint("m.keras", kind="keras", step=10, epoch=2), 1020.0)
    second = joined(tmp_path, checkpoint("m.keras", kind="keras", step=25, epoch=2), 2020.0)
    assert (values(first)["train/loss"], values(second)["train/loss"]) == (1.0, 101.0)
    assert (values(first)["validation/loss"], values(second)["validation/loss"]) == (1.5, 101.5)


@pytest.mark.parametrize(("committed", "loss"), [(1020.05, 1.0), (1019.95, 1.0), (2020.05, 101.0), (2010.0 - 0.05, 100.0)])
def test_keras_second_fit_by_time(tmp_path, committed, loss):
    """Without iterations the time says which attempt a checkpoint belongs to, also when it is complete just before its values."""
    keras(tmp_path, 3)
    keras(tmp_path, 3, begun=2000.0, offset=15, first=100.0)
    epoch = 2 if loss in {1.0, 101.0} else 1
    result = joined(tmp_path, checkpoint(f"w.{epoch}.h5", kind="hdf5", epoch=epoch), committed)
    assert values(result)["train/loss"] == loss


def test_keras_name_confirms_the_attempt(tmp_path):
    """A loss in the name finds its epoch even where the file's time was lost in copying."""
    keras(tmp_path, 3)
    keras(tmp_path, 3, begun=2000.0, offset=15, first=100.0)
    result = joined(tmp_path, checkpoint("weights.02-1.50.keras", kind="keras", epoch=2), 900_000.0)
    assert (values(result)["train/loss"], values(result)["validation/loss"]) == (1.0, 1.5)


def test_keras_inside_an_epoch(tmp_path):
    """A model saved inside an epoch gets the training values of its batch and no validation."""
    keras(tmp_path, 2)
    batches = EventWriter(tmp_path / "train" / "events.out.tfevents.1001.host", 1000.0)
    for batch in range(1, 11):
        batches.scalars(1000.0 + 2 * batch, batch, batch_loss=batch * 10.0)
    result = joined(tmp_path, checkpoint("m.keras", kind="keras", step=7), 1014.0)
    assert values(result)["train/loss"] == 70.0
    assert rules(result)["train/loss"] == "batch"
    assert not {metric.key for metric in result.metrics if metric.split == "validation" and metric.join != "time"}


def test_exported_at_the_end(tmp_path):
    """An export that knows neither step nor epoch gets the last epoch's training and validation, by time."""
    keras(tmp_path / "logs", 4)
    result = joined(tmp_path, checkpoint("export", kind="saved-model"), 1045.0)
    assert values(result)["train/loss"] == 3.0
    assert values(result)["validation/loss"] == 3.5
    assert set(rules(result).values()) == {"time"}
    assert result.pending


def test_overwritten_without_number(tmp_path):
    """A file overwritten every epoch, complete just before the epoch's values are logged, gets that epoch's values."""
    keras(tmp_path / "logs", 4)
    result = joined(tmp_path, checkpoint("best.h5", kind="hdf5"), 1019.9)
    assert (values(result)["train/loss"], values(result)["validation/loss"]) == (1.0, 1.5)
    assert not result.pending


def test_keras_one(tmp_path):
    """Keras of TensorFlow 1's time logs everything into one file, a value per epoch from 0."""
    writer = EventWriter(tmp_path / FILE, 1000.0)
    for epoch in range(3):
        writer.simple_values(1010.0 + 10 * epoch, epoch, loss=float(epoch), acc=0.1, val_loss=epoch + 0.5, val_acc=0.2)
    result = joined(tmp_path, checkpoint("w-02.h5", kind="hdf5", epoch=2), 1020.0)
    assert values(result) == pytest.approx({"train/loss": 1.0, "train/acc": 0.1, "validation/loss": 1.5, "validation/acc": 0.2})


# -------------------------------------------------------------------------------------------------------------- TensorFlow 1


def estimator(root: Path) -> tuple[EventWriter, EventWriter]:
    """Write what tf.estimator writes: a loss every 100 steps from 1, checkpoints and evaluations at 250 and 500."""
    train, evaluation = EventWriter(root / FILE, 1000.0), EventWriter(root / "eval" / FILE, 1000.0)
    train.add(w.event(1000.0, 1, rest=w.session(1)))
    for step in range(1, 502, 100):
        train.simple_values(1000.0 + step, step, loss=step / 100, **{"global_step/sec": 10.0})
    for step in (250, 500):
        path = w.tensor_value("checkpoint_path", w.tensor(w.DT_STRING, f"{root}/model.ckpt-{step}".encode()), "text")
        evaluation.add(w.event(1000.0 + step + 30, step, [w.simple("loss", step / 1000), w.simple("accuracy", 0.5), path]))
        train.add(w.event(1000.0 + step, step, rest=w.session(3, f"{root}/model.ckpt")))
    return train, evaluation


def test_estimator(tmp_path):
    """The evaluation that names the checkpoint is its validation; training is the last value a little before its step."""
    estimator(tmp_path)
    result = joined(tmp_path, checkpoint("model.ckpt-250", step=250), 1250.0)
    assert values(result)["validation/loss"] == 0.25
    assert rules(result)["validation/loss"] == "checkpoint-path"
    assert values(result)["train/loss"] == pytest.approx(2.01)
    assert rules(result)["train/loss"] == "nearest-step"
    assert next(metric.step_delta for metric in result.metrics if metric.join == "nearest-step") == 49
    assert not result.pending


def test_evaluation_still_to_come(tmp_path):
    """Without its evaluation a checkpoint is pending, gets no other checkpoint's validation, and gives up when a later one came."""
    train, evaluation = estimator(tmp_path)
    result = joined(tmp_path, checkpoint("model.ckpt-510", step=510), 1510.0)
    assert not any(metric.split == "validation" for metric in result.metrics)
    assert result.pending
    evaluation.simple_values(1800.0, 750, loss=0.75)
    train.simple_values(1800.0, 750, loss=0.75)
    assert not joined(tmp_path, checkpoint("model.ckpt-510", step=510), 1510.0).pending


def test_session_log_confirms_the_step(tmp_path):
    """A checkpoint that tells no step gets it from the session log that names it."""
    estimator(tmp_path)
    assert values(joined(tmp_path, checkpoint("model.ckpt-500"), 1500.0))["validation/loss"] == 0.5


def test_restart_hides_later_steps(tmp_path):
    """A checkpoint after a restart does not get what the attempt before it logged for the same step; one before it keeps it."""
    writer = EventWriter(tmp_path / FILE, 1000.0)
    for step in range(0, 101, 10):
        writer.simple_values(1000.0 + step, step, loss=float(step))
    again = EventWriter(tmp_path / "events.out.tfevents.2000.host", 2000.0)
    again.add(w.event(2000.0, 51, rest=w.session(1)))
    for step in range(60, 91, 10):
        again.simple_values(2000.0 + step, step, loss=step + 0.5)
    old = checkpoint("model.ckpt-80", step=80)
    assert values(joined(tmp_path, old, 1081.0)) == {"train/loss": 80.0}
    assert values(joined(tmp_path, old, 2081.0)) == {"train/loss": 80.5}
    assert values(joined(tmp_path, checkpoint("model.ckpt-50", step=50), 1051.0)) == {"train/loss": 50.0}
    assert values(joined(tmp_path, checkpoint("model.ckpt-50", step=50), 2010.0)) == {"train/loss": 50.0}
    lost = joined(tmp_path, checkpoint("model.ckpt-100", step=100), 2100.0)
    assert values(lost) == {"train/loss": 90.5}
    assert lost.metrics[0].join == "nearest-step"


def test_evaluating_twice_is_no_restart(tmp_path):
    """A repeated evaluation changes nothing for training, and its newer values count for its checkpoint."""
    estimator(tmp_path)
    again = EventWriter(tmp_path / "eval" / "events.out.tfevents.9000.host", 1490.0)
    again.simple_values(1495.0, 250, loss=9.0)
    result = joined(tmp_path, checkpoint("model.ckpt-500", step=500), 1500.0)
    assert values(result)["validation/loss"] == 0.5
    assert values(result)["train/loss"] == pytest.approx(4.01)


# --------------------------------------------------------------------------------------------------------------- other habits


def test_pytorch_lightning(tmp_path):
    """Lightning logs what belongs to step S at S - 1; what it logs at S belongs to the next state."""
    writer = EventWriter(tmp_path / "lightning_logs" / "version_0" / FILE, 1000.0)
    writer.simple_values(1099.0, 99, train_loss_step=1.0, val_loss=2.0, epoch=0.0, hp_metric=-1.0)
    writer.simple_values(1100.5, 100, train_loss_step=9.0)
    result = joined(
        tmp_path,
        checkpoint("epoch=0-step=100.ckpt", kind="pytorch", step=100, epoch=0),
        1100.0,
        "lightning_logs/version_0/checkpoints",
    )
    assert values(result) == {"train/loss": 1.0, "train/epoch": 0.0, "validation/loss": 2.0}
    assert {metric.step_delta for metric in result.metrics} == {1}


def test_hugging_face(tmp_path):
    """The Trainer's tags name the split; its steps are the checkpoint's."""
    writer = EventWriter(tmp_path / "runs" / "Jan01_host" / FILE, 1000.0)
    writer.simple_values(1000.0, 500, train__loss=1.0, train__grad_norm=3.0)
    writer.simple_values(1001.0, 500, eval__loss=2.0, eval__accuracy=0.5)
    result = joined(tmp_path, checkpoint("checkpoint-500", kind="custom", step=500), 1002.0)
    assert values(result) == {"train/loss": 1.0, "train/grad_norm": 3.0, "validation/loss": 2.0, "validation/accuracy": 0.5}
    assert not result.pending


def test_pytorch_add_scalars(tmp_path):
    """`Loss/train` names a split, and so do the sub-directories that add_scalars makes."""
    EventWriter(tmp_path / "runs" / FILE, 1000.0).simple_values(1000.0, 5, Loss__train=1.0, Loss__test=2.0)
    for split, value in (("train", 3.0), ("val", 4.0)):
        EventWriter(tmp_path / "runs" / f"Accuracy_{split}" / FILE, 1000.0).simple_values(1000.0, 5, Accuracy=value)
    result = joined(tmp_path, checkpoint("model_5.pt", kind="custom", step=5), 1001.0)
    assert values(result) == {"train/loss": 1.0, "test/loss": 2.0, "train/accuracy": 3.0, "validation/accuracy": 4.0}


def test_a_lone_test_split_is_the_validation(tmp_path):
    """Whoever evaluates on one other split only, means it."""
    EventWriter(tmp_path / "train" / FILE, 1000.0).scalars(1000.0, 5, loss=1.0)
    EventWriter(tmp_path / "test" / FILE, 1000.0).scalars(1000.0, 5, loss=2.0)
    assert values(joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0)) == {"train/loss": 1.0, "validation/loss": 2.0}


def test_ambiguous_names_keep_their_scope(tmp_path):
    """Several losses in different scopes are told apart; a loss in a loop's scope is the loss."""
    EventWriter(tmp_path / FILE, 1000.0).simple_values(1000.0, 5, loss=1.0, head__loss=2.0, while__train__accuracy=0.5)
    result = joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0)
    assert values(result) == {"train/loss": 1.0, "train/head/loss": 2.0, "train/accuracy": 0.5}


def test_validation_is_never_taken_from_a_neighbour(tmp_path):
    """Validation logged at another step than the checkpoint's is not its validation."""
    EventWriter(tmp_path / "train" / FILE, 1000.0).scalars(1000.0, 100, loss=1.0)
    writer = EventWriter(tmp_path / "validation" / FILE, 1000.0)
    for step in (99, 101):
        writer.scalars(1000.0, step, loss=2.0)
    assert values(joined(tmp_path, checkpoint("ckpt-100", step=100), 1000.0)) == {"train/loss": 1.0}


def test_a_copy_that_lost_its_times_is_not_joined_by_time(tmp_path):
    """A numbered checkpoint whose number was never logged gets nothing from a training that ended long before its file's time."""
    keras(tmp_path, 3)
    assert joined(tmp_path, checkpoint("weights.09.keras", kind="keras", epoch=9), 900_000.0).metrics == ()


def test_diverged_values_are_joined(tmp_path):
    """NaN is a value like any other."""
    EventWriter(tmp_path / FILE, 1000.0).simple_values(1000.0, 5, loss=math.nan)
    (metric,) = joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0).metrics
    assert math.isnan(metric.value)


def test_nothing_logged(tmp_path):
    """Without event files there are no metrics, and some may come."""
    assert joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0) == Joined((), pending=True)


# ----------------------------------------------------------------------------------------------------- several trainings at once


def test_the_training_at_work_is_preferred(tmp_path):
    """Of the runs in one log directory the one that was at work when the checkpoint was complete is its own."""
    for number in range(3):
        EventWriter(tmp_path / "logs" / f"run{number}" / FILE, 1e6 * number).scalars(1e6 * number + 100.0, 5, loss=float(number))
    for number in range(3):
        result = joined(tmp_path, checkpoint("ckpt-5", step=5), 1e6 * number + 101.0, "ckpt")
        assert values(result) == {"train/loss": float(number)}
        assert result.metrics[0].run == f"logs/run{number}"


def test_the_nearest_of_several_at_work_is_preferred(tmp_path):
    """Of trainings that run at the same time each gets its own values, by where they write."""
    for name, value in (("a", 1.0), ("b", 2.0)):
        EventWriter(tmp_path / name / "logs" / "train" / FILE, 1000.0).scalars(1000.0, 5, loss=value)
        EventWriter(tmp_path / "shared" / "logs" / name / FILE, 1000.0).scalars(1000.0, 5, other=value)
    assert values(joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0, "a/ckpt")) == {"train/loss": 1.0}
    assert values(joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0, "b/ckpt")) == {"train/loss": 2.0}
    assert values(joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0, "shared/ckpt/b")) == {"train/other": 2.0}


def test_a_stranger_gives_nothing(tmp_path):
    """A checkpoint whose own training has logged nothing yet does not get its neighbour's values."""
    for name in ("a", "b"):
        EventWriter(tmp_path / name / "logs" / FILE, 1000.0).scalars(1000.0, 5, loss=1.0)
    assert joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0, "c/ckpt") == Joined((), pending=True)


def test_a_wall_time_that_is_no_time(tmp_path):
    """A value logged at no time at all is not joined, and keeps nothing else from being joined."""
    writer = EventWriter(tmp_path / FILE, 1000.0)
    for step in range(4):
        writer.simple_values(math.nan, step, loss=1.0)
        writer.simple_values(1000.0, step, accuracy=0.5)
    assert values(joined(tmp_path, checkpoint("ckpt-3", step=3), 1001.0)) == {"train/accuracy": 0.5}


def test_a_model_path_that_is_a_link(tmp_path):
    """A checkpoint named through a symbolic link belongs to the training in the real directory."""
    for name, value in (("a", 1.0), ("b", 2.0)):
        EventWriter(tmp_path / "real" / name / FILE, 1000.0).scalars(1000.0, 5, loss=value)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "b")
    assert values(joined(tmp_path, checkpoint("ckpt-5", step=5), 1001.0, "link")) == {"train/loss": 2.0}
