"""Reading event files in tests: with our reader into plain dictionaries, and with TensorBoard's."""

from pathlib import Path

from modelwatch.scalars.logdir import LogDirectories

Points = dict[tuple[str, str], list[tuple[int, float, float]]]


def all_points(logs: LogDirectories) -> Points:
    """Return (step, wall time, value) of every point by run and tag."""
    with logs.view() as runs:
        return {(run.name, tag): [tuple(point) for point in run.points(tag)] for run in runs for tag in run.tags()}


def read_once(root: Path, clock=None) -> Points:
    """Return every point below `root`."""
    logs = LogDirectories([str(root)], clock=clock)
    logs.poll(final=True)
    return all_points(logs)


def tensorboard_points(directory: Path) -> dict[str, list[tuple[int, float, float]]]:
    """Return every scalar point that TensorBoard's EventAccumulator reads in one run, by tag."""
    from tensorboard.backend.event_processing import event_accumulator, tag_types
    from tensorboard.util import tensor_util

    accumulator = event_accumulator.EventAccumulator(
        str(directory), size_guidance={tag_types.TENSORS: 0, event_accumulator.SCALARS: 0}, purge_orphaned_data=False
    )
    accumulator.Reload()
    points = {
        tag: [(event.step, event.wall_time, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }
    for tag in accumulator.Tags()["tensors"]:
        if accumulator.SummaryMetadata(tag).plugin_data.plugin_name != "scalars":
            continue
        points[tag] = [
            (event.step, event.wall_time, float(tensor_util.make_ndarray(event.tensor_proto).item()))
            for event in accumulator.Tensors(tag)
        ]
    return points
