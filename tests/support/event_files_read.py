"""Event files as TensorBoard itself reads them."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray


def scalars(folder: Path, tag: str) -> dict[int, float]:
    """Return {step: value} of a tag in the event files of a folder, whether written as TensorFlow 1 or 2 does."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0}).Reload()
    if tag in events.Tags()["scalars"]:
        return {event.step: event.value for event in events.Scalars(tag)}
    return {event.step: make_ndarray(event.tensor_proto).item() for event in events.Tensors(tag)}
