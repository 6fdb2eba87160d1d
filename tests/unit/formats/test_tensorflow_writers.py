"""
Every state that TensorFlow's writers leave on disk on their way, judged.

The sequences are those of docs/formats/tensorflow.md, seen on disk. Each step is one change of the directory; what is written in place is
seen at several lengths. A state is accepted only when the accepted files are, byte for byte, those of one finished save.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow_files as files
from format_trees import candidates

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.saved_model import SavedModel
from modelwatch.formats.tensorflow_checkpoint import TensorFlowCheckpoint
from modelwatch.formats.tensorflow_checkpoint_v1 import TensorFlowCheckpointV1

FORMATS = (SavedModel(), TensorFlowCheckpoint(), TensorFlowCheckpointV1())
X = "model.ckpt-3"
DATA, INDEX, META = f"{X}.data-00000-of-00001", f"{X}.index", f"{X}.meta"


class Writer:
    """A framework's writer, one change of the directory at a time. Each change is one second later than the last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.second = 10
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, path: str, content: bytes) -> Iterator[None]:
        """Write in place: created or truncated, then longer and longer."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        for length in sorted({0, 1, len(content) // 2, max(0, len(content) - 1), len(content)}):
            target.write_bytes(content[:length])
            self._now(target)
            yield

    def rename_in(self, temporary: str, path: str, content: bytes) -> Iterator[None]:
        """Write under a temporary name, then rename."""
        yield from self.put(temporary, content)
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / temporary).rename(self.folder / path)
        yield

    def delete(self, path: str) -> Iterator[None]:
        """Delete a file that is there."""
        if (self.folder / path).exists():
            (self.folder / path).unlink()
            yield

    def _now(self, path: Path) -> None:
        self.second += 1
        files.touch(path, self.second)


def saver(writer: Writer, golden: Path) -> Iterator[None]:
    """Write as Saver does: data and index renamed in, the state file, the graph."""
    yield from writer.rename_in(f"{DATA}.tempstate123", DATA, (golden / DATA).read_bytes())
    yield from writer.rename_in(f"{INDEX}.tempstate123", INDEX, (golden / INDEX).read_bytes())
    yield from writer.rename_in(f"checkpoint.tmp{'ab' * 16}", "checkpoint", b'model_checkpoint_path: "x"\n')
    if (golden / META).exists():
        yield from writer.rename_in(f"{META}.tmp{'cd' * 16}", META, (golden / META).read_bytes())


def sharded(writer: Writer, golden: Path) -> Iterator[None]:
    """Write as tf.train.Checkpoint and sharded Savers do: parts in X_temp/, data renamed out, the index in place."""
    part = f"{X}_temp/part-00000-of-00001"
    yield from writer.put(f"{part}.data-00000-of-00001", (golden / DATA).read_bytes())
    yield from writer.rename_in(f"{part}.index.tempstate9", f"{part}.index", (golden / INDEX).read_bytes())
    (writer.folder / f"{part}.data-00000-of-00001").rename(writer.folder / DATA)
    yield
    yield from writer.put(INDEX, (golden / INDEX).read_bytes())
    shutil.rmtree(writer.folder / f"{X}_temp")
    yield
    yield from writer.rename_in(f"checkpoint.tmp{'ab' * 16}", "checkpoint", b'model_checkpoint_path: "x"\n')


def saved_model(writer: Writer, golden: Path) -> Iterator[None]:
    """Write as tf.saved_model.save does: variables, assets, the graph, the fingerprint."""
    part = "m/variables/variables_temp/part-00000-of-00001"
    data, index = "variables/variables.data-00000-of-00001", "variables/variables.index"
    yield from writer.put(f"{part}.data-00000-of-00001", (golden / data).read_bytes())
    yield from writer.put(f"{part}.index", (golden / index).read_bytes())
    (writer.folder / f"{part}.data-00000-of-00001").rename(writer.folder / "m" / data)
    yield
    yield from writer.put(f"m/{index}", (golden / index).read_bytes())
    shutil.rmtree(writer.folder / "m/variables/variables_temp")
    yield
    yield from writer.put("m/assets/vocabulary.txt", (golden / "assets/vocabulary.txt").read_bytes())
    for name in ("saved_model.pb", "fingerprint.pb"):
        yield from writer.rename_in(f"m/{name}.tmp{'ef' * 16}", f"m/{name}", (golden / name).read_bytes())


def builder(writer: Writer, golden: Path) -> Iterator[None]:
    """Write as TensorFlow 1's builder does: assets, variables, and the graph in place."""
    yield from writer.put("m/assets/vocabulary.txt", (golden / "assets/vocabulary.txt").read_bytes())
    for data in sorted(golden.glob("variables/*.data-*")):
        name = f"m/variables/{data.name}"
        yield from writer.rename_in(f"{name}.tempstate1", name, data.read_bytes())
    yield from writer.put("m/variables/variables.index", (golden / "variables/variables.index").read_bytes())
    (graph,) = golden.glob("saved_model.pb*")
    yield from writer.put(f"m/{graph.name}", graph.read_bytes())


def v1(writer: Writer, golden: Path) -> Iterator[None]:
    """Write as Saver does in format V1."""
    yield from writer.rename_in(f"{X}.tempstate5", X, (golden / X).read_bytes())
    yield from writer.rename_in(f"{META}.tmp{'cd' * 16}", META, (golden / META).read_bytes())


def rotation(writer: Writer) -> Iterator[None]:
    """Delete as Saver does: graph, index, data."""
    for path in (META, INDEX, DATA, X):
        yield from writer.delete(path)


def accepted(folder: Path, *, deep: bool) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Give the root and files of everything in `folder` that is COMPLETE."""
    for format_ in FORMATS:
        for root, candidate in candidates(format_, folder).items():
            verdict = format_.inspect(str(folder), candidate, deep=deep)
            if verdict.kind is VerdictKind.COMPLETE:
                yield root, files.contents(folder, verdict.checkpoint.members)


def finished(write, golden: Path, folder: Path) -> dict[str, bytes]:
    """Return the files that a finished save leaves, but for the state file."""
    writer = Writer(folder)
    for _ in write(writer, golden):
        pass
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "checkpoint")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("write", "first", "second"),
    [
        (saver, "saver", "saver_again"),
        (saver, "saver_again", "saver"),
        (sharded, "saver", "saver_again"),
        (saved_model, "saved_model_2", "saved_model_2_again"),
        (builder, "saved_model_1", "saved_model_1"),
        (builder, "saved_model_text", "saved_model_text"),
        (v1, "v1", "v1"),
    ],
)
def test_no_torn_state_is_accepted(tmp_path, write, first, second):
    """Written, overwritten under the same name and deleted: what passes the deep check is one finished save, with or without its graph."""
    goldens = [files.GOLDEN / first, files.GOLDEN / second]
    wholes = [finished(write, golden, tmp_path / f"finished-{number}") for number, golden in enumerate(goldens)]
    bodies = [{path: content for path, content in whole.items() if path != META} for whole in wholes]
    writer = Writer(tmp_path / "watched")
    states = complete = 0
    for step in (write(writer, goldens[0]), write(writer, goldens[1]), rotation(writer)):
        for _ in step:
            states += 1
            for _, content in accepted(writer.folder, deep=True):
                complete += 1
                body = {path: data for path, data in content.items() if path != META}
                assert body in bodies
                assert META not in content or content[META] in [whole.get(META) for whole in wholes]
    assert states >= 15
    assert complete >= 2


@pytest.mark.parametrize(
    ("write", "golden", "root"),
    [
        (saver, "saver", X),
        (sharded, "saver", X),
        (v1, "v1", X),
        (saved_model, "saved_model_2", "m"),
        (builder, "saved_model_1", "m"),
    ],
)
def test_a_finished_save_is_accepted(tmp_path, write, golden, root):
    """After the last step both the shallow and the deep check say COMPLETE, with every file of the save."""
    whole = finished(write, files.GOLDEN / golden, tmp_path / "watched")
    for deep in (False, True):
        assert dict(accepted(tmp_path / "watched", deep=deep)) == {root: whole}
